"""Uprawnienia, as far as nothing is granted: consent to attachments, roles of organisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock import wire_permissions as wire
from ksef_mock.api.http import answer, bearer, query_integer, read_json, system_of
from ksef_mock.auth.authorization import require_any
from ksef_mock.auth.jwts import Kind
from ksef_mock.auth.ksef_tokens import Permission

T = TypeVar("T")

_LAST_PAGE = 2**31 - 1


async def attachments_status(request: Request) -> Response:
    """GET /permissions/attachments/status."""
    principal = bearer(request, Kind.ACCESS)
    require_any(principal, Permission.CREDENTIALS_MANAGE, Permission.CREDENTIALS_READ)
    system = system_of(request)
    nip = principal.context.nip
    consent = None if nip is None else await system.attachments.consent(nip)
    return answer(wire.CheckAttachmentPermissionStatusResponse.of(consent, system.clock.now()))


async def entity_roles(request: Request) -> Response:
    """GET /permissions/query/entities/roles."""
    principal = bearer(request, Kind.ACCESS)
    require_any(principal, Permission.CREDENTIALS_MANAGE, Permission.CREDENTIALS_READ)
    nip = principal.context.nip
    held = () if nip is None else await system_of(request).subjects.roles(nip)
    page, has_more = _page(request, held)
    return answer(wire.QueryEntityRolesResponse([wire.EntityRole.of(role) for role in page], has_more))


async def subordinate_entity_roles(request: Request) -> Response:
    """POST /permissions/query/subordinate-entities/roles."""
    principal = bearer(request, Kind.ACCESS)
    require_any(
        principal, Permission.CREDENTIALS_MANAGE, Permission.CREDENTIALS_READ, Permission.SUBUNIT_MANAGE
    )
    wanted = (await read_json(request, wire.SubordinateEntityRolesQueryRequest)).checked()
    nip = principal.context.nip
    held = () if nip is None else await system_of(request).subjects.subordinate_roles(nip)
    page, has_more = _page(request, [role for role in held if wanted in (None, role.nip)])
    return answer(
        wire.QuerySubordinateEntityRolesResponse(
            [wire.SubordinateEntityRole.of(role) for role in page], has_more
        )
    )


def _page(request: Request, items: Sequence[T]) -> tuple[Sequence[T], bool]:
    offset = query_integer(request, "pageOffset", default=0, minimum=0, maximum=_LAST_PAGE)
    size = query_integer(request, "pageSize", default=10, minimum=10, maximum=100)
    return items[offset * size : (offset + 1) * size], len(items) > (offset + 1) * size


ROUTES = [
    Route("/permissions/attachments/status", attachments_status, methods=["GET"]),
    Route("/permissions/query/entities/roles", entity_roles, methods=["GET"]),
    Route("/permissions/query/subordinate-entities/roles", subordinate_entity_roles, methods=["POST"]),
]
