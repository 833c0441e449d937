"""Where the unmodified clients of other languages are kept, and what happens where they cannot be had.

What is built is kept for the user rather than in the checkout, so that a fresh clone does not build it again;
`XDG_CACHE_HOME` names another place.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from tests.once import once

#: Seconds for the installation of a client: the crate's 316 dependencies take minutes.
_PATIENCE = 1500


def kept(name: str, pins: bytes, make: Callable[[Path], None]) -> Path:
    """The folder of a client, made at the first call on this machine for these pins."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ksef-mock-tests"
    home.mkdir(parents=True, exist_ok=True)
    folder = home / f"{name}-{hashlib.sha256(pins).hexdigest()[:12]}"

    def anew(path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)
        make(path)

    return once(folder, anew)


def run(what: str, *command: str | Path, folder: Path | None = None, **environment: str) -> str:
    """The standard output of a step of an installation; without it `what` is unavailable."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        unavailable(what, f"{command[0]} did not finish within {_PATIENCE} s")
    if done.returncode:
        unavailable(what, f"{command[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def program(what: str, *names: str) -> str:
    """The first of the programs that this machine has."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{what} needs one of these programs: {', '.join(names)}")
    return found


@cache
def python_client(name: str) -> Path:
    """The interpreter of an environment with the distributions of `python/NAME.txt`, pinned, and no others.

    A line `# python VERSION...` at the top names the interpreters to choose from.
    """
    pins = Path(__file__).parent / "python" / f"{name}.txt"
    text = pins.read_text()
    text += "".join((pins.parent / name).read_text() for name in re.findall(r"(?m)^-r (\S+)$", text))
    first = text.partition("\n")[0]
    names = [f"python{version}" for version in first.removeprefix("# python ").split()]
    base = _interpreter(name, names)

    def make(folder: Path) -> None:
        run(name, base, "-m", "venv", folder)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(name, folder / "bin" / "python", *install, "--requirement", pins)

    return kept(name, text.encode() + base.encode(), make) / "bin" / "python"


def _interpreter(what: str, names: list[str]) -> str:
    """An interpreter that runs. Those of pyenv count, whose names on the path may not run at all."""
    found = [shutil.which(name) for name in names]
    versions = Path.home() / ".pyenv" / "versions"
    found += [
        str(path) for name in names for path in versions.glob(f"{name.removeprefix('python')}*/bin/{name}")
    ]
    running = next((path for path in found if path is not None and _runs(path)), None)
    if running is None:
        pytest.skip(f"{what} needs one of these interpreters: {', '.join(names)}")
    return running


def _runs(interpreter: str) -> bool:
    return not subprocess.run(
        [interpreter, "-c", "import ssl, venv"], capture_output=True, check=False
    ).returncode


def client(*command: str | Path, folder: Path, given: str = "", **environment: str) -> str:
    """Runs a program of a client, which reads `given`; its output, which is the message if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**_without_ours(os.environ), **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def unavailable(what: str, reason: str) -> NoReturn:
    """Skips the test, saying why; in CI (environment variable `CI`) a failed installation fails it."""
    message = f"{what} cannot be had here: {reason}"
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(message)
    pytest.fail(message)


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """Nothing that leads the interpreter of another environment to the packages of this one."""
    return {
        name: value for name, value in environment.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
