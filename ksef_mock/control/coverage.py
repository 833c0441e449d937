"""GET /_mock/coverage: which operations of KSeF's API are simulated, as the routes of this mock have it."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import API_VERSION, OPERATIONS


class CoveredOperation(msgspec.Struct):
    """One operation of the OpenAPI document; one that is not simulated answers 501."""

    method: str
    path: str
    simulated: bool


class Coverage(msgspec.Struct, rename="camel"):
    """All operations in the order of the document, and how many of them are simulated."""

    #: Of the document, such as `2.9.0`.
    api_version: str
    total: int
    simulated: int
    operations: list[CoveredOperation]


async def coverage(request: Request) -> Response:
    """What is simulated."""
    covered = simulated(request.app.routes)
    operations = [
        CoveredOperation(operation.method, operation.path, operation in covered) for operation in OPERATIONS
    ]
    return answer(Coverage(API_VERSION, len(operations), len(covered), operations))


ROUTES = [Route("/coverage", coverage, methods=["GET"])]
