"""Uprawnienia: grants, their revocation, the status of such an operation, lists, roles, attachments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import (
    Page,
    answer,
    caller,
    exchange_of,
    path_reference,
    query_page,
    read_json,
    read_optional_json,
    system_of,
    together,
)
from ksef_mock.core.bodies import invalid
from ksef_mock.core.codes import ChangeStatus
from ksef_mock.core.fault import CHANGE, Hold
from ksef_mock.core.validation import length
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.permissions import admission
from ksef_mock.ksef.permissions import grant_bodies as grants
from ksef_mock.ksef.permissions import query_bodies as lists
from ksef_mock.ksef.permissions import role_bodies as wire
from ksef_mock.ksef.permissions import rules as decisions
from ksef_mock.ksef.permissions.changes import Change
from ksef_mock.ksef.permissions.grants import Grant, GrantKind

T = TypeVar("T")
R = TypeVar("R", bound=grants.GrantRequest)


def _granting(path: str, model: type[R]) -> Route:
    """A route that takes an order for permissions and starts the operation that grants them."""

    async def endpoint(request: Request) -> Response:
        actor = await caller(request)
        order = (await read_json(request, model)).order()
        system = system_of(request)
        ends, hold = await _arranged(request)
        change = await system.permissions.request(
            actor, order.by(actor, system.clock.now()), ends=ends, hold=hold
        )
        return _started(request, change)

    return Route(path, endpoint, methods=["POST"])


async def revoke(request: Request) -> Response:
    """DELETE /permissions/common/grants/{permissionId}."""
    actor = await caller(request)
    return await _revoke(request, actor, authorizations=False)


async def revoke_authorization(request: Request) -> Response:
    """DELETE /permissions/authorizations/grants/{permissionId}."""
    actor = await caller(request)
    return await _revoke(request, actor, authorizations=True)


async def operation_status(request: Request) -> Response:
    """GET /permissions/operations/{referenceNumber}."""
    actor = await caller(request)
    change = await system_of(request).permissions.poll(path_reference(request), actor)
    _note(request, change)
    return answer(grants.PermissionsOperationStatusResponse.of(change))


async def personal_grants(request: Request) -> Response:
    """POST /permissions/query/personal/grants."""
    actor = await caller(request)
    with together(request):
        page = _page(request)
        matches = (await read_optional_json(request, lists.PersonalPermissionsQueryRequest)).matches()
    permissions = system_of(request).permissions
    # What the entity of the context received is listed for its owner.
    holders = dict.fromkeys((*sorted(actor.identities, key=str), actor.context))
    candidates = [grant for holder in holders for grant in await permissions.held(holder)]
    active = await _active(request, candidates)
    clients = {
        origin
        for origin in {grant.origin for grant in candidates if grant.kind is GrantKind.INDIRECT}
        if any(client == actor.context for client, _ in await permissions.delegations(origin))
    }
    found = [
        grant
        for grant in candidates
        if decisions.is_personal(grant, actor, client=grant.origin in clients)
        and matches(grant, grant.id in active)
    ]
    return _list(
        page,
        found,
        partial(lists.QueryPersonalPermissionsResponse, owner_permissions=actor.owner_permissions),
        lambda grant: lists.PersonalPermission.of(grant, grant.id in active, actor.subject),
    )


async def person_grants(request: Request) -> Response:
    """POST /permissions/query/persons/grants."""
    actor = await caller(request)
    with together(request):
        page = _page(request)
        query = await read_optional_json(request, lists.PersonPermissionsQueryRequest)
        matches = query.matches()
    listed = decisions.is_in_force
    if query.granted:
        listed = decisions.is_given_here if query.is_about(actor.context) else decisions.is_given
    candidates = [grant for grant in await _of_context(request, actor) if listed(grant, actor)]
    active = await _active(request, candidates)
    found = [grant for grant in candidates if matches(grant, grant.id in active)]
    return _list(
        page,
        found,
        lists.QueryPersonPermissionsResponse,
        lambda grant: lists.PersonPermission.of(grant, grant.id in active),
    )


async def subunit_grants(request: Request) -> Response:
    """POST /permissions/query/subunits/grants."""
    actor = await caller(request)
    with together(request):
        page = _page(request)
        unit = (await read_optional_json(request, lists.SubunitPermissionsQueryRequest)).wanted()
    found = [
        grant
        for grant in await system_of(request).permissions.granted_from(actor.context)
        if decisions.is_subunit_administration(grant, actor) and unit in (None, grant.context)
    ]
    return _list(page, found, lists.QuerySubunitPermissionsResponse, lists.SubunitPermission.of)


async def entity_grants(request: Request) -> Response:
    """POST /permissions/query/entities/grants."""
    actor = await caller(request)
    with together(request):
        page = _page(request)
        client = (await read_optional_json(request, lists.EntityPermissionsQueryRequest)).wanted()
    found = [
        grant
        for grant in await system_of(request).permissions.held(actor.context)
        if decisions.is_received(grant, actor) and client in (None, grant.origin)
    ]
    return _list(page, found, lists.QueryEntityPermissionsResponse, lists.EntityPermissionItem.of)


async def authorizations(request: Request) -> Response:
    """POST /permissions/query/authorizations/grants."""
    actor = await caller(request)
    with together(request):
        page = _page(request)
        query = await read_optional_json(request, lists.EntityAuthorizationPermissionsQueryRequest)
        matches = query.matches()
    permissions = system_of(request).permissions
    candidates = await (
        permissions.held(actor.context) if query.received else permissions.granted_from(actor.context)
    )
    found = [
        grant
        for grant in candidates
        if decisions.is_authorization(grant, actor, received=query.received) and matches(grant)
    ]
    return _list(
        page, found, lists.QueryEntityAuthorizationPermissionsResponse, lists.EntityAuthorizationGrant.of
    )


async def eu_entity_grants(request: Request) -> Response:
    """POST /permissions/query/eu-entities/grants."""
    actor = await caller(request)
    with together(request):
        page = _page(request)
        matches = (await read_optional_json(request, lists.EuEntityPermissionsQueryRequest)).matches()
    found = [
        grant
        for grant in await _of_context(request, actor)
        if decisions.is_of_eu_entity(grant, actor) and matches(grant)
    ]
    return _list(page, found, lists.QueryEuEntityPermissionsResponse, lists.EuEntityPermission.of)


async def attachments_status(request: Request) -> Response:
    """GET /permissions/attachments/status."""
    actor = await caller(request)
    system = system_of(request)
    nip = actor.context.nip
    consent = None if nip is None else await system.attachments.consent(nip)
    return answer(wire.CheckAttachmentPermissionStatusResponse.of(consent, system.clock.now()))


async def entity_roles(request: Request) -> Response:
    """GET /permissions/query/entities/roles."""
    nip = (await caller(request)).context.nip
    with together(request):
        page = _page(request)
    held = () if nip is None else await system_of(request).subjects.roles(nip)
    listed, has_more = page.of(held)
    return answer(wire.QueryEntityRolesResponse([wire.EntityRole.of(role) for role in listed], has_more))


async def subordinate_entity_roles(request: Request) -> Response:
    """POST /permissions/query/subordinate-entities/roles."""
    nip = (await caller(request)).context.nip
    with together(request):
        page = _page(request)
        wanted = (await read_optional_json(request, wire.SubordinateEntityRolesQueryRequest)).nip
    held = () if nip is None else await system_of(request).subjects.subordinate_roles(nip)
    listed, has_more = page.of([role for role in held if wanted in (None, role.nip)])
    return answer(
        wire.QuerySubordinateEntityRolesResponse(
            [wire.SubordinateEntityRole.of(role) for role in listed], has_more
        )
    )


async def _of_context(request: Request, actor: Actor) -> list[Grant]:
    """Every grant that holds in the actor's context or was made there, each once."""
    permissions = system_of(request).permissions
    here = await permissions.granted_in(actor.context)
    from_here = await permissions.granted_from(actor.context)
    return list({grant.id: grant for grant in (*here, *from_here)}.values())


