"""Makes the handlers of `ksef_mock.api` the endpoints of one mock.

Each path becomes one route that knows all of its methods; each operation is put behind its rate limit; and
operations of the API that have no handler get one that answers 501.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ksef_mock.api.http import bearer_token, exchange_of
from ksef_mock.core.errors import Unauthorized
from ksef_mock.core.exchange import SCOPE_KEY, Exchange
from ksef_mock.core.identifiers import Identifier
from ksef_mock.gateway.operations import BY_SHAPE, OPERATIONS, Operation, shape_of
from ksef_mock.gateway.unsimulated import Unsimulated
from ksef_mock.ksef.access.principal import Kind
from ksef_mock.ksef.limits.limits import UNGROUPED_WINDOWS, Rate
from ksef_mock.system.system import System


class Endpoint:
    """ASGI application of one path, named as in the document: its handlers by method."""

    def __init__(self, path: str, handlers: Mapping[str, ASGIApp]) -> None:
        self.path = path
        self.handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[SCOPE_KEY]
        exchange.endpoint = self.path
        await self.handlers[scope["method"]](scope, receive, send)


class RateLimited:
    """ASGI application: an operation behind its rate limit.

    Requests are counted by context and IP address; those that prove no context, by IP address alone.
    """

    def __init__(self, app: ASGIApp, operation: Operation, system: System) -> None:
        self._app = app
        self._group = operation.group
        self._counted_as = operation.group or f"{operation.method} {operation.path}"
        self._system = system

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        context = self._context(request)
        windows = await self._windows(context)
        if windows:
            key = (str(context or ""), exchange_of(request).client_ip, self._counted_as)
            await self._system.rate_limiter.admit(key, windows)
        await self._app(scope, receive, send)

    async def _windows(self, context: Identifier | None) -> tuple[tuple[int, int], ...]:
        if self._group is None:
            return UNGROUPED_WINDOWS if self._system.limits.enforced_everywhere else ()
        rates = await self._system.limits.enforced_rates(context)
        if rates is None:
            return ()
        rate: Rate = getattr(rates, self._group)
        return rate.windows

    def _context(self, request: Request) -> Identifier | None:
        try:
            return self._system.jwts.read(bearer_token(request), Kind.ACCESS, Kind.REFRESH).context
        except Unauthorized:
            return None


def endpoints(routes: Iterable[Route], system: System) -> list[BaseRoute]:
    """The routes of one mock, for all operations of the API: simulated by `routes`, or not at all."""
    paths: dict[str, str] = {}
    handlers: dict[str, dict[str, ASGIApp]] = {}
    for route in routes:
        shape = shape_of(route.path)
        paths.setdefault(shape, route.path)
        for method in route.methods or ():
            operation = BY_SHAPE.get(("GET" if method == "HEAD" else method, shape))
            app = route.app if operation is None else _limited(route.app, operation, system)
            handlers.setdefault(shape, {})[method] = app
    # Of two patterns that fit a path, the one with fewer parameters must come first.
    for operation in sorted(OPERATIONS, key=lambda operation: operation.path.count("{")):
        method, shape = operation.shape
        paths.setdefault(shape, operation.path)
        handlers.setdefault(shape, {}).setdefault(method, Unsimulated(operation))
    documented = {operation.shape[1]: operation.path for operation in OPERATIONS}
    return [
        Route(paths[shape], Endpoint(documented.get(shape, shape), by_method), methods=list(by_method))
        for shape, by_method in handlers.items()
    ]


def simulated(routes: Iterable[BaseRoute]) -> frozenset[Operation]:
    """The operations that these routes (mounted ones included) really simulate."""
    return frozenset(
        operation
        for path, endpoint in _endpoints_by_path(routes)
        for method, handler in endpoint.handlers.items()
        if not isinstance(handler, Unsimulated)
        if (operation := BY_SHAPE.get((method, shape_of(path)))) is not None
    )


def _limited(app: ASGIApp, operation: Operation, system: System) -> ASGIApp:
    if operation.group is None and not system.limits.enforced_everywhere:
        return app  # nothing but the settings limits it
    return RateLimited(app, operation, system)


def _endpoints_by_path(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, Endpoint]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _endpoints_by_path(route.routes)
        elif isinstance(route, Route) and isinstance(route.app, Endpoint):
            yield route.path, route.app
