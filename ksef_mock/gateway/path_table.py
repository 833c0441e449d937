"""Where the API is, and a short cut in front of Starlette's router.

The router tries one regular expression after the other, and the API has many paths. Here they are looked up
segment by segment: as text, or else as a parameter. What is not found so (wrong methods, unknown paths,
patterns of several segments) is left to the router, so that both always find the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from starlette.convertors import StringConvertor
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class _Node:
    """What may follow the segments up to here (None: a parameter), and by method the routes that end here."""

    __slots__ = ("below", "ends")

    def __init__(self) -> None:
        self.below: dict[str | None, _Node] = {}
        self.ends: dict[str, tuple[Route, tuple[str, ...]]] = {}


class PathTable:
    """ASGI middleware between the gateway and the router."""

    def __init__(self, router: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        """`routes`: the router's own, mounts included."""
        self._router = router
        self._root = _Node()
        # Paths without parameters, most of those that are asked for, by method.
        self._plain: dict[str, dict[str, Route]] = {}
        # One more than any path has: who sends more has sent none of them.
        self._most_slashes = 1
        self._collect("", routes)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        route = self.find(scope) if scope["type"] == "http" else None
        return (self._router if route is None else route.app)(scope, receive, send)

    def find(self, scope: Scope) -> Route | None:
        """The route of a request, whose parameters are in the scope then; None: ask the router."""
        plain = self._plain.get(scope["path"])
        if plain is not None:
            return plain.get(scope["method"])
        node, values = self._root, []
        for segment in scope["path"].split("/", self._most_slashes):
            following = node.below.get(segment)
            if following is None:
                following = node.below.get(None)
                if following is None or not segment:
                    return None
                values.append(segment)
            node = following
        found = node.ends.get(scope["method"])
        if found is None:
            return None
        route, names = found
        if names:
            scope["path_params"] = dict(zip(names, values, strict=True))
        return route

    def _collect(self, prefix: str, routes: Iterable[BaseRoute]) -> None:
        for route in routes:
            if isinstance(route, Mount):
                self._collect(prefix + route.path, route.routes or ())
            elif isinstance(route, Route) and all(
                isinstance(convertor, StringConvertor) for convertor in route.param_convertors.values()
            ):
                self._add(prefix + route.path, route)

    def _add(self, path: str, route: Route) -> None:
        node = self._root
        segments = path.split("/")
        self._most_slashes = max(self._most_slashes, len(segments))
        for segment in segments:
            node = node.below.setdefault(None if segment.startswith("{") else segment, _Node())
        for method in route.methods or ():
            # The first one wins, as it does in the router.
            node.ends.setdefault(method, (route, tuple(route.param_convertors)))
            if not route.param_convertors:
                self._plain.setdefault(path, {}).setdefault(method, route)
