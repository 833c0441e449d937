from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ksef_mock.testing import MockServer
from tests.judges.programs import Absent, Case, prepare, sign
from tests.once import once
from tests.support import Api


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the signers are given, made once for all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return once(shared / "signers", prepare)


@pytest.fixture(scope="session")
def document_of(prepared: Path) -> Callable[[Case], bytes]:
    """The document of a case. A program signs all of its documents when the first is asked for."""

    def read(case: Case) -> bytes:
        try:
            folder = once(
                prepared.with_name(f"signed-{case.program}"), lambda path: sign(case.program, prepared, path)
            )
        except Absent as absent:
            unavailable(str(absent))
        return (folder / case.file).read_bytes()

    return read


@pytest.fixture(scope="session")
def waiting(prepared: Path) -> Iterator[Api]:
    """A mock that has issued the challenges of all cases."""
    with MockServer() as mock:
        mock.restore((prepared / "snapshot").read_bytes())
        api = Api(mock.url)
        yield api
        api.close()


def unavailable(reason: str) -> NoReturn:
    """Skip what cannot be run here; in CI it fails."""
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(reason)
    pytest.fail(reason)
