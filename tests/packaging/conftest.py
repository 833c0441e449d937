"""The distribution as users get it: built, and installed where nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.once import once

ROOT = Path(__file__).parents[2]
#: Seconds for a build or an installation.
_PATIENCE = 900


@dataclass(frozen=True)
class Installation:
    """A virtual environment of its own."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, program: str, *arguments: str | Path, **options: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, away from the sources."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=environment | options,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def dist(shared: Path) -> Path:
    """The folder with the wheel and the sdist."""

    def build(folder: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE)
        assert done.returncode == 0, done.stderr

    return once(shared / "dist", build)


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def sdist(dist: Path) -> Path:
    (found,) = dist.glob("*.tar.gz")
    return found


@pytest.fixture(scope="session")
def install(shared: Path, wheel: Path) -> Callable[..., Installation]:
    """Install the wheel with some extras, and other requirements, in an environment of that name."""

    def install(name: str, extras: str = "", *others: str) -> Installation:
        def make(folder: Path) -> None:
            venv.create(folder, with_pip=True)
            requirement = f"ksef-mock[{extras}] @ {wheel.as_uri()}" if extras else str(wheel)
            done = Installation(folder).run(
                "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement, *others
            )
            assert done.returncode == 0, done.stderr

        return Installation(once(shared / f"venv-{name}", make))

    return install


@pytest.fixture(scope="session")
def bare(install: Callable[..., Installation]) -> Installation:
    """ksef-mock without any extra."""
    return install("bare")