async def _active(request: Request, listed: Sequence[Grant]) -> frozenset[str]:
    """The ids of those grants that are active."""
    permissions = system_of(request).permissions
    intermediaries = {grant.origin for grant in listed if grant.kind is GrantKind.INDIRECT}
    delegations = {origin: await permissions.delegations(origin) for origin in intermediaries}
    return frozenset(
        grant.id for grant in listed if admission.is_active(grant, delegations.get(grant.origin, ()))
    )


def _list(
    page: Page,
    found: Sequence[Grant],
    response: Callable[[list[T], bool], msgspec.Struct],
    item: Callable[[Grant], T],
) -> Response:
    """The page that was asked for, in the order of `x-sort`: the latest first, then by id."""
    ordered = sorted(found, key=lambda grant: (-grant.granted_at, grant.id))
    listed, has_more = page.of(ordered)
    return answer(response([item(grant) for grant in listed], has_more))


async def _revoke(request: Request, actor: Actor, *, authorizations: bool) -> Response:
    permission: str = request.path_params["permission"]
    if len(permission) != 36:
        raise invalid("permissionId", length(36, 36, len(permission)))
    system = system_of(request)
    ends, hold = await _arranged(request)
    change = await system.permissions.request(
        actor, revokes=permission, authorizations=authorizations, ends=ends, hold=hold
    )
    return _started(request, change)


