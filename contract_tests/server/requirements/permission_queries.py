"""/permissions/query: what is listed for whom, and what each filter leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, matches
from contract_tests.server.granting import ends, found, granted, only
from contract_tests.server.identity import person, random_nip, random_pesel, self_signed
from contract_tests.server.orders import FINGERPRINT, PROVIDER, identifier, internal_identifier
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

_OWN = {Capability.SELF_SIGNED}
_ROLES = {Capability.SELF_SIGNED, Capability.TEST_DATA}
_PERSONS = "OpenAPI POST /permissions/query/persons/grants"
_PERSONAL = "OpenAPI POST /permissions/query/personal/grants"
_OTHER_PESEL = "90010112349"
_PERMISSIONS = (
    *(
        "InvoiceRead",
        "InvoiceWrite",
        "CredentialsRead",
        "CredentialsManage",
        "SubunitManage",
        "Introspection",
    ),
)


# -- persons ----------------------------------------------------------------------------------------------


@family(
    {f"KSEF-PERM-{number}": name for number, name in enumerate(_PERMISSIONS, 400)},
    "{} is granted to a person and listed as such, and permissionTypes with another one leaves it out.",
    source=f"{_PERSONS}: permissionTypes, permissionScope",
    needs=_OWN,
)
def permission_is_listed(ctx: Probe, name: str) -> None:
    session = ctx.new_session()
    granted(ctx, session, "person grant", permissions=[name])
    entry = only(found(ctx, session, "person query", permissionTypes=[name]))
    told = {
        key: entry.get(key) for key in ("permissionScope", "permissionState", "canDelegate", "description")
    }
    expected = {
        "permissionScope": name,
        "permissionState": "Active",
        "canDelegate": False,
        "description": "ksef-conformance",
    }
    equal("the permission in the list", told, expected)
    other = next(each for each in _PERMISSIONS if each != name)
    equal("permissions of another type", found(ctx, session, "person query", permissionTypes=[other]), [])


#: What is filtered by -> a value that the granted permission has, and one that it has not.
_FILTERS: dict[str, tuple[str, Callable[[Session], Any], Any]] = {
    "KSEF-PERM-410": (
        "authorizedIdentifier",
        lambda _: identifier("Pesel", _OTHER_PESEL),
        identifier("Pesel", "44051401359"),
    ),
    "KSEF-PERM-411": (
        "authorIdentifier",
        lambda session: identifier("Nip", session.nip),
        identifier("Nip", "1111111111"),
    ),
    "KSEF-PERM-412": ("permissionState", lambda _: "Active", "Inactive"),
    "KSEF-PERM-413": ("permissionTypes", lambda _: ["InvoiceRead", "InvoiceWrite"], ["Introspection"]),
    "KSEF-PERM-414": (
        "contextIdentifier",
        lambda session: identifier("Nip", session.nip),
        identifier("Nip", "1111111111"),
    ),
}


@family(
    _FILTERS,
    lambda case: f"{case[0]} of a query for persons' permissions keeps what has it and leaves out the rest.",
    source=f"{_PERSONS}: filters; those by the own context in official clients' tests",
    needs=_OWN,
)
def filter_of_persons_counts(ctx: Probe, case: tuple[str, Callable[[Session], Any], Any]) -> None:
    name, right, wrong = case
    session = ctx.new_session()
    granted(ctx, session, "person grant", subjectIdentifier=identifier("Pesel", _OTHER_PESEL))
    kept = found(ctx, session, "person query", **{name: right(session)})
    authorized = [entry["authorizedIdentifier"].get("value") for entry in kept]
    equal(f"persons with the right {name}", authorized, [_OTHER_PESEL])
    equal(f"persons with a wrong {name}", found(ctx, session, "person query", **{name: wrong}), [])


@requirement(
    "KSEF-PERM-420",
    "More than a page of permissions comes in pages: each once, hasMore says whether there is another.",
    source=f"{_PERSONS}: pageSize, pageOffset, hasMore",
    needs=_OWN,
)
def permissions_come_in_pages(ctx: Probe) -> None:
    session = ctx.new_session()
    for _ in range(2):
        granted(
            ctx,
            session,
            "person grant",
            subjectIdentifier=identifier("Pesel", random_pesel()),
            permissions=list(_PERMISSIONS),
        )
    pages = []
    for offset in ("0", "1"):
        reply = ctx.post(
            "/permissions/query/persons/grants",
            bearer=session.access_token,
            json={"queryType": "PermissionsInCurrentContext"},
            params={"pageSize": "10", "pageOffset": offset},
        ).answers(200)
        pages.append(([str(entry["id"]) for entry in reply.at("permissions")], reply.at("hasMore")))
    equal(
        "entries and hasMore of both pages",
        [(len(ids), more) for ids, more in pages],
        [(10, True), (2, False)],
    )
    equal("different permissions", len({each for ids, _ in pages for each in ids}), 12)


@requirement(
    "KSEF-PERM-421",
    "Nobody sees the permissions of another context.",
    source=f"{_PERSONS}: in the current context",
    needs=_OWN,
)
def other_contexts_stay_hidden(ctx: Probe) -> None:
    session, stranger = ctx.new_session(), ctx.new_session()
    granted(ctx, session, "person grant")
    equal("permissions in the other context", found(ctx, stranger, "person query"), [])


@requirement(
    "KSEF-PERM-422",
    "PermissionsGrantedInCurrentContext lists what one has granted, with its author.",
    source=f"{_PERSONS}: queryType, authorIdentifier",
    needs=_OWN,
)
def given_permissions_are_listed(ctx: Probe) -> None:
    session = ctx.new_session()
    granted(ctx, session, "person grant")
    entry = only(found(ctx, session, "person query", queryType="PermissionsGrantedInCurrentContext"))
    equal("authorIdentifier", entry["authorIdentifier"], identifier("Nip", session.nip))


# -- one's own --------------------------------------------------------------------------------------------


def _clerk(ctx: Probe) -> Session:
    """Somebody with InvoiceRead and InvoiceWrite in another's context, logged in there."""
    session, pesel = ctx.new_session(), random_pesel()
    granted(
        ctx,
        session,
        "person grant",
        subjectIdentifier=identifier("Pesel", pesel),
        permissions=["InvoiceRead", "InvoiceWrite"],
    )
    return ctx.login_with_certificate(self_signed(person(pesel=pesel)), nip=session.nip)


