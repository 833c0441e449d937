"""/permissions: what is granted there lets in, what is revoked there no longer does."""

from __future__ import annotations

from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import requirement
from contract_tests.server.expect import equal, true
from contract_tests.server.identity import person, random_pesel, self_signed
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

_GRANT = "OpenAPI POST /permissions/persons/grants"
_REVOKE = "OpenAPI DELETE /permissions/common/grants/{permissionId}"
_QUERY = "OpenAPI POST /permissions/query/persons/grants"
_OWN = {Capability.SELF_SIGNED}

_STARTED = shapes.obj(referenceNumber=shapes.pattern(r".{36}"))
_OPERATION = shapes.obj(status=shapes.STATUS_INFO)
_GRANTED = shapes.obj(
    permissions=shapes.array(
        shapes.obj(
            id=shapes.text,
            authorizedIdentifier=shapes.obj(type=shapes.text, value=shapes.text),
            permissionScope=shapes.text,
            description=shapes.text,
        )
    ),
    hasMore=shapes.boolean,
)
_MOST_POLLS = 60


@requirement(
    "KSEF-PERM-101",
    "Whom a permission is granted to may log in to the context, with that permission.",
    source=f"{_GRANT}; OpenAPI GET /permissions/operations/{{referenceNumber}}: 200",
    needs=_OWN,
)
def granted_permission_lets_in(ctx: Probe) -> None:
    session, pesel = ctx.new_session(), random_pesel()
    clerk = self_signed(person(pesel=pesel))
    ctx.ends(ctx.started(ctx.submit(clerk, nip=session.nip)), 415, "Brak przypisanych uprawnień")
    equal("outcome of the grant", _outcome(ctx, session, _grant(ctx, session, pesel)), 200)
    ctx.login_with_certificate(clerk, nip=session.nip)


@requirement(
    "KSEF-PERM-102",
    "A permission that was granted is listed, with an id by which it is revoked; then it lets nobody in.",
    source=f"{_QUERY}; {_REVOKE}",
    needs=_OWN,
)
def revoked_permission_no_longer_lets_in(ctx: Probe) -> None:
    session, pesel = ctx.new_session(), random_pesel()
    clerk = self_signed(person(pesel=pesel))
    equal("outcome of the grant", _outcome(ctx, session, _grant(ctx, session, pesel)), 200)
    ctx.ends(ctx.started(ctx.submit(clerk, nip=session.nip)), 200)
    (identifier,) = _ids(ctx, session, pesel)
    revoked = ctx.delete(f"/permissions/common/grants/{identifier}", bearer=session.access_token)
    equal("outcome of the revocation", _outcome(ctx, session, revoked), 200)
    equal("permissions left", _ids(ctx, session, pesel), [])
    ctx.ends(ctx.started(ctx.submit(clerk, nip=session.nip)), 415, "Brak przypisanych uprawnień")


@requirement(
    "KSEF-PERM-103",
    "Whoever lacks CredentialsManage grants nothing: 403 missing-permissions, naming what is required.",
    source=f"{_GRANT}: x-required-permissions; OpenAPI: MissingPermissionsSecurity",
    needs=_OWN,
)
def granting_needs_a_permission(ctx: Probe) -> None:
    session, pesel = ctx.new_session(), random_pesel()
    equal("outcome of the grant", _outcome(ctx, session, _grant(ctx, session, pesel)), 200)
    clerk = ctx.login_with_certificate(self_signed(person(pesel=pesel)), nip=session.nip)
    refused = _grant(ctx, clerk, random_pesel()).problem(403, reason="missing-permissions")
    required = refused.at("security", "requiredAnyOfPermissions")
    true(
        "required permissions",
        isinstance(required, list) and "CredentialsManage" in required,
        expected="CredentialsManage among them",
        received=required,
    )


# -- means ------------------------------------------------------------------------------------------------


def _grant(ctx: Probe, session: Session, pesel: str) -> Reply:
    order: dict[str, Any] = {
        "subjectIdentifier": {"type": "Pesel", "value": pesel},
        "permissions": ["InvoiceRead"],
        "description": "ksef-conformance",
        "subjectDetails": {
            "subjectDetailsType": "PersonByIdentifier",
            "personById": {"firstName": "Jan", "lastName": "Kowalski"},
        },
    }
    return ctx.post("/permissions/persons/grants", bearer=session.access_token, json=order)


def _outcome(ctx: Probe, session: Session, started: Reply) -> int:
    """The status code in which an operation that grants or revokes ends."""
    reference = started.answers(202, _STARTED).at("referenceNumber")
    code = 100
    for _ in range(_MOST_POLLS):
        reply = ctx.get(f"/permissions/operations/{reference}", bearer=session.access_token)
        code = reply.answers(200, _OPERATION).at("status", "code")
        if code != 100:
            break
    return code


def _ids(ctx: Probe, session: Session, pesel: str) -> list[str]:
    """The ids of the permissions of a person in the context of the session."""
    query = {"queryType": "PermissionsGrantedInCurrentContext"}
    reply = ctx.post("/permissions/query/persons/grants", bearer=session.access_token, json=query)
    return [
        entry["id"]
        for entry in reply.answers(200, _GRANTED).at("permissions")
        if entry["authorizedIdentifier"]["value"] == pesel
    ]