async def _arranged(request: Request) -> tuple[ChangeStatus | None, Hold]:
    """How a fault lets the change end, and how much later."""
    ends, hold = await system_of(request).faults.on_start(CHANGE, exchange_of(request))
    return None if ends is None else ChangeStatus(ends.status), hold


def _started(request: Request, change: Change) -> Response:
    _note(request, change)
    return answer(grants.PermissionsOperationResponse(change.reference), 202)


def _note(request: Request, change: Change) -> None:
    exchange, about = exchange_of(request), f"{change.reference}: {change.reason}"
    if change.status is ChangeStatus.ACCEPTED:
        exchange.noted("permissions", f"{change.reference} waits to be carried out")
    elif change.status is ChangeStatus.SUCCESS:
        exchange.passed("permissions", about)
    else:
        exchange.failed("permissions", f"{about} ({int(change.status)})")


def _page(request: Request) -> Page:
    # 0 and -1 were seen to be accepted: as if absent.
    return query_page(request, most=100, absent=(0, -1))


ROUTES = [
    _granting("/permissions/persons/grants", grants.PersonPermissionsGrantRequest),
    _granting("/permissions/entities/grants", grants.EntityPermissionsGrantRequest),
    _granting("/permissions/authorizations/grants", grants.EntityAuthorizationPermissionsGrantRequest),
    _granting("/permissions/indirect/grants", grants.IndirectPermissionsGrantRequest),
    _granting("/permissions/subunits/grants", grants.SubunitPermissionsGrantRequest),
    _granting(
        "/permissions/eu-entities/administration/grants",
        grants.EuEntityAdministrationPermissionsGrantRequest,
    ),
    _granting("/permissions/eu-entities/grants", grants.EuEntityPermissionsGrantRequest),
    Route("/permissions/common/grants/{permission}", revoke, methods=["DELETE"]),
    Route("/permissions/authorizations/grants/{permission}", revoke_authorization, methods=["DELETE"]),
    Route("/permissions/operations/{reference}", operation_status, methods=["GET"]),
    Route("/permissions/query/personal/grants", personal_grants, methods=["POST"]),
    Route("/permissions/query/persons/grants", person_grants, methods=["POST"]),
    Route("/permissions/query/subunits/grants", subunit_grants, methods=["POST"]),
    Route("/permissions/query/entities/grants", entity_grants, methods=["POST"]),
    Route("/permissions/query/authorizations/grants", authorizations, methods=["POST"]),
    Route("/permissions/query/eu-entities/grants", eu_entity_grants, methods=["POST"]),
    Route("/permissions/query/entities/roles", entity_roles, methods=["GET"]),
    Route("/permissions/query/subordinate-entities/roles", subordinate_entity_roles, methods=["POST"]),
    Route("/permissions/attachments/status", attachments_status, methods=["GET"]),
]
