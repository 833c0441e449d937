"""`ksef-mock serve` as a process of its own, which tests can kill."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A running mock and what it printed."""

    process: subprocess.Popen[str]
    url: str
    token: str

    def kill(self) -> None:
        """As a crash does it."""
        self.process.kill()
        self.process.communicate()

    def workers(self) -> list[int]:
        """The processes that it has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@contextlib.contextmanager
def serving(*options: str, program: str = "ksef_mock.cli") -> Iterator[Served]:
    """`program`: a module that is started instead of the command's own."""
    process = subprocess.Popen(
        [sys.executable, "-m", program, "serve", "--port", "0", "--log-level", "error", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        assert all(lines), process.communicate()[1]
        yield Served(process, lines[0].split()[-1], lines[2].split()[-1])
    finally:
        process.kill()
        process.communicate()
