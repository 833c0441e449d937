"""/testdata: bodies with one fault, and what the persons and organisations that are made up can do."""

from __future__ import annotations

from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail
from contract_tests.server.granting import found, granted
from contract_tests.server.identity import (
    organization,
    owner_of,
    person,
    random_nip,
    random_pesel,
    self_signed,
)
from contract_tests.server.orders import ABSENT, ORDERS, Fault, body_of, changed, identifier
from contract_tests.server.probe import Probe
from contract_tests.server.workspace import Session

_ANY = {Capability.TEST_DATA}
_OWN = {Capability.SELF_SIGNED, Capability.TEST_DATA}
_NOBODY = "Brak przypisanych uprawnień"
#: Rate limits that are shown and cannot be set.
_UNSETTABLE = ("onlineSessionClose", "batchSessionClose", "anonymous", "global")
_PERSON = "OpenAPI POST /testdata/person"
_PERMISSIONS = "OpenAPI POST /testdata/permissions"

_WRONG = (
    Fault("organisation", ("subjectNip",), ABSENT, "is missing"),
    Fault("organisation", ("subjectNip",), "123", "is no NIP"),
    Fault("organisation", ("subjectType",), ABSENT, "is missing"),
    Fault("organisation", ("subjectType",), "Club", "is of no known kind", unreadable=True),
    Fault("organisation", ("description",), "four", "has 4 characters"),
    Fault("organisation", ("subunits", 0, "subjectNip"), "1", "is no NIP"),
    Fault("organisation", ("subunits", 0, "description"), ABSENT, "is missing"),
    Fault("person", ("nip",), ABSENT, "is missing"),
    Fault("person", ("pesel",), "44051401", "is no PESEL"),
    Fault("person", ("isBailiff",), "yes", "is no boolean", unreadable=True),
    Fault("person", ("description",), "x" * 257, "has 257 characters"),
    Fault("test permission", ("contextIdentifier", "value"), "123", "is no NIP"),
    Fault("test permission", ("authorizedIdentifier",), ABSENT, "is missing"),
    Fault(
        "test permission", ("permissions", 0, "permissionType"), "Owner", "is no permission", unreadable=True
    ),
    Fault("test permission", ("permissions",), ABSENT, "is missing"),
    Fault("test permission", ("permissions", 0, "description"), "four", "has 4 characters"),
    Fault("test revocation", ("contextIdentifier",), ABSENT, "is missing"),
    Fault("attachment", ("nip",), "0265877635", "begins with 0"),
    Fault("attachment revocation", ("expectedEndDate",), "soon", "is no date", unreadable=True),
    Fault("block", ("contextIdentifier", "type"), "Pesel", "is of no known kind", unreadable=True),
)


@family(
    {f"KSEF-DATA-{number}": fault for number, fault in enumerate(_WRONG, 110)},
    str,
    source="OpenAPI: the schemas of the request bodies under /testdata; 21405",
    needs=_ANY,
)
def wrong_body_is_refused(ctx: Probe, fault: Fault) -> None:
    fault.expect(ctx.post(fault.path, json=fault.body()))


_LIMITS = (
    Fault("context limits", ("onlineSession", "maxInvoices"), 100_001, "is more than 100000"),
    Fault("context limits", ("batchSession", "maxInvoiceSizeInMB"), 6, "is more than 5"),
    Fault("context limits", ("onlineSession", "maxInvoiceWithAttachmentSizeInMB"), 11, "is more than 10"),
    Fault("context limits", ("batchSession", "maxInvoices"), -1, "is negative"),
    Fault("context limits", ("batchSession",), ABSENT, "is missing"),
)


@family(
    {f"KSEF-DATA-{number}": fault for number, fault in enumerate(_LIMITS, 140)},
    str,
    source="OpenAPI: SetSessionLimitsRequest; 21405",
    needs=_OWN,
)
def wrong_limit_is_refused(ctx: Probe, fault: Fault) -> None:
    fault.expect(ctx.post(fault.path, bearer=ctx.session.access_token, json=fault.body()))


# -- persons ----------------------------------------------------------------------------------------------


