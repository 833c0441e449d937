"""/permissions: what a grant opens, for whom, and that it closes again."""

from __future__ import annotations

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, one_of
from contract_tests.server.granting import ends, found, granted, only, ordered, outcome
from contract_tests.server.identity import (
    Credentials,
    owner_of,
    person,
    random_nip,
    random_pesel,
    self_signed,
)
from contract_tests.server.orders import identifier, internal_identifier
from contract_tests.server.probe import Probe
from contract_tests.server.workspace import Session

_OWN = {Capability.SELF_SIGNED}
_NOBODY = "Brak przypisanych uprawnień"
_COMMON = "OpenAPI DELETE /permissions/common/grants/{permissionId}"


def _somebody() -> tuple[Credentials, str]:
    pesel = random_pesel()
    return self_signed(person(pesel=pesel)), pesel


def _admitted(ctx: Probe, credentials: Credentials, context: str) -> None:
    """`context`: as it stands in an AuthTokenRequest."""
    ctx.ends(ctx.started(ctx.submit(credentials, request={"context": context})), 200)


def _shut_out(ctx: Probe, credentials: Credentials, context: str) -> None:
    ctx.ends(ctx.started(ctx.submit(credentials, request={"context": context})), 415, _NOBODY)


def _nip(session: Session) -> str:
    return f"<Nip>{session.nip}</Nip>"


@requirement(
    "KSEF-PERM-500",
    "A firm that was granted a permission opens the giver's context with its own certificate.",
    source="OpenAPI POST /permissions/entities/grants",
    needs=_OWN,
)
def firm_is_admitted(ctx: Probe) -> None:
    giver, nip = ctx.new_session(), random_nip()
    firm = owner_of(nip)
    _shut_out(ctx, firm, _nip(giver))
    granted(ctx, giver, "entity grant", subjectIdentifier=identifier("Nip", nip))
    _admitted(ctx, firm, _nip(giver))


@family(
    {"KSEF-PERM-501": "client", "KSEF-PERM-502": "AllPartners"},
    "Whom a firm lets work for its clients, {}, is admitted by the client that delegates, and by no other.",
    source="OpenAPI POST /permissions/indirect/grants: targetIdentifier; canDelegate",
    needs=_OWN,
)
def indirect_permission_admits(ctx: Probe, target: str) -> None:
    client, other, office = ctx.new_session(), ctx.new_session(), ctx.new_session()
    delegated = [{"type": "InvoiceRead", "canDelegate": True}]
    who = identifier("Nip", office.nip)
    granted(ctx, client, "entity grant", subjectIdentifier=who, permissions=delegated)
    clerk, pesel = _somebody()
    aim = {"type": "AllPartners"} if target == "AllPartners" else identifier("Nip", client.nip)
    granted(
        ctx,
        office,
        "indirect grant",
        subjectIdentifier=identifier("Pesel", pesel),
        targetIdentifier=aim,
    )
    _admitted(ctx, clerk, _nip(client))
    _shut_out(ctx, clerk, _nip(other))
    _shut_out(ctx, clerk, _nip(office))


@requirement(
    "KSEF-PERM-503",
    "What the client does not let be delegated admits nobody.",
    source="OpenAPI POST /permissions/entities/grants: canDelegate",
    needs=_OWN,
)
def undelegated_permission_admits_nobody(ctx: Probe) -> None:
    client, office = ctx.new_session(), ctx.new_session()
    kept = [{"type": "InvoiceRead", "canDelegate": False}]
    who = identifier("Nip", office.nip)
    granted(ctx, client, "entity grant", subjectIdentifier=who, permissions=kept)
    clerk, pesel = _somebody()
    started = ordered(ctx, office, "indirect grant", subjectIdentifier=identifier("Pesel", pesel))
    # Given, and inactive; whether it is given at all is another question.
    outcome(ctx, office, started)
    _shut_out(ctx, clerk, _nip(client))


@requirement(
    "KSEF-PERM-504",
    "A client that takes back what its accounting office may delegate shuts out the office's clerks.",
    source=f"{_COMMON}; OpenAPI POST /permissions/indirect/grants",
    needs=_OWN,
)
def client_takes_it_back(ctx: Probe) -> None:
    client, office = ctx.new_session(), ctx.new_session()
    who = identifier("Nip", office.nip)
    granted(ctx, client, "entity grant", subjectIdentifier=who)
    clerk, pesel = _somebody()
    granted(ctx, office, "indirect grant", subjectIdentifier=identifier("Pesel", pesel))
    _admitted(ctx, clerk, _nip(client))
    entry = only(found(ctx, client, "person query", authorizedIdentifier=who))
    reply = ctx.delete(f"/permissions/common/grants/{entry['id']}", bearer=client.access_token)
    ends(ctx, client, reply, 200)
    _shut_out(ctx, clerk, _nip(client))