@requirement(
    "KSEF-PERM-430",
    "Everybody sees the own permissions, without any permission to see others'.",
    source=f"{_PERSONAL}: no permission is required",
    needs=_OWN,
)
def own_permissions_are_listed(ctx: Probe) -> None:
    entries = found(ctx, _clerk(ctx), "personal query")
    equal(
        "own permissions",
        sorted(each["permissionScope"] for each in entries),
        ["InvoiceRead", "InvoiceWrite"],
    )


@family(
    {
        "KSEF-PERM-431": ("permissionTypes", ["InvoiceRead"], ["InvoiceRead"]),
        "KSEF-PERM-432": ("permissionTypes", ["Introspection"], []),
        "KSEF-PERM-433": ("permissionState", "Active", ["InvoiceRead", "InvoiceWrite"]),
        "KSEF-PERM-434": ("permissionState", "Inactive", []),
        "KSEF-PERM-435": ("contextIdentifier", identifier("Nip", "1111111111"), []),
    },
    lambda case: f"{case[0]} {case[1]} of a query for the own permissions keeps what has it alone.",
    source=f"{_PERSONAL}: filters",
    needs=_OWN,
)
def filter_of_own_permissions_counts(ctx: Probe, case: tuple[str, Any, list[str]]) -> None:
    name, value, expected = case
    entries = found(ctx, _clerk(ctx), "personal query", **{name: value})
    equal("own permissions", sorted(each["permissionScope"] for each in entries), expected)


# -- firms, authorizations, units -------------------------------------------------------------------------


@family(
    {"KSEF-PERM-440": True, "KSEF-PERM-441": False},
    "What a firm was granted is listed in its own context, with its giver and canDelegate {}.",
    source="OpenAPI POST /permissions/query/entities/grants: EntityPermissionItem",
    needs=_OWN,
)
def permissions_of_a_firm_are_listed(ctx: Probe, delegates: bool) -> None:
    giver, firm = ctx.new_session(), ctx.new_session()
    granted(
        ctx,
        giver,
        "entity grant",
        subjectIdentifier=identifier("Nip", firm.nip),
        permissions=[{"type": "InvoiceWrite", "canDelegate": delegates}],
    )
    entry = only(found(ctx, firm, "entity query"))
    told = {name: entry.get(name) for name in ("contextIdentifier", "permissionScope", "canDelegate")}
    expected = {
        "contextIdentifier": identifier("Nip", giver.nip),
        "permissionScope": "InvoiceWrite",
        "canDelegate": delegates,
    }
    equal("the permission in the list", told, expected)
    equal("permissions of the giver as a firm", found(ctx, giver, "entity query"), [])


