"""`make release-check`, and what the package index is given to show."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ksef_mock import __version__
from release import check
from release.metadata import VARIABLE, readme, repository_of
from tests.once import once
from tests.packaging.conftest import ROOT

REPOSITORY = "https://git.example/team/ksef-mock"
TITLE = f"## {__version__} - 2026-01-31"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, REPOSITORY)


@pytest.fixture(scope="session")
def for_the_index(shared: Path) -> tuple[Path, Path]:
    """The sdist and the wheel as they are published."""

    def build(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, REPOSITORY)
            check.build(folder)

    folder = once(shared / "dist-for-the-index", build)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


# -- the README


def test_links_of_the_readme_become_absolute() -> None:
    text = "[a](docs/a.md#here) ![b](docs/b.png) [c](https://c.example/x) [d](#down)\n"
    assert readme(text, REPOSITORY, "1.2.3") == (
        f"[a]({REPOSITORY}/blob/v1.2.3/docs/a.md#here) ![b]({REPOSITORY}/raw/v1.2.3/docs/b.png) "
        "[c](https://c.example/x) [d](#down)\n"
    )
    assert "(https://gitlab.example/x/-/blob/v1/a)" in readme("[a](a)", "https://gitlab.example/x", "1")


def test_readme_installs_by_name_on_the_index() -> None:
    text = "<!-- in a clone -->\nIn a clone:\n<!-- anywhere -->\n<!-- run: sh -->\npip install '.[client]'\n"
    assert readme(text, REPOSITORY, "1") == "pip install 'ksef-mock[client]'\n"


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("which", [0, 1], ids=["sdist", "wheel"])
def test_archives_show_addresses_and_a_readme_that_leads_somewhere(
    for_the_index: tuple[Path, Path], which: int
) -> None:
    archive = for_the_index[which]
    assert "links of the README lead somewhere" in check.links(archive, REPOSITORY, __version__)
    metadata = check.metadata_of(archive)
    assert f"Source, {REPOSITORY}" in metadata.get_all("Project-URL", [])
    text = str(metadata.get_payload())
    assert "pip install 'ksef-mock[" in text
    assert "in a clone" not in text


@pytest.mark.usefixtures("known")
def test_link_that_leads_nowhere_is_found(
    for_the_index: tuple[Path, Path], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(check.Obstacle, match="leads nowhere on the package index"):
        check.links(wheel, REPOSITORY, __version__)  # built without a repository
    with pytest.raises(check.Obstacle, match="is not in this tree"):
        check.links(for_the_index[1], REPOSITORY, "9.9.9")
    monkeypatch.setattr(check, "ROOT", ROOT / "docs")
    with pytest.raises(check.Obstacle, match="is not in this tree"):
        check.links(for_the_index[1], REPOSITORY, __version__)


# -- what stands in the way


def test_repository_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("", "http://git.example/x", "https://git.example"):
        monkeypatch.setenv(VARIABLE, wrong)
        if wrong or not repository_of(check.pyproject()):
            with pytest.raises(check.Obstacle, match="make release-check REPOSITORY=https://"):
                check.repository()
    monkeypatch.setenv(VARIABLE, f"{REPOSITORY}/")
    assert check.repository() == REPOSITORY


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "ksef_mock").mkdir()
    (tmp_path / "changelog.d").mkdir()
    for name in ("pyproject.toml", "ksef_mock/__init__.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\n{TITLE}\n\n### Added\n- one\n")
    return tmp_path


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda tree: (tree / name).write_text(text)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (write("CHANGELOG.md", "## Unreleased\n"), f"no section {__version__}"),
        (write("CHANGELOG.md", f"## {__version__}\n"), f"no section {__version__}"),
        (write("changelog.d/a.added.md", "x"), "changelog.d has a.added.md: make changelog"),
        (write("ksef_mock/__init__.py", '__version__ = "0.0.0"\n'), "ksef_mock has 0.0.0"),
    ],
)
def test_version_needs_a_changelog(tree: Path, spoil: Callable[[Path], object], said: str) -> None:
    assert check.versions(tree) == __version__
    spoil(tree)
    with pytest.raises(check.Obstacle, match=said):
        check.versions(tree)


def test_name_is_free_ours_or_taken(
    for_the_index: tuple[Path, Path], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def index(archive: Path | None, stderr: str = "") -> None:
        def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
            assert cwd is None
            if archive is not None:
                (Path(command[-2]) / archive.name).write_bytes(archive.read_bytes())
            return subprocess.CompletedProcess(command, int(archive is None), "", stderr)

        monkeypatch.setattr(check, "_run", run)

    index(None, "ERROR: No matching distribution found for ksef-mock")
    assert check.name(REPOSITORY, "ksef-mock").endswith("is free on the package index")
    index(for_the_index[1])
    assert check.name(REPOSITORY, "ksef-mock").endswith("is ours")
    index(wheel)
    with pytest.raises(check.Obstacle, match="taken: by a project without addresses"):
        check.name(REPOSITORY, "ksef-mock")
    index(None, "ERROR: the network")
    with pytest.raises(check.Obstacle, match="does not answer"):
        check.name(REPOSITORY, "ksef-mock")


def test_every_obstacle_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> str:
        raise check.Obstacle("no")

    for step in ("repository", "versions", "name", "build"):
        monkeypatch.setattr(check, step, refuse)
    assert check.main() == 1
    assert capsys.readouterr().out == "FAILED  no\n" * 4
    for step in ("repository", "versions", "name"):
        monkeypatch.setattr(check, step, lambda *_: "right")
    archives = (Path("a.tar.gz"), Path("a.whl"))
    monkeypatch.setattr(check, "build", lambda _: archives)
    for step in ("links", "checked_by_twine", "installed"):
        monkeypatch.setattr(check, step, lambda *_: "right")
    assert check.main() == 0
    assert capsys.readouterr().out.count("ok      ") == 8
