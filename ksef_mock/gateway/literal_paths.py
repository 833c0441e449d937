"""Where the API is, and a short cut in front of Starlette's router.

The router tries one regular expression after the other; the API has many paths, and most of them are
literal. Those are looked up in a table. Everything else (patterns, wrong methods, unknown paths) is left to
the router.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class LiteralPaths:
    """ASGI middleware between the gateway and the router."""

    def __init__(self, router: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        """`routes`: the router's own, mounts included."""
        self._router = router
        self._table: dict[tuple[str, str], Route] = {}
        self._collect("", routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._table.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._router(scope, receive, send)
        else:
            await route.handle(scope, receive, send)

    def _collect(self, prefix: str, routes: Iterable[BaseRoute]) -> None:
        for route in routes:
            if isinstance(route, Mount):
                self._collect(prefix + route.path, route.routes)
            elif isinstance(route, Route) and not route.param_convertors:
                for method in route.methods or ():
                    # The first one wins, as it does in the router.
                    self._table.setdefault((method, prefix + route.path), route)
