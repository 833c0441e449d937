"""A handler of the API as an ASGI application."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Handler:
    """ASGI application: one coroutine from a request to its answer.

    Starlette's own looks for handlers of errors on the way, which the gateway alone has.
    """

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)


def handler_of(route: Route) -> ASGIApp:
    """What answers a route."""
    return Handler(route.endpoint) if inspect.iscoroutinefunction(route.endpoint) else route.app
