"""The help of the commands: sentences are whole, words are completed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from contract_tests.cli import main as conformance
from ksef_client_min.cli import main as ksef
from ksef_mock.cli import main


def test_sentences_of_the_commands_are_whole() -> None:
    lines = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    assert [line for line in lines[1:] if line.endswith(("...", "e.g."))] == []
    assert "Run a mock:" in lines


def _groups(group: click.Group, path: str) -> Iterator[tuple[str, click.Group]]:
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _groups(command, f"{path} {name}")


@pytest.mark.parametrize("program", [main, ksef, conformance], ids=["ksef-mock", "ksef", "ksef-conformance"])
def test_sentences_of_each_group_of_commands_are_whole(program: click.Group) -> None:
    for path, group in _groups(program, ""):
        lines = CliRunner().invoke(group, ["--help"], terminal_width=80).output.splitlines()
        cut = [line for line in lines[1:] if line.endswith("...")]
        assert not cut, (path, cut)


@pytest.mark.parametrize(
    ("module", "variable", "words", "completed"),
    [
        ("ksef_mock.cli", "_KSEF_MOCK_COMPLETE", "ksef-mock jou", "plain,journal"),
        ("ksef_client_min", "_KSEF_COMPLETE", "ksef auth logou", "plain,logout"),
        ("contract_tests", "_KSEF_CONFORMANCE_COMPLETE", "ksef-conformance ru", "plain,run"),
    ],
)
def test_words_are_completed(module: str, variable: str, words: str, completed: str) -> None:
    wished = {variable: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    name = words.split()[0]
    run = f"runpy.run_module({module!r}, run_name='__main__')"
    program = f"import runpy, sys; sys.argv = [{name!r}]; {run}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **wished},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == [completed], done.stderr
