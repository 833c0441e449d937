"""Operations of the API that the mock does not simulate: they say so, with 501, to whoever may call them."""

from __future__ import annotations

from typing import NoReturn

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ksef_mock.api.http import caller
from ksef_mock.core.errors import NotSimulated
from ksef_mock.core.operation import Operation


class Unsimulated:
    """ASGI application in the place of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> NoReturn:
        if self._operation.bearer:
            await caller(Request(scope, receive, send))
        raise NotSimulated(self._operation.method, self._operation.path)
