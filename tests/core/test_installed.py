"""The command that brings an extra: from where this installation has come itself."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from ksef_mock.core.installed import how_to_install


class Noted:
    """A distribution as far as it is asked."""

    def __init__(self, noted: str | None) -> None:
        self._noted = noted

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._noted


def noted(monkeypatch: pytest.MonkeyPatch, origin: Any) -> None:
    text = origin if isinstance(origin, str | None) else json.dumps(origin)
    monkeypatch.setattr(metadata, "distribution", lambda _: Noted(text))


@pytest.mark.parametrize("origin", [None, "", "no JSON", "[]", {"dir_info": {}}, "null"])
def test_of_an_index_the_name_is_enough(monkeypatch: pytest.MonkeyPatch, origin: Any) -> None:
    noted(monkeypatch, origin)
    assert how_to_install("client") == 'pip install "ksef-mock[client]"'
    assert how_to_install("client", "seed") == 'pip install "ksef-mock[client,seed]"'


def test_of_a_repository_its_address_and_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://git.example/ksef-mock.git"
    vcs = {"vcs": "git", "requested_revision": "v1", "commit_id": "c0ffee"}
    noted(monkeypatch, {"url": url, "vcs_info": vcs})
    assert how_to_install("client") == f'pip install "ksef-mock[client] @ git+{url}@v1"'
    noted(monkeypatch, {"url": url, "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}})
    assert how_to_install("client").endswith('@c0ffee"')


def test_of_an_archive_on_the_web_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    noted(monkeypatch, {"url": "https://files.example/ksef_mock-1.whl", "archive_info": {}})
    assert (
        how_to_install("client") == 'pip install "ksef-mock[client] @ https://files.example/ksef_mock-1.whl"'
    )


@pytest.mark.parametrize(("editable", "option"), [(True, "-e "), (False, "")])
def test_of_a_folder_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, editable: bool, option: str
) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    noted(monkeypatch, {"url": folder.as_uri(), "dir_info": {"editable": editable}})
    assert how_to_install("client") == f'pip install {option}"{folder}[client]"'
    monkeypatch.chdir(folder)
    assert how_to_install("client") == f'pip install {option}".[client]"'


def test_of_a_file_the_file_as_long_as_it_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = tmp_path / "ksef_mock-1.whl"
    noted(monkeypatch, {"url": wheel.as_uri(), "archive_info": {}})
    assert how_to_install("client") == 'pip install "ksef-mock[client]"'
    wheel.touch()
    assert how_to_install("client") == f'pip install "{wheel}[client]"'


def test_of_sources_that_are_not_installed_their_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> Noted:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", unknown)
    sources = Path(__file__).parents[2]
    monkeypatch.chdir(sources.parent)
    assert how_to_install("client") == f'pip install -e "{sources}[client]"'