def _person(ctx: Probe, **changes: Any) -> tuple[str, str]:
    """A new person: NIP and PESEL."""
    nip, pesel = random_nip(), random_pesel()
    body = body_of("person") | {"nip": nip, "pesel": pesel} | changes
    ctx.post(ORDERS["person"][0], json=body).answers(200)
    return nip, pesel


@requirement(
    "KSEF-DATA-150",
    "A person of test data owns the context of its NIP with a certificate that names the PESEL alone.",
    source=_PERSON,
    needs=_OWN,
)
def person_owns_its_nip(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    credentials = self_signed(person(pesel=pesel))
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 415, _NOBODY)
    ctx.post("/testdata/person", json=body_of("person") | {"nip": nip, "pesel": pesel}).answers(200)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 200)


@requirement(
    "KSEF-DATA-151",
    "A person that was removed owns nothing by its PESEL any more.",
    source="OpenAPI POST /testdata/person/remove",
    needs=_OWN,
)
def removed_person_owns_nothing(ctx: Probe) -> None:
    nip, pesel = _person(ctx)
    ctx.post("/testdata/person/remove", json={"nip": nip}).answers(200)
    ctx.ends(ctx.started(ctx.submit(self_signed(person(pesel=pesel)), nip=nip)), 415, _NOBODY)


@requirement(
    "KSEF-DATA-152",
    "A bailiff of test data has the role CourtBailiff, and whom others are made has none.",
    source=f"{_PERSON}: isBailiff; OpenAPI GET /permissions/query/entities/roles",
    needs=_OWN,
)
def bailiff_has_the_role(ctx: Probe) -> None:
    for is_bailiff, expected in ((True, ["CourtBailiff"]), (False, [])):
        nip, _ = _person(ctx, isBailiff=is_bailiff)
        session = ctx.login_with_certificate(owner_of(nip), nip=nip)
        reply = ctx.get("/permissions/query/entities/roles", bearer=session.access_token).answers(200)
        equal("roles", [each["role"] for each in reply.at("roles")], expected)


@requirement(
    "KSEF-DATA-153",
    "Removing a person or an organisation that nobody knows is answered with 200.",
    source="OpenAPI POST /testdata/person/remove, /testdata/subject/remove: no error for it",
    needs=_ANY,
)
def removing_nobody_is_no_error(ctx: Probe) -> None:
    ctx.post("/testdata/person/remove", json={"nip": random_nip()}).answers(200)
    ctx.post("/testdata/subject/remove", json={"subjectNip": random_nip()}).answers(200)


# -- permissions ------------------------------------------------------------------------------------------


def _grant(ctx: Probe, nip: str, who: dict[str, str], *permissions: str) -> None:
    given = [{"permissionType": name, "description": "ksef-conformance"} for name in permissions]
    body = {"contextIdentifier": identifier("Nip", nip), "authorizedIdentifier": who, "permissions": given}
    ctx.post("/testdata/permissions", json=body).answers(200)


@family(
    {"KSEF-DATA-160": "Pesel", "KSEF-DATA-161": "Nip", "KSEF-DATA-162": "Fingerprint"},
    "A permission of test data for a {} lets its holder in, until it is revoked.",
    source=f"{_PERMISSIONS}, /testdata/permissions/revoke",
    needs=_OWN,
)
def permission_lets_in(ctx: Probe, kind: str) -> None:
    nip, pesel, firm = random_nip(), random_pesel(), random_nip()
    stranger = self_signed(person(), number=2)
    credentials, value = {
        "Pesel": (self_signed(person(pesel=pesel)), pesel),
        "Nip": (self_signed(organization(nip=firm)), firm),
        "Fingerprint": (stranger, stranger.fingerprint),
    }[kind]
    request = {"subject": "certificateFingerprint"} if kind == "Fingerprint" else {}
    who = identifier(kind, value)
    _grant(ctx, nip, who, "InvoiceRead")
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip, request=request)), 200)
    lost = {"contextIdentifier": identifier("Nip", nip), "authorizedIdentifier": who}
    ctx.post("/testdata/permissions/revoke", json=lost).answers(200)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip, request=request)), 415, _NOBODY)