@family(
    {
        f"KSEF-PERM-{442 + n}": name
        for n, name in enumerate(("SelfInvoicing", "RRInvoicing", "TaxRepresentative"))
    },
    "{} is listed as granted where it was given, and as received where it was got; permissionTypes counts.",
    source="OpenAPI POST /permissions/query/authorizations/grants: queryType, permissionTypes",
    needs=_OWN,
)
def authorization_is_listed(ctx: Probe, name: str) -> None:
    giver, firm = ctx.new_session(), ctx.new_session()
    who = identifier("Nip", firm.nip)
    granted(ctx, giver, "authorization", subjectIdentifier=who, permission=name)
    expected = (name, who, identifier("Nip", giver.nip))
    for session, query in ((giver, "Granted"), (firm, "Received")):
        entries = found(ctx, session, "authorization query", queryType=query, permissionTypes=[name])
        told = [
            (
                each["authorizationScope"],
                each["authorizedEntityIdentifier"],
                each["authorizingEntityIdentifier"],
            )
            for each in entries
        ]
        equal(f"authorizations, {query}", told, [expected])
        other = "PefInvoicing"
        left = found(ctx, session, "authorization query", queryType=query, permissionTypes=[other])
        equal(f"authorizations of another type, {query}", left, [])
    equal("received by the giver", found(ctx, giver, "authorization query", queryType="Received"), [])


@requirement(
    "KSEF-PERM-445",
    "authorizedIdentifier of a query for authorizations tells firms and Peppol providers apart.",
    source="OpenAPI POST /permissions/query/authorizations/grants: authorizedIdentifier",
    needs=_OWN,
)
def authorized_party_filters(ctx: Probe) -> None:
    session = ctx.new_session()
    provider, firm = identifier("PeppolId", PROVIDER), identifier("Nip", random_nip())
    granted(ctx, session, "authorization", subjectIdentifier=firm)
    granted(ctx, session, "authorization", subjectIdentifier=provider, permission="PefInvoicing")
    for who in (firm, provider):
        entries = found(ctx, session, "authorization query", authorizedIdentifier=who)
        equal(
            f"authorizations of {who['type']}",
            [each["authorizedEntityIdentifier"] for each in entries],
            [who],
        )


@requirement(
    "KSEF-PERM-446",
    "An authorization that was revoked is no longer listed.",
    source="OpenAPI DELETE /permissions/authorizations/grants/{permissionId}",
    needs=_OWN,
)
def revoked_authorization_is_gone(ctx: Probe) -> None:
    session = ctx.new_session()
    granted(ctx, session, "authorization")
    entry = only(found(ctx, session, "authorization query"))
    reply = ctx.delete(f"/permissions/authorizations/grants/{entry['id']}", bearer=session.access_token)
    ends(ctx, session, reply, 200)
    equal("authorizations left", found(ctx, session, "authorization query"), [])


@requirement(
    "KSEF-PERM-450",
    "Administrators of units are listed with their unit and its name; subunitIdentifier keeps one unit's.",
    source="OpenAPI POST /permissions/query/subunits/grants: SubunitPermission, subunitIdentifier",
    needs=_OWN,
)
def administrators_of_units_are_listed(ctx: Probe) -> None:
    session = ctx.new_session()
    first, second = (internal_identifier(session.nip, number) for number in (1, 2))
    for unit, name in ((first, "Warehouse"), (second, "Laboratory")):
        who = identifier("InternalId", unit)
        granted(ctx, session, "sub-unit grant", contextIdentifier=who, subunitName=name)
    entries = found(ctx, session, "sub-unit query", subunitIdentifier=identifier("InternalId", second))
    told = [(each["subunitIdentifier"]["value"], each.get("subunitName")) for each in entries]
    equal("administrators of one unit", told, [(second, "Laboratory")])
    equal("administrators of all units", len(found(ctx, session, "sub-unit query")), 2)


@requirement(
    "KSEF-PERM-455",
    "The administration of an EU entity is listed by VAT number, fingerprint and type, with its name.",
    source="OpenAPI POST /permissions/query/eu-entities/grants: EuEntityPermission, filters",
    needs=_OWN,
)
def union_administration_is_listed(ctx: Probe) -> None:
    session = ctx.new_session()
    granted(ctx, session, "EU administration grant")
    vat = f"{session.nip}-DE123456789"
    filters: tuple[tuple[dict[str, Any], int], ...] = (
        ({}, 4),
        ({"vatUeIdentifier": "DE123456789"}, 4),
        ({"vatUeIdentifier": "FR12345678901"}, 0),
        ({"authorizedFingerprintIdentifier": FINGERPRINT}, 4),
        ({"authorizedFingerprintIdentifier": "B2" * 32}, 0),
        ({"permissionTypes": ["VatUeManage"]}, 1),
    )
    for chosen, number in filters:
        entries = found(ctx, session, "EU entity query", **chosen)
        equal(f"permissions with {chosen or 'no filter'}", len(entries), number)
        for entry in entries:
            matches("vatUeIdentifier", entry["vatUeIdentifier"], f"{vat}|DE123456789")
            equal("euEntityName", entry["euEntityName"], "Beispiel GmbH")


