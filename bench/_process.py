"""Servers in processes of their own, and what they cost in CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


class ServerProcess:
    """A server started as `python ARGUMENTS`, ready once its first line, ending in its URL, is out."""

    def __init__(self, *arguments: str, stdin: bytes = b"") -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(stdin)
        self._process.stdin.close()
        self.url = self.line().split()[-1]

    def line(self) -> str:
        """The next line that the server prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            raise RuntimeError(f"the server ended with exit code {self._process.wait()}")
        return line.rstrip("\n")

    def cpu_seconds(self) -> float:
        """User and system time of the process and those that it started, in seconds; resolution 10 ms."""
        return sum(map(cpu_seconds, self._processes()))

    def resident(self) -> float:
        """Memory that the process and those that it started hold at the moment, in MiB."""
        return sum(_memory(pid, "VmRSS") for pid in self._processes())

    def most_resident(self) -> float:
        """The most that each of them has ever held, in MiB, together."""
        return sum(_memory(pid, "VmHWM") for pid in self._processes())

    def _processes(self) -> list[int]:
        pid = self._process.pid
        # A child is one of the thread that started it.
        lists = [path.read_text("ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")]
        return [pid, *map(int, " ".join(lists).split())]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used, in seconds; resolution 10 ms."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(pid: int, name: str) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1_024


def machine() -> str:
    """This machine in a line: cores and Python version."""
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
