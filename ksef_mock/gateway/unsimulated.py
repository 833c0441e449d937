"""Operations of the API that the mock does not simulate: they say so, with 501."""

from __future__ import annotations

from typing import NoReturn

from ksef_mock.core.errors import NotSimulated
from ksef_mock.gateway.operations import Operation


class Unsimulated:
    """ASGI application in the place of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    async def __call__(self, *_: object) -> NoReturn:
        raise NotSimulated(self._operation.method, self._operation.path)
