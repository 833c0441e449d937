"""How a mock is started, whoever starts it: the command `serve`, each of its workers, a `MockServer`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from ksef_mock.app import create_app
from ksef_mock.core import heap
from ksef_mock.lighthouse.app import PREFIX
from ksef_mock.serving.server import Server
from ksef_mock.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from ksef_mock.serving.tls import ServerCertificate
    from ksef_mock.system.system import System
    from ksef_mock.tenants.registry import Tenants


class Mock:
    """One simulated KSeF on its way: made, `prepared`, `served`, and closed when that ends.

    Used from one event loop, but for `stop`, which is safe from any thread and from signal handlers.
    """

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            ValueError: the settings name a store that cannot be used, a CA file that is none, or a defect
                that there is not.
            OSError: the store's file cannot be opened or made.
        """
        self.app: Starlette = create_app(settings)
        self.system: System = self.app.state.system
        self.tenants: Tenants = self.app.state.tenants
        #: What is served: the application, and what was put around it.
        self.served: ASGIApp = self.app
        self._beside: dict[Server, asyncio.Task[None]] = {}
        self._server: Server | None = None
        self._stopped = False

    async def prepare(self) -> None:
        """Put into the store what the settings say is there from the start. Closes the mock if it fails.

        Raises:
            SeedError: two entries of the seed contradict each other.
            ValueError: the text of the first token is one of another NIP's token.
            StoreUnavailable: a remote store cannot be reached.
        """
        try:
            await self.system.catch_up()
            await self.system.populate()
            await self.system.resume()
        except BaseException:
            await self.system.close()
            raise

    async def serve(
        self,
        listener: socket.socket,
        on_ready: Callable[[], None],
        *,
        certificate: ServerCertificate | None = None,
        wrap: Callable[[ASGIApp], ASGIApp] | None = None,
        lighthouse: socket.socket | None = None,
    ) -> None:
        """Serve until stopped, then close the mock; `on_ready` is called once requests are accepted.

        Args:
            lighthouse: a second listener, at which the lighthouse alone answers.
            certificate: serve by https with it.
            wrap: puts ASGI middleware around the whole mock.
        """
        app = self.served = self.app if wrap is None else wrap(self.app)

        def ready() -> None:
            on_ready()
            self.system.begin()

        def stopping() -> None:
            self.system.closing.set()
            self.tenants.closing()

        self._server = Server(app, on_ready=ready, on_stop=stopping, tls=certificate)
        if self._stopped:
            self._server.stop()
        try:
            sockets = [listener]
            if lighthouse is not None:
                self.app.state.ports[lighthouse.getsockname()[1]] = PREFIX
                sockets.append(lighthouse)
            await self._server.serve(sockets=sockets)
        finally:
            for further in list(self._beside):
                await self.end_beside(further)
            await self.tenants.close()
            await self.system.close()

    async def serve_beside(
        self, listener: socket.socket, certificate: ServerCertificate, app: ASGIApp
    ) -> Server:
        """Serve `app`, which leads to this mock, by https at a further listener until `end_beside`.

        Returns once requests are accepted.

        Raises:
            RuntimeError: it cannot be served.
        """
        ready = asyncio.Event()
        server = Server(app, on_ready=ready.set, tls=certificate)
        task = self._beside[server] = asyncio.create_task(server.serve(sockets=[listener]))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            del self._beside[server]
            listener.close()
            raise RuntimeError("the mock cannot be served at a further port") from task.exception()
        return server

    async def end_beside(self, server: Server) -> None:
        """End what `serve_beside` began, its connections too; does nothing if it has ended."""
        task = self._beside.pop(server, None)
        if task is not None:
            server.stop()
            await task

    def stop(self) -> None:
        """Stop accepting, finish what is under way, return from `serve`."""
        self._stopped = True
        if self._server is not None:
            self._server.stop()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that serves; None before."""
        return None if self._server is None else self._server.loop


async def serve_alone(
    mock: Mock,
    listener: socket.socket,
    on_ready: Callable[[], None],
    *,
    certificate: ServerCertificate | None = None,
    lighthouse: socket.socket | None = None,
) -> None:
    """Serve a mock that has this process to itself, until SIGTERM or SIGINT."""
    heap.freeze()
    stop_on_signals(mock.stop)
    await mock.serve(listener, on_ready, certificate=certificate, lighthouse=lighthouse)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGINT and SIGTERM, from the running event loop where it can do that."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)
            continue
        # Windows event loops have no signal handlers of their own.
        signal.signal(number, lambda *_: stop())
