"""Limity i ograniczenia: the limits in force, and on TEST their change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, bearer, read_json, system_of
from ksef_mock.api.origin import require_test_data
from ksef_mock.ksef.access.principal import Kind, Principal
from ksef_mock.ksef.limits.bodies import (
    BOUNDED_RATE_LIMITS,
    SetRateLimitsRequest,
    SetSessionLimitsRequest,
    SetSubjectLimitsRequest,
)
from ksef_mock.ksef.limits.limits import PRODUCTION_RATE_LIMITS, Limits

B = TypeVar("B", bound=msgspec.Struct)


async def context_limits(request: Request) -> Response:
    """GET /limits/context."""
    principal = bearer(request, Kind.ACCESS)
    return answer(await system_of(request).limits.of_context(principal.context))


async def subject_limits(request: Request) -> Response:
    """GET /limits/subject."""
    principal = bearer(request, Kind.ACCESS)
    return answer(await system_of(request).limits.of_subject(principal.subject))


async def rate_limits(request: Request) -> Response:
    """GET /rate-limits."""
    principal = bearer(request, Kind.ACCESS)
    return answer(await system_of(request).limits.rates(principal.context))


async def set_session_limits(limits: Limits, principal: Principal, body: SetSessionLimitsRequest) -> None:
    """POST /testdata/limits/context/session."""
    await limits.set_context(principal.context, body.limits())


async def restore_session_limits(limits: Limits, principal: Principal) -> None:
    """DELETE /testdata/limits/context/session."""
    await limits.restore_context(principal.context)


async def set_certificate_limits(limits: Limits, principal: Principal, body: SetSubjectLimitsRequest) -> None:
    """POST /testdata/limits/subject/certificate."""
    await limits.set_subject(principal.subject, body.limits(principal.subject))


async def restore_certificate_limits(limits: Limits, principal: Principal) -> None:
    """DELETE /testdata/limits/subject/certificate."""
    await limits.restore_subject(principal.subject)


async def set_rate_limits(limits: Limits, principal: Principal, body: SetRateLimitsRequest) -> None:
    """POST /testdata/rate-limits. From now on they are enforced in this context."""
    await limits.set_rates(principal.context, body.limits())


async def restore_rate_limits(limits: Limits, principal: Principal) -> None:
    """DELETE /testdata/rate-limits."""
    await limits.restore_rates(principal.context)


async def set_production_rate_limits(limits: Limits, principal: Principal) -> None:
    """POST /testdata/rate-limits/production."""
    await limits.set_rates(principal.context, PRODUCTION_RATE_LIMITS)


def _setting(path: str, model: type[B], change: Callable[[Limits, Principal, B], Awaitable[None]]) -> Route:
    """POST with a body that changes the limits of whoever asks; answered with 200 and no body."""

    async def endpoint(request: Request) -> Response:
        require_test_data(request)
        principal = bearer(request, Kind.ACCESS)
        await change(system_of(request).limits, principal, await read_json(request, model))
        return Response()

    return Route(path, endpoint, methods=["POST"], name=change.__name__)


def _switching(method: str, path: str, change: Callable[[Limits, Principal], Awaitable[None]]) -> Route:
    """The same without a body to read."""

    async def endpoint(request: Request) -> Response:
        require_test_data(request)
        await change(system_of(request).limits, bearer(request, Kind.ACCESS))
        return Response()

    return Route(path, endpoint, methods=[method], name=change.__name__)


ROUTES = [
    Route("/limits/context", context_limits, methods=["GET"]),
    Route("/limits/subject", subject_limits, methods=["GET"]),
    Route("/rate-limits", rate_limits, methods=["GET"]),
    _setting("/testdata/limits/context/session", SetSessionLimitsRequest, set_session_limits),
    _switching("DELETE", "/testdata/limits/context/session", restore_session_limits),
    _setting("/testdata/limits/subject/certificate", SetSubjectLimitsRequest, set_certificate_limits),
    _switching("DELETE", "/testdata/limits/subject/certificate", restore_certificate_limits),
    _setting("/testdata/rate-limits", BOUNDED_RATE_LIMITS, set_rate_limits),
    _switching("DELETE", "/testdata/rate-limits", restore_rate_limits),
    _switching("POST", "/testdata/rate-limits/production", set_production_rate_limits),
]