@requirement(
    "KSEF-DATA-163",
    "Permissions of test data are listed, several at once, and their author is the system.",
    source=f"{_PERMISSIONS}; OpenAPI: PersonPermissionAuthorIdentifier System",
    needs=_OWN,
)
def permissions_are_the_systems(ctx: Probe) -> None:
    session, who = ctx.new_session(), identifier("Pesel", random_pesel())
    _grant(ctx, session.nip, who, "InvoiceRead", "Introspection")
    entries = found(ctx, session, "person query", authorizedIdentifier=who)
    equal(
        "permissions", sorted(each["permissionScope"] for each in entries), ["Introspection", "InvoiceRead"]
    )
    equal("authors", {each["authorIdentifier"]["type"] for each in entries}, {"System"})


@requirement(
    "KSEF-DATA-164",
    "Only an enforcement authority of test data gives EnforcementOperations.",
    source="OpenAPI POST /testdata/subject: EnforcementAuthority; the codes of an operation",
    needs=_OWN,
)
def authority_enforces(ctx: Probe) -> None:
    session = ctx.new_session()
    body = body_of("organisation") | {
        "subjectNip": session.nip,
        "subjectType": "EnforcementAuthority",
        "subunits": [],
    }
    ctx.post("/testdata/subject", json=body).answers(200)
    granted(ctx, session, "person grant", permissions=["EnforcementOperations"])
    ctx.post("/testdata/subject/remove", json={"subjectNip": session.nip}).answers(200)


# -- blocked contexts, limits -----------------------------------------------------------------------------


@requirement(
    "KSEF-DATA-170",
    "A blocked context is blocked alone: logins to another one succeed.",
    source="OpenAPI POST /testdata/context/block",
    needs=_OWN,
)
def others_are_not_blocked(ctx: Probe) -> None:
    blocked = {"contextIdentifier": identifier("Nip", random_nip())}
    ctx.post("/testdata/context/block", json=blocked).answers(200)
    ctx.ends(ctx.started(ctx.submit(nip=random_nip())), 200)
    ctx.post("/testdata/context/unblock", json=blocked).answers(200)


@requirement(
    "KSEF-DATA-171",
    "The limits that a context sets for itself are no other context's.",
    source="OpenAPI POST /testdata/limits/context/session",
    needs=_OWN,
)
def limits_are_of_one_context(ctx: Probe) -> None:
    session, other = ctx.new_session(), ctx.new_session()
    before = _limits(ctx, other)
    body = changed(body_of("context limits"), ("onlineSession", "maxInvoices"), 7)
    ctx.post(ORDERS["context limits"][0], bearer=session.access_token, json=body).answers(200)
    equal("limits of the other context", _limits(ctx, other), before)
    equal("one's own", _limits(ctx, session)["onlineSession"]["maxInvoices"], 7)


@requirement(
    "KSEF-DATA-172",
    "POST /testdata/rate-limits/production takes back what a context has set.",
    source="OpenAPI POST /testdata/rate-limits/production; documented: TEST has production's values",
    needs=_OWN,
)
def production_limits_are_set(ctx: Probe) -> None:
    session = ctx.new_session()
    before = _rates(ctx, session)
    if not isinstance(before, dict):
        fail("an object", before, what="rate limits")
    rate = {"perSecond": 40, "perMinute": 41, "perHour": 42}
    changed_rates = dict.fromkeys((name for name in before if name not in _UNSETTABLE), rate)
    order = {"rateLimits": changed_rates}
    ctx.post("/testdata/rate-limits", bearer=session.access_token, json=order).answers(200)
    equal("what was set", _rates(ctx, session).get("other"), rate)
    ctx.post("/testdata/rate-limits/production", bearer=session.access_token).answers(200)
    equal("production's", _rates(ctx, session), before)


def _rates(ctx: Probe, session: Session) -> Any:
    return ctx.get("/rate-limits", bearer=session.access_token).answers(200).json()


def _limits(ctx: Probe, session: Session) -> Any:
    return ctx.get("/limits/context", bearer=session.access_token).answers(200).json()
