"""Clients that run in the tests' own process: as the runner sees them the same, and many times as fast."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pytest

from contract_tests.clients import command as process
from contract_tests.clients.command import Ended, Given
from tests.contract_tests.clients.client import TimeIsUp

#: Arguments, environment, what to print with, until when -> exit code.
InsideClient: TypeAlias = Callable[[Sequence[str], Mapping[str, str], Callable[[str], object], float], int]


def run_inside(monkeypatch: pytest.MonkeyPatch, client: InsideClient) -> None:
    """Have the runner call `client` instead of starting a command."""

    def run(command: Sequence[str], given: Given, *, limit: float, stop: threading.Event) -> Ended:
        said: list[str] = []
        begin = time.monotonic()
        code: int | None = None
        with contextlib.suppress(TimeIsUp):
            code = client(command, given.environment, said.append, begin + limit)
        return Ended(code, "\n".join(said), time.monotonic() - begin)

    monkeypatch.setattr(process, "run", run)