@requirement(
    "KSEF-PERM-505",
    "The administrator of an internal unit is admitted to the unit, and not to the firm or another unit.",
    source="OpenAPI POST /permissions/subunits/grants: contextIdentifier",
    needs=_OWN,
)
def administrator_of_a_unit_is_admitted(ctx: Probe) -> None:
    session = ctx.new_session()
    own, other = (internal_identifier(session.nip, number) for number in (1, 2))
    administrator, pesel = _somebody()
    granted(ctx, session, "sub-unit grant", subjectIdentifier=identifier("Pesel", pesel))
    _admitted(ctx, administrator, f"<InternalId>{own}</InternalId>")
    _shut_out(ctx, administrator, f"<InternalId>{other}</InternalId>")
    _shut_out(ctx, administrator, _nip(session))


@requirement(
    "KSEF-PERM-506",
    "The administrator of an EU entity is admitted to its context, gives permissions there, and sees them.",
    source="OpenAPI POST /permissions/eu-entities/administration/grants, …/eu-entities/grants",
    needs=_OWN,
)
def administrator_of_a_union_entity(ctx: Probe) -> None:
    session = ctx.new_session()
    administrator, clerk = self_signed(person()), self_signed(person(), number=1)
    context = f"<NipVatUe>{session.nip}-DE123456789</NipVatUe>"
    by_fingerprint = {"context": context, "subject": "certificateFingerprint"}
    granted(
        ctx,
        session,
        "EU administration grant",
        subjectIdentifier=identifier("Fingerprint", administrator.fingerprint),
    )
    within = ctx.login_with_certificate(administrator, nip=session.nip, request=by_fingerprint)
    ctx.ends(ctx.started(ctx.submit(clerk, request=by_fingerprint)), 415, _NOBODY)
    who = identifier("Fingerprint", clerk.fingerprint)
    granted(ctx, within, "EU entity grant", subjectIdentifier=who)
    ctx.ends(ctx.started(ctx.submit(clerk, request=by_fingerprint)), 200)
    entries = found(ctx, within, "EU entity query", authorizedFingerprintIdentifier=clerk.fingerprint)
    equal("permissions of the clerk", [each["permissionScope"] for each in entries], ["InvoiceRead"])


@requirement(
    "KSEF-PERM-507",
    "Who manages permissions gives them too, and is named as their author.",
    source="OpenAPI POST /permissions/persons/grants: CredentialsManage; authorIdentifier",
    needs=_OWN,
)
def manager_gives_permissions(ctx: Probe) -> None:
    session = ctx.new_session()
    credentials, pesel = _somebody()
    who = identifier("Pesel", pesel)
    granted(ctx, session, "person grant", subjectIdentifier=who, permissions=["CredentialsManage"])
    manager = ctx.login_with_certificate(credentials, nip=session.nip)
    clerk, other = _somebody()
    granted(ctx, manager, "person grant", subjectIdentifier=identifier("Pesel", other))
    _admitted(ctx, clerk, _nip(session))
    entry = only(found(ctx, session, "person query", authorizedIdentifier=identifier("Pesel", other)))
    equal("authorIdentifier", entry["authorIdentifier"], who)


@requirement(
    "KSEF-PERM-508",
    "A permission that was taken back is missing at the next refresh: of two one is left.",
    source=f"{_COMMON}; documented: permissions are judged at a refresh",
    needs=_OWN,
)
def refresh_judges_anew(ctx: Probe) -> None:
    session = ctx.new_session()
    credentials, pesel = _somebody()
    who = identifier("Pesel", pesel)
    both = ["InvoiceRead", "CredentialsRead"]
    granted(ctx, session, "person grant", subjectIdentifier=who, permissions=both)
    clerk = ctx.login_with_certificate(credentials, nip=session.nip)
    ctx.get("/permissions/attachments/status", bearer=clerk.access_token).answers(200)
    held = found(ctx, session, "person query", authorizedIdentifier=who, permissionTypes=["CredentialsRead"])
    entry = only(held)
    reply = ctx.delete(f"/permissions/common/grants/{entry['id']}", bearer=session.access_token)
    ends(ctx, session, reply, 200)
    bearer = ctx.refresh(clerk).answers(200).at("accessToken", "token")
    refused = ctx.get("/permissions/attachments/status", bearer=bearer)
    refused.problem(403, reason="missing-permissions")


@requirement(
    "KSEF-PERM-509",
    "An authorization opens no context: whom it names is still shut out.",
    source="OpenAPI POST /permissions/authorizations/grants: used in one's own context",
    needs=_OWN,
)
def authorization_opens_nothing(ctx: Probe) -> None:
    session, nip = ctx.new_session(), random_nip()
    granted(ctx, session, "authorization", subjectIdentifier=identifier("Nip", nip))
    _shut_out(ctx, owner_of(nip), _nip(session))


@requirement(
    "KSEF-PERM-510",
    "A firm does not authorize itself.",
    source="OpenAPI: the codes of an operation under /permissions, 440",
    severity="should",
    needs=_OWN,
)
def nobody_authorizes_oneself(ctx: Probe) -> None:
    session = ctx.new_session()
    reply = ordered(ctx, session, "authorization", subjectIdentifier=identifier("Nip", session.nip))
    if reply.status == 400:
        reply.error()
    else:
        one_of("outcome of the operation", outcome(ctx, session, reply), (400, 410, 420, 430, 440, 450))
