"""`make release-check`: whether this tree can be published. Needs the package index.

Each finding is a line; exit code 1 if one of them stands in the way.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import Parser
from functools import partial
from pathlib import Path
from typing import Any

from release.metadata import VARIABLE, repository_of

ROOT = Path(__file__).parents[1]
#: Seconds for a build or an installation.
_PATIENCE = 600
_SERVES = """
from ksef_mock.testing import MockServer

with MockServer() as mock:
    mock.issue_token("5265877635")
"""
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Obstacle(Exception):
    """What stands in the way of a release."""


def pyproject() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def repository() -> str:
    """
    Raises:
        Obstacle: it is not known.
    """
    address = repository_of(pyproject())
    if not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", address):
        raise Obstacle(
            "the address of the repository, https://…, is needed: `repository` in pyproject.toml, or "
            f"make release-check REPOSITORY=https://… (which sets {VARIABLE}); it is {address!r}"
        )
    return address


def versions(root: Path = ROOT) -> str:
    """pyproject.toml, the package and the changelog name one version, and nothing waits for another.

    Raises:
        Obstacle: as it says.
    """
    version: str = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    package = re.search(r'__version__ = "(.*)"', (root / "ksef_mock" / "__init__.py").read_text("utf-8"))
    if package is None or package[1] != version:
        raise Obstacle(f"pyproject.toml has version {version}, ksef_mock has {package and package[1]}")
    titles = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    if not any(re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", title) for title in titles):
        raise Obstacle(f"CHANGELOG.md has no section {version}: make changelog VERSION={version}")
    waiting = sorted(path.name for path in (root / "changelog.d").glob("*.md"))
    if waiting:
        more = len(waiting) - 1
        raise Obstacle(f"changelog.d has {waiting[0]}{f' and {more} more' if more else ''}: make changelog")
    return version


def name(address: str, name: str) -> str:
    """The name on the package index is free, or ours by the address that it shows.

    Raises:
        Obstacle: it is somebody else's.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked = _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, name)
        if asked.returncode != 0:
            if "No matching distribution" in asked.stderr:
                return f"the name {name} is free on the package index"
            raise Obstacle(f"the package index does not answer: {asked.stderr.strip()[-300:]}")
        (found,) = Path(folder).iterdir()
        shown = metadata_of(found).get_all("Project-URL") or []
    if not any(address in each for each in shown):
        raise Obstacle(f"the name {name} is taken: {shown or 'by a project without addresses'}")
    return f"the name {name} is ours"


def metadata_of(archive: Path) -> Message:
    """The metadata in a wheel or an sdist."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            (path,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
            return Parser().parsestr(wheel.read(path).decode())
    with tarfile.open(archive) as sdist:
        file = sdist.extractfile(next(each for each in sdist.getnames() if each.endswith("/PKG-INFO")))
        assert file is not None
        return Parser().parsestr(file.read().decode())


def links(archive: Path, address: str, version: str) -> str:
    """The README as the index will show it leads nowhere but to addresses, and to files of this tree.

    Raises:
        Obstacle: a link does not.
    """
    text = str(metadata_of(archive).get_payload())
    found = _LINK.findall(text)
    for target in found:
        if not target.startswith(("https://", "#")):
            raise Obstacle(f"{archive.name}: README: {target} leads nowhere on the package index")
        of_tree = re.fullmatch(rf"{re.escape(address)}(?:/-)?/(?:blob|raw)/v(.+?)/([^#]+)(?:#.*)?", target)
        if of_tree and (of_tree[1] != version or not (ROOT / of_tree[2]).exists()):
            raise Obstacle(f"{archive.name}: README: {target} is not in this tree")
    if not found or "'.[" in text:
        raise Obstacle(f"{archive.name}: README: it is not made for the package index")
    return f"{archive.name}: {len(found)} links of the README lead somewhere"


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel.

    Raises:
        Obstacle: it cannot be built.
    """
    _succeed(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def checked_by_twine(folder: Path, *archives: Path) -> str:
    """`twine check --strict`, with a twine of its own.

    Raises:
        Obstacle: it finds something.
    """
    program = _installed(folder / "twine", "twine") / "twine"
    _succeed(str(program), "check", "--strict", *map(str, archives))
    return "twine finds nothing wrong"


def installed(folder: Path, sdist: Path, version: str) -> str:
    """The sdist is installed where nothing else is, and serves.

    Raises:
        Obstacle: it does not.
    """
    programs = _installed(folder / "sdist", str(sdist))
    said = _succeed(str(programs / "ksef-mock"), "--version", cwd=folder)
    if version not in said:
        raise Obstacle(f"ksef-mock --version says {said.strip()!r}")
    _succeed(str(programs / "python"), "-c", _SERVES, cwd=folder)
    return f"{sdist.name} can be installed, and serves"


def _installed(folder: Path, *requirements: str) -> Path:
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    options = ("-q", "--disable-pip-version-check")
    _succeed(str(programs / "python"), "-m", "pip", "install", *options, *requirements)
    return programs


def _succeed(*command: str, cwd: Path | None = None) -> str:
    done = _run(*command, cwd=cwd)
    if done.returncode != 0:
        raise Obstacle(f"{' '.join(command)[:200]}\n{(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


def _run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_PATIENCE, check=False)


def findings(folder: Path) -> Iterator[Callable[[], str]]:
    """Each of these says what is right, or raises what is not; in this order."""
    yield lambda: f"the repository is {repository()}"
    yield lambda: f"everything is of version {versions()}"
    yield lambda: name(repository(), pyproject()["project"]["name"])
    version = pyproject()["project"]["version"]
    archives: list[Path] = []

    def built() -> str:
        archives.extend(build(folder / "dist"))
        return f"built: {', '.join(each.name for each in archives)}"

    yield built
    for archive in archives:
        yield partial(_links, archive, version)
    if archives:
        yield lambda: checked_by_twine(folder, *archives)
        yield lambda: installed(folder, archives[0], version)


def _links(archive: Path, version: str) -> str:
    return links(archive, repository(), version)


def main() -> int:
    """Print every finding; the exit code."""
    obstacles = 0
    with tempfile.TemporaryDirectory() as folder:
        for finding in findings(Path(folder)):
            try:
                sys.stdout.write(f"ok      {finding()}\n")
            except Obstacle as obstacle:
                obstacles += 1
                sys.stdout.write(f"FAILED  {obstacle}\n")
            sys.stdout.flush()
    return 1 if obstacles else 0


if __name__ == "__main__":
    sys.exit(main())
