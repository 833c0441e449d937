"""Several processes behind one address: `ksef-mock serve --workers N`.

One process listens and hands the socket to the others, so whichever is idle takes the next connection, a
connection that waits is not lost when a worker dies, and a port that the system chooses is everybody's. Each
worker is a fresh interpreter: nothing random is inherited twice. A worker that dies is replaced; when the
supervisor ends, however it ends, its workers do too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

from ksef_mock.launch import Mock, serve_alone
from ksef_mock.serving.tls import ServerCertificate
from ksef_mock.settings import Settings
from ksef_mock.trail.logs import LogFormat, configure

_log = logging.getLogger("ksef_mock")

_READY = b"ready\n"
#: Seconds that a worker may take to start, and to stop when told.
_START = 30.0
_STOP = 3.0
#: Seconds before a worker that did not even start is tried again.
_PAUSE = 1.0


class WorkerFailed(Exception):
    """A worker did not start."""


class Orders(NamedTuple):
    """What a worker is told."""

    settings: Settings
    #: File descriptor of the listening socket.
    descriptor: int
    #: The same of the lighthouse's own; None: it has none.
    lighthouse: int | None
    #: None: plain HTTP.
    certificate: ServerCertificate | None
    log_format: LogFormat
    log_level: int


class Workers:
    """The worker processes of one address."""

    def __init__(self, number: int, orders: Orders) -> None:
        self._number = number
        self._orders = pickle.dumps(orders)
        self._descriptors = tuple(
            number for number in (orders.descriptor, orders.lighthouse) if number is not None
        )
        self._stopping = asyncio.Event()
        self._processes: set[asyncio.subprocess.Process] = set()

    def stop(self) -> None:
        """Stop all workers; `run` returns."""
        self._stopping.set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until stopped; `on_ready` is called once all workers accept requests.

        Raises:
            WorkerFailed: one of them did not start in the beginning.
        """
        keepers: list[asyncio.Task[None]] = []
        try:
            first = await asyncio.gather(*(self._start() for _ in range(self._number)))
            keepers = [asyncio.create_task(self._keep(process)) for process in first]
            on_ready()
            await self._stopping.wait()
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await asyncio.gather(*map(_end, self._processes))

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        while True:
            code = await process.wait()
            self._processes.discard(process)
            _log.error("worker %d ended with exit code %d: starting another", process.pid, code)
            while True:
                try:
                    process = await self._start()
                    break
                except WorkerFailed as failure:
                    _log.error("%s", failure)
                    await asyncio.sleep(_PAUSE)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ksef_mock.commands.workers",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._descriptors,
            # Ctrl-C is for the supervisor, which stops the workers then.
            start_new_session=True,
        )
        self._processes.add(process)
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it has ended already: the next line says so
            process.stdin.write(len(self._orders).to_bytes(4, "big") + self._orders)
            await process.stdin.drain()
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START)
        except TimeoutError:
            line = b""
        if line != _READY:
            await _end(process)
            self._processes.discard(process)
            raise WorkerFailed(f"worker {process.pid} did not start: exit code {process.returncode}")
        return process


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP)
        except TimeoutError:
            process.kill()
            await process.wait()


def main() -> None:
    """A worker; its orders come through stdin, whose end says that the supervisor is gone."""
    length = int.from_bytes(sys.stdin.buffer.read(4), "big")
    # Written by the supervisor, not by anybody outside.
    orders: Orders = pickle.loads(sys.stdin.buffer.read(length))  # noqa: S301
    configure(orders.log_format, orders.log_level)
    asyncio.run(_work(orders))


async def _work(orders: Orders) -> None:
    mock = Mock(orders.settings)
    listener = socket.socket(fileno=orders.descriptor)
    lighthouse = None if orders.lighthouse is None else socket.socket(fileno=orders.lighthouse)

    def ready() -> None:
        os.write(sys.stdout.fileno(), _READY)

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), mock.stop)
    try:
        await serve_alone(mock, listener, ready, certificate=orders.certificate, lighthouse=lighthouse)
    finally:
        loop.remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    main()
