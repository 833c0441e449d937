"""Limity i ograniczenia."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, bearer
from ksef_mock.auth.jwts import Kind
from ksef_mock.limits import CONTEXT_LIMITS, RATE_LIMITS


async def context_limits(request: Request) -> Response:
    """GET /limits/context."""
    bearer(request, Kind.ACCESS)
    return answer(CONTEXT_LIMITS)


async def rate_limits(request: Request) -> Response:
    """GET /rate-limits."""
    bearer(request, Kind.ACCESS)
    return answer(RATE_LIMITS)


ROUTES = [
    Route("/limits/context", context_limits, methods=["GET"]),
    Route("/rate-limits", rate_limits, methods=["GET"]),
]
