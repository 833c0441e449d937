"""Aktywne sesje: list, end the current one, end one by its reference number."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, bearer, continuation_token, path_reference, query_integer, system_of
from ksef_mock.ksef.access.principal import Kind
from ksef_mock.ksef.auth import bodies as wire


async def sessions(request: Request) -> Response:
    """GET /auth/sessions."""
    principal = bearer(request, Kind.ACCESS)
    size = query_integer(request, "pageSize", default=10, minimum=10, maximum=100)
    page = await system_of(request).operations.sessions(principal, size, continuation_token(request))
    items = [wire.AuthenticationListItem.in_list(session, principal.operation) for session in page.items]
    return answer(wire.AuthenticationListResponse(items, page.continuation))


async def revoke_current(request: Request) -> Response:
    """DELETE /auth/sessions/current, with the session's access token or refresh token."""
    principal = bearer(request, Kind.ACCESS, Kind.REFRESH)
    await system_of(request).operations.revoke(principal.operation, principal)
    return Response(status_code=204)


async def revoke(request: Request) -> Response:
    """DELETE /auth/sessions/{referenceNumber}."""
    principal = bearer(request, Kind.ACCESS)
    await system_of(request).operations.revoke(path_reference(request), principal)
    return Response(status_code=204)


ROUTES = [
    Route("/auth/sessions", sessions, methods=["GET"]),
    Route("/auth/sessions/current", revoke_current, methods=["DELETE"]),
    Route("/auth/sessions/{reference}", revoke, methods=["DELETE"]),
]
