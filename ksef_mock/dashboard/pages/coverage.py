"""Which operations of KSeF's API are simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.dashboard.frame import framed, guarded
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import API_VERSION, OPERATIONS


@dataclass(frozen=True, slots=True)
class CoverageGroup:
    """Operations with the same beginning: method, path, whether simulated."""

    name: str
    operations: Sequence[tuple[str, str, bool]]
    simulated: int


def coverage_view(request: Request) -> list[CoverageGroup]:
    """The operations of the official document by the first segment of their paths, in its order."""
    covered = simulated(request.app.routes)
    groups: dict[str, list[tuple[str, str, bool]]] = {}
    for operation in OPERATIONS:
        group = operation.path.split("/")[1]
        groups.setdefault(group, []).append((operation.method, operation.path, operation in covered))
    return [CoverageGroup(name, rows, sum(row[2] for row in rows)) for name, rows in groups.items()]


@guarded
async def coverage(request: Request) -> Response:
    """GET /_mock/ui/coverage: which operations of KSeF's API are simulated."""
    return await framed(
        request, "coverage", "coverage.html", groups=coverage_view(request), api_version=API_VERSION
    )


ROUTES = [Route("/ui/coverage", coverage, methods=["GET"])]
