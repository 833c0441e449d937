"""Runs the application under uvicorn, so that it tells when it is ready and stops at once when told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from ksef_mock.serving.tls import ServerCertificate

_log = logging.getLogger("ksef_mock")

#: Seconds that requests under way may take to finish when the server is stopped.
_GRACE = 1.0
#: Where to reach what listens on every address.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
#: Seconds between two lines that say the same of the same trouble.
_SILENCE = 10.0
#: Bytes that are read from a connection at once: all of almost any request.
_PIECE = 16 * 1024


def listen(host: str, port: int) -> socket.socket:
    """A bound listening socket; port 0 takes a free one.

    Raises:
        OSError: the address cannot be bound.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows it would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """The base URL that clients on this machine reach the socket by."""
    host, port = listener.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Protocol(AutoHTTPProtocol):  # type: ignore[valid-type, misc]  # which one is known at run time only
    """uvicorn's protocol, reading in smaller pieces."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        # asyncio's own choice is 256 KiB: making a block of that size takes longer than the read, and leaves
        # the heap in pieces around what lives longer. It is an attribute of the class; no option sets it.
        if hasattr(transport, "max_size"):
            transport.max_size = _PIECE
        super().connection_made(transport)


class Server(uvicorn.Server):
    """A uvicorn server with a ready callback and a `stop` that is safe to call from any thread."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None] | None = None,
        tls: ServerCertificate | None = None,
    ) -> None:
        """Serve `app`, with TLS by that certificate or without.

        `on_stop` is called in the event loop, before requests under way are waited for.
        """
        config = uvicorn.Config(
            app,
            http=_Protocol,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # a client must not choose the address that IP policies see
            lifespan="off",
            ws="none",
        )
        if tls is not None:
            # uvicorn's own options take file names, and no minimum version.
            config.load()
            config.ssl = tls.context()
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._stopping = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Stop accepting, finish what is under way, return from `serve`."""
        if self.loop is None:
            self._stopping.set()
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped already
                self.loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        others = self.loop.get_exception_handler()
        if not isinstance(others, _Unaccepted):  # else another server of this loop has set it
            self.loop.set_exception_handler(_Unaccepted(others))
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        # uvicorn looks ten times a second whether to stop; here the ticks only refresh its Date header.
        tick = 0
        while not await self.on_tick(tick) and not self._stopping.is_set():
            tick = (tick + 10) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # As uvicorn's own, without its fixed pause: idle connections are gone in a turn of the loop.
        ports = {listener.getsockname()[1] for listener in sockets or ()}
        for server in self.servers:
            server.close()
        if self._on_stop is not None:
            self._on_stop()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()
        # What uvicorn does not know of: connections just accepted, or in the middle of their TLS handshake.
        await _turns()
        for transport in _transports_at(ports):
            transport.abort()
        await _turns()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # Signals belong to the command, which calls `stop`.
        yield


class _Unaccepted:
    """Exception handler of an event loop: says once in a while that no connection can be accepted.

    Out of descriptors, asyncio tries as many times at once as the backlog is long, then again after a second,
    and reports each time with a traceback; and once more if the listener is closed within that second.
    """

    def __init__(self, others: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], Any] | None) -> None:
        """`others`: the handler of everything else."""
        self._others = others
        self._said = -_SILENCE

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # The words are asyncio's own (selector_events.py, proactor_events.py), since Python 3.4.
        message = str(context.get("message"))
        if message.startswith("Exception in callback") and "._start_serving(" in message:
            return
        if message != "socket.accept() out of system resource":
            (self._others or _by_default)(loop, context)
        elif loop.time() - self._said >= _SILENCE:
            self._said = loop.time()
            _log.error(
                "connections cannot be accepted until others are closed (%s); ulimit -n raises the limit",
                context.get("exception"),
            )


def _by_default(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)


async def _turns() -> None:
    # asyncio takes up to four turns of the loop to make a transport of a connection, or to close one.
    for _ in range(4):
        await asyncio.sleep(0)


def _transports_at(ports: set[int]) -> list[asyncio.WriteTransport]:
    # `asyncio.Server.abort_clients` exists from Python 3.13 on only; this table is asyncio's own.
    table: Mapping[int, asyncio.WriteTransport] = getattr(asyncio.get_running_loop(), "_transports", {})
    return [transport for transport in table.values() if _port_of(transport) in ports]


def _port_of(transport: asyncio.WriteTransport) -> int | None:
    address = transport.get_extra_info("sockname")
    return address[1] if isinstance(address, tuple) else None
