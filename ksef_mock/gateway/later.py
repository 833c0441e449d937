"""Handlers whose modules are imported when somebody asks for them: most mocks never show a page."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ksef_mock.core import heap
from ksef_mock.core.operation import Operation, shape_of
from ksef_mock.gateway.handler import handler_of
from ksef_mock.gateway.operations import OPERATIONS


class Later:
    """ASGI application: the `ROUTES` of a module, which is imported at the first request."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = Router(_routes(self._module), redirect_slashes=False)
        await self._app(scope, receive, send)


class LaterOperation:
    """ASGI application: one operation of the API, from the `ROUTES` of a module."""

    def __init__(self, module: str, operation: Operation) -> None:
        self._module = module
        self._operation = operation
        self._found: tuple[ASGIApp, tuple[str, ...]] | None = None

    def _find(self) -> tuple[ASGIApp, tuple[str, ...]]:
        """What answers it, and the names that this has for the parameters of the path.

        Raises:
            LookupError: the module has no such route.
        """
        if self._found is None:
            route = next(
                (
                    route
                    for route in _routes(self._module)
                    if shape_of(route.path) == shape_of(self._operation.path)
                    and self._operation.method in (route.methods or ())
                ),
                None,
            )
            if route is None:
                raise LookupError(f"{self._module} does not answer {self._operation}")
            self._found = handler_of(route), tuple(route.param_convertors)
        return self._found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler, names = self._find()
        if names:
            scope["path_params"] = dict(zip(names, scope["path_params"].values(), strict=True))
        await handler(scope, receive, send)


def operations_of(module: str, *beginnings: str) -> Iterator[Route]:
    """A route for each operation whose path begins so: `ROUTES` of `module` have it, once it is imported.

    Args:
        beginnings: regular expressions.
    """
    begins = re.compile("|".join(beginnings))
    for operation in OPERATIONS:
        if begins.match(operation.path):
            yield Route(operation.path, LaterOperation(module, operation), methods=[operation.method])


def _routes(module: str) -> Sequence[Route]:
    known = module in sys.modules
    routes: Sequence[Route] = importlib.import_module(module).ROUTES
    if not known:  # else another mock of this process, one of those that go again, has asked for it
        heap.grown()
    return routes
