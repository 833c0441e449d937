"""Makes the handlers of `ksef_mock.api` the endpoints of one mock.

Each path becomes one route that knows all of its methods; each operation is put behind its rate limit; and
operations of the API that have no handler get one that answers 501.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Mapping

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ksef_mock.api.http import bearer_token, exchange_of
from ksef_mock.core.errors import Forbidden, Unauthorized
from ksef_mock.core.exchange import SCOPE_KEY, Exchange
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.operation import Operation, shape_of
from ksef_mock.gateway.handler import handler_of
from ksef_mock.gateway.operations import BY_SHAPE, OPERATIONS
from ksef_mock.gateway.unsimulated import Unsimulated
from ksef_mock.ksef.access.principal import Kind
from ksef_mock.ksef.limits.limits import ANONYMOUS, Rate
from ksef_mock.system.system import System


class Endpoint:
    """ASGI application of one path: by method its operation, and what answers it."""

    def __init__(self, handlers: Mapping[str, tuple[Operation, ASGIApp]]) -> None:
        self.handlers = handlers

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        exchange: Exchange = scope[SCOPE_KEY]
        exchange.routed, handler = self.handlers[scope["method"]]
        return handler(scope, receive, send)


class RateLimited:
    """ASGI application: an operation behind its rate limit.

    Requests are counted by context and IP address; those that prove no context, by IP address alone.
    """

    def __init__(self, app: ASGIApp, operation: Operation, system: System) -> None:
        self._app = app
        self._group = operation.group
        self._anonymous = operation.group == ANONYMOUS
        # limity-api.md: each operation of `other` has a counter of its own.
        self._counted_as = str(operation) if operation.group == "other" else operation.group
        self._system = system

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        context = None if self._anonymous else self._context(request)
        rates = await self._system.limits.enforced_rates(context)
        if rates is not None:
            rate: Rate = getattr(rates, self._group)
            key = (str(context or ""), exchange_of(request).client_ip, self._counted_as)
            await self._system.rate_limiter.admit(key, rate.windows)
        await self._app(scope, receive, send)

    def _context(self, request: Request) -> Identifier | None:
        try:
            return self._system.jwts.read(bearer_token(request), Kind.ACCESS, Kind.REFRESH).context
        except (Unauthorized, Forbidden):
            return None


def endpoints(routes: Iterable[Route], system: System) -> list[BaseRoute]:
    """The routes of one mock, for all operations of the API: simulated by `routes`, or not at all.

    Raises:
        KeyError: a route is no operation of the API.
    """
    paths: dict[str, str] = {}
    handlers: dict[str, dict[str, tuple[Operation, ASGIApp]]] = {}
    for route in routes:
        shape = shape_of(route.path)
        paths.setdefault(shape, route.path)
        for method in route.methods or ():
            operation = BY_SHAPE["GET" if method == "HEAD" else method, shape]
            handlers.setdefault(shape, {})[method] = operation, _limited(handler_of(route), operation, system)
    for operation in OPERATIONS:
        method, shape = operation.shape
        paths.setdefault(shape, operation.path)
        handlers.setdefault(shape, {}).setdefault(method, (operation, Unsimulated(operation)))
    return [
        Route(paths[shape], Endpoint(by_method), methods=list(by_method))
        for shape, by_method in sorted(handlers.items(), key=lambda item: _place(item[0]))
    ]


def _place(shape: str) -> int:
    """Of two patterns that fit a path, the one with fewer parameters must come first."""
    # The status of a login is asked for most, and its pattern fits no other path.
    return 0 if shape == "/auth/{}" else shape.count("{")


def simulated(routes: Iterable[BaseRoute]) -> frozenset[Operation]:
    """The operations that these routes (mounted ones included) really simulate."""
    return frozenset(
        operation
        for endpoint in _endpoints_of(routes)
        for operation, handler in endpoint.handlers.values()
        if not isinstance(handler, Unsimulated)
    )


def _limited(app: ASGIApp, operation: Operation, system: System) -> ASGIApp:
    if operation.group == ANONYMOUS and not system.limits.enforced_everywhere:
        return app  # nothing but the settings limits it
    return RateLimited(app, operation, system)


def _endpoints_of(routes: Iterable[BaseRoute]) -> Iterator[Endpoint]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _endpoints_of(route.routes)
        elif isinstance(route, Route) and isinstance(route.app, Endpoint):
            yield route.app