# -- roles and attachments --------------------------------------------------------------------------------


@family(
    {
        "KSEF-PERM-460": ("VatGroup", "VatGroupUnit", "VatGroupSubUnit"),
        "KSEF-PERM-461": ("JST", "LocalGovernmentUnit", "LocalGovernmentSubUnit"),
    },
    lambda case: f"A {case[0]} of test data has the role {case[1]}, and its unit {case[2]} below it.",
    source="OpenAPI GET /permissions/query/entities/roles, POST …/subordinate-entities/roles",
    needs=_ROLES,
)
def roles_are_listed(ctx: Probe, case: tuple[str, str, str]) -> None:
    kind, own, below = case
    parent, unit = ctx.new_session(), ctx.new_session()
    _make(ctx, parent.nip, kind, unit.nip)
    try:
        path = "/permissions/query/entities/roles"
        equal("roles of the parent", _names(ctx.get(path, bearer=parent.access_token)), [own])
        roles = ctx.get(path, bearer=unit.access_token)
        equal("roles of the unit", _names(roles), [below])
        equal("its parent", roles.at("roles", 0, "parentEntityIdentifier"), identifier("Nip", parent.nip))
        for chosen, expected in ((unit.nip, [below]), (random_nip(), [])):
            entries = found(
                ctx, parent, "subordinate query", subordinateEntityIdentifier=identifier("Nip", chosen)
            )
            equal("roles below the parent", [each["role"] for each in entries], expected)
    finally:
        ctx.post("/testdata/subject/remove", json={"subjectNip": parent.nip})


@requirement(
    "KSEF-PERM-462",
    "An entity without a role has none in the list.",
    source="OpenAPI GET /permissions/query/entities/roles",
    needs=_OWN,
)
def most_have_no_role(ctx: Probe) -> None:
    session = ctx.new_session()
    equal("roles", _names(ctx.get("/permissions/query/entities/roles", bearer=session.access_token)), [])


@requirement(
    "KSEF-PERM-465",
    "Attachments are not allowed until the entity is allowed to send them, and then they are.",
    source="OpenAPI GET /permissions/attachments/status, POST /testdata/attachment",
    needs=_ROLES,
)
def attachments_are_allowed(ctx: Probe) -> None:
    session = ctx.new_session()
    path = "/permissions/attachments/status"
    equal("before", ctx.get(path, bearer=session.access_token).answers(200).at("isAttachmentAllowed"), False)
    ctx.post("/testdata/attachment", json={"nip": session.nip}).answers(200)
    equal("after", ctx.get(path, bearer=session.access_token).answers(200).at("isAttachmentAllowed"), True)


@requirement(
    "KSEF-PERM-466",
    "revokedDate of attachments is the given day in UTC.",
    source="official clients' tests of POST /testdata/attachment/revoke",
    needs=_ROLES,
)
def end_of_attachments_is_told(ctx: Probe) -> None:
    session = ctx.new_session()
    ctx.post("/testdata/attachment", json={"nip": session.nip}).answers(200)
    end = {"nip": session.nip, "expectedEndDate": "2035-06-15"}
    ctx.post("/testdata/attachment/revoke", json=end).answers(200)
    status = ctx.get("/permissions/attachments/status", bearer=session.access_token).answers(200)
    matches("revokedDate", status.at("revokedDate"), "2035-06-15T.*")


# -- means ------------------------------------------------------------------------------------------------


def _make(ctx: Probe, nip: str, kind: str, unit: str) -> None:
    ordered_unit = {"subjectNip": unit, "description": "ksef-conformance"}
    body = {
        "subjectNip": nip,
        "subjectType": kind,
        "subunits": [ordered_unit],
        "description": "ksef-conformance",
    }
    ctx.post("/testdata/subject", json=body).answers(200)


def _names(reply: Reply) -> list[str]:
    reply.answers(200)
    return [str(each["role"]) for each in reply.at("roles")]
