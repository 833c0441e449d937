"""A real redis-server for tests, on a Unix socket of its own, that can be killed and started again."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Why tests that need one are skipped; None: there is one.
MISSING = None if shutil.which("redis-server") else "redis-server is not installed"

needs_redis = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

#: Nothing that was answered is lost.
LOSSLESS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
#: What was written since the last SAVE is lost.
LOSSY = ("--appendonly", "no", "--save", "")


class RedisServer:
    """One server; its data outlives its processes."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._directory = Path(tempfile.mkdtemp(prefix="ksef-mock-redis-"))
        self._socket = self._directory / "socket"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        where = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._directory)]
        self._process = subprocess.Popen(["redis-server", *where, *self._options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while b"PONG" not in self._answer(b"PING"):
            assert self._process.poll() is None, "redis-server has ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)

    def command(self, *words: str) -> bytes:
        return self._answer(" ".join(words).encode())

    def kill(self) -> None:
        """As a crash does it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Accept connections, answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._directory)

    def _answer(self, command: bytes) -> bytes:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self._socket))
            client.sendall(command + b"\r\n")
            return client.recv(65_536)
        return b""


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
