"""/permissions: what is granted there lets in, what is revoked there no longer does."""

from __future__ import annotations

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import requirement
from contract_tests.server.expect import equal, true
from contract_tests.server.granting import found, only, ordered, outcome
from contract_tests.server.identity import person, random_pesel, self_signed
from contract_tests.server.orders import identifier
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

_GRANT = "OpenAPI POST /permissions/persons/grants"
_REVOKE = "OpenAPI DELETE /permissions/common/grants/{permissionId}"
_QUERY = "OpenAPI POST /permissions/query/persons/grants"
_OWN = {Capability.SELF_SIGNED}


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
    equal("outcome of the grant", outcome(ctx, session, _grant(ctx, session, pesel)), 200)
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
    equal("outcome of the grant", outcome(ctx, session, _grant(ctx, session, pesel)), 200)
    ctx.ends(ctx.started(ctx.submit(clerk, nip=session.nip)), 200)
    permission = only(_ids(ctx, session, pesel))
    revoked = ctx.delete(f"/permissions/common/grants/{permission}", bearer=session.access_token)
    equal("outcome of the revocation", outcome(ctx, session, revoked), 200)
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
    equal("outcome of the grant", outcome(ctx, session, _grant(ctx, session, pesel)), 200)
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
    return ordered(ctx, session, "person grant", subjectIdentifier=identifier("Pesel", pesel))


def _ids(ctx: Probe, session: Session, pesel: str) -> list[str]:
    """The ids of the permissions of a person in the context of the session."""
    entries = found(ctx, session, "person query", queryType="PermissionsGrantedInCurrentContext")
    return [entry["id"] for entry in entries if entry["authorizedIdentifier"].get("value") == pesel]
