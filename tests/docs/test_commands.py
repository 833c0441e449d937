"""Commands in a line of text: each is read as its program reads it, with something in the place of FILE."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from contract_tests.cli import main as ksef_conformance
from ksef_client_min.cli import main as ksef
from ksef_mock.cli import main as ksef_mock
from tests.docs.snippets import DOCUMENTS, ROOT, commands

PROGRAMS: dict[str, click.Group] = {
    "ksef-mock": ksef_mock,
    "ksef": ksef,
    "ksef-conformance": ksef_conformance,
}
#: What stands in the pages for something of the reader's.
PLACES = {
    "FILE": "a.file",
    "FOLDER": ".",
    "NIP": "5265877635",
    "TIME": "2026-03-01",
    "N": "1",
    "S": "1",
    "SECONDS": "1",
    "SECRET": "secret",
}


def cases(*programs: str) -> list[object]:
    return [
        pytest.param(command, id=f"{document.stem}: {command}")
        for document in DOCUMENTS
        for command in commands(document, *programs)
    ]


@pytest.mark.parametrize("command", cases(*PROGRAMS))
def test_command_is_understood_by_its_program(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(re.sub(r"[\[\]]|\s*(…|\.\.\.)$", "", command))
    words = [PLACES.get(word.split("|")[0], word.split("|")[0]) for word in words]
    for word in words:
        if re.fullmatch(r"[\w-]+\.\w+", word):
            Path(word).touch()
    read: click.Command = PROGRAMS[program]
    with click.Context(read, info_name=program) as context:
        while words and isinstance(read, click.Group):
            if words[0].startswith("-"):
                break
            found = read.get_command(context, words.pop(0))
            assert found is not None, f"{program} has no such command"
            read = found
    if words:
        given, values = known_options(read, words)
        assert given <= known(read), f"{command}: options that it has not"
        if values:
            read.make_context(program, words)


def known(command: click.Command) -> set[str]:
    found = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return found | {"--help", "-h"}


def known_options(command: click.Command, words: list[str]) -> tuple[set[str], bool]:
    """The options among the words, and whether anything but a name was given that can be read."""
    before = words[: words.index("--")] if "--" in words else words
    given = {word.partition("=")[0] for word in before if re.match(r"--?\w", word)}
    required = [each for each in command.params if each.required and isinstance(each, click.Option)]
    # A page may speak of one option and leave those away that are needed beside it.
    whole = all(given & set(each.opts) for each in required) and not given & {"--help", "-h"}
    return given, whole and any(not re.match(r"--?\w", word) for word in before)


@pytest.mark.parametrize("command", cases("make"))
def test_target_is_in_the_makefile(command: str) -> None:
    targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [word for word in command.split()[1:] if "=" not in word and word not in targets] == []


@pytest.mark.parametrize("command", cases("pip"))
def test_extras_that_are_installed_are_there(command: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for named in re.findall(r"(?:\.|ksef-mock)\[([\w,]+)\]", command):
        assert set(named.split(",")) <= set(extras)


@pytest.mark.parametrize("command", cases("python"))
def test_module_that_is_run_is_there(command: str) -> None:
    for name in re.findall(r"python -m ([\w.]+)", command):
        if name.split(".")[0] in os.listdir(ROOT):
            path = ROOT.joinpath(*name.split("."))
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
