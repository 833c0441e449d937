"""Dane testowe: persons, organisations, permissions and blocked contexts, made up as needed. TEST only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, read_json, system_of
from ksef_mock.api.origin import require_test_data
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.permissions.admission import identifiers_of
from ksef_mock.ksef.subjects.bodies import (
    AttachmentPermissionGrantRequest,
    AttachmentPermissionRevokeRequest,
    ContextAuthenticationRequest,
    PersonCreateRequest,
    PersonRemoveRequest,
    SubjectCreateRequest,
    SubjectRemoveRequest,
    TestDataPermissionsGrantRequest,
    TestDataPermissionsRevokeRequest,
)
from ksef_mock.system.system import System

B = TypeVar("B", bound=msgspec.Struct)


async def create_subject(system: System, body: SubjectCreateRequest) -> str:
    """POST /testdata/subject."""
    subject = await system.subjects.create_subject(
        body.subject_nip,
        body.subject_type,
        description=body.description,
        subunits=body.units,
        created_at=body.created_at,
    )
    return f"{subject.role} {subject.nip} with {len(subject.subunits)} units"


async def remove_subject(system: System, body: SubjectRemoveRequest) -> str:
    """POST /testdata/subject/remove. Nothing happens if there is none: the document knows no such error."""
    await system.subjects.remove_subject(body.subject_nip)
    return f"no organisation {body.subject_nip} any more"


async def create_person(system: System, body: PersonCreateRequest) -> str:
    """POST /testdata/person."""
    person = await system.subjects.create_person(
        body.nip,
        body.pesel,
        description=body.description,
        is_bailiff=body.is_bailiff,
        is_deceased=body.is_deceased,
        created_at=body.created_at,
    )
    return f"person with NIP {person.nip} and PESEL {person.pesel}"


async def remove_person(system: System, body: PersonRemoveRequest) -> str:
    """POST /testdata/person/remove: the person loses every permission too."""
    person = await system.subjects.person(Identifier("Nip", body.nip))
    if person is not None:
        # First the permissions: if this is interrupted, it can be repeated.
        for identifier in identifiers_of(Identifier("Nip", person.nip), person):
            await system.permissions.revoke_all(identifier)
        await system.subjects.remove_person(body.nip)
    return f"no person {body.nip} any more"


async def grant_permissions(system: System, body: TestDataPermissionsGrantRequest) -> str:
    """POST /testdata/permissions."""
    context = body.context_identifier.identifier
    authorized = body.authorized_identifier.identifier
    # Of several of one type the first counts.
    wanted = {permission.permission_type: permission for permission in reversed(body.permissions)}
    for permission in reversed(wanted.values()):
        await system.permissions.grant(
            context, authorized, permission.permission_type, description=permission.description
        )
    names = ", ".join(reversed(wanted))
    return f"{authorized} may {names or 'do nothing more'} in {context}"


async def revoke_permissions(system: System, body: TestDataPermissionsRevokeRequest) -> str:
    """POST /testdata/permissions/revoke: everything that the one holds in the other's context."""
    context = body.context_identifier.identifier
    authorized = body.authorized_identifier.identifier
    await system.permissions.revoke_all(authorized, context)
    return f"{authorized} holds nothing in {context} any more"


async def block_context(system: System, body: ContextAuthenticationRequest) -> str:
    """POST /testdata/context/block: every login there ends in 480."""
    context = body.context
    await system.permissions.block(context)
    return f"{context} is blocked"


async def unblock_context(system: System, body: ContextAuthenticationRequest) -> str:
    """POST /testdata/context/unblock."""
    context = body.context
    await system.permissions.unblock(context)
    return f"{context} is not blocked"


async def allow_attachments(system: System, body: AttachmentPermissionGrantRequest) -> str:
    """POST /testdata/attachment."""
    await system.attachments.allow(body.nip)
    return f"{body.nip} may send attachments"


async def revoke_attachments(system: System, body: AttachmentPermissionRevokeRequest) -> str:
    """POST /testdata/attachment/revoke."""
    await system.attachments.revoke(body.nip, body.ends_at)
    return f"{body.nip} may not send attachments from {body.expected_end_date or 'now'} on"


def _route(path: str, model: type[B], action: Callable[[System, B], Awaitable[str]]) -> Route:
    """A route that takes a body, acts on it, and answers 200 without one; the journal gets what was done."""

    async def endpoint(request: Request) -> Response:
        system = system_of(request)
        require_test_data(request)
        done = await action(system, await read_json(request, model))
        exchange_of(request).passed("test data", done)
        return Response()

    return Route(path, endpoint, methods=["POST"], name=action.__name__)


ROUTES = [
    _route("/testdata/subject", SubjectCreateRequest, create_subject),
    _route("/testdata/subject/remove", SubjectRemoveRequest, remove_subject),
    _route("/testdata/person", PersonCreateRequest, create_person),
    _route("/testdata/person/remove", PersonRemoveRequest, remove_person),
    _route("/testdata/permissions", TestDataPermissionsGrantRequest, grant_permissions),
    _route("/testdata/permissions/revoke", TestDataPermissionsRevokeRequest, revoke_permissions),
    _route("/testdata/attachment", AttachmentPermissionGrantRequest, allow_attachments),
    _route("/testdata/attachment/revoke", AttachmentPermissionRevokeRequest, revoke_attachments),
    _route("/testdata/context/block", ContextAuthenticationRequest, block_context),
    _route("/testdata/context/unblock", ContextAuthenticationRequest, unblock_context),
]
