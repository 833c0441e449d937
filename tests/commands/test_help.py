"""The help of the commands: sentences are whole, words are completed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ksef_mock.cli import main


def test_sentences_of_the_commands_are_whole() -> None:
    lines = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    assert [line for line in lines[1:] if line.endswith(("...", "e.g."))] == []
    assert "Run a mock:" in lines


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
