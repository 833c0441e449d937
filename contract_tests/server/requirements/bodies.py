"""How bodies of JSON are read: names and enumerations in any case, all faults of a body at once."""

from __future__ import annotations

from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, matches, true
from contract_tests.server.granting import context_of, found, granted
from contract_tests.server.orders import ORDERS, body_of, changed, identifier, recased
from contract_tests.server.probe import PROBLEM_DETAILS, Probe

_OWN = {Capability.SELF_SIGNED}
_CASE = "official clients' tests: the C# client sends PascalCase unless told otherwise"
_ENUMS = "official clients' tests; the ministry's examples of test data"
_UNREADABLE = "recorded on TEST: System.Text.Json's words; 21001 documented at 37 operations since API 2.9.0"
_ALL = "official clients' tests: eleven details in one answer; recorded on TEST at the metadata query"


@requirement(
    "KSEF-ERR-050",
    "The names of the members of a token login are read in any case.",
    source=_CASE,
)
def names_of_a_token_login_have_no_case(ctx: Probe) -> None:
    for spelled in (recased, _upper, _lower):
        ctx.ends(ctx.started(ctx.submit_token(spelled(ctx.token_request()))), 200)


@family(
    {
        "KSEF-ERR-051": "person grant",
        "KSEF-ERR-052": "entity grant",
        "KSEF-ERR-053": "authorization",
        "KSEF-ERR-054": "sub-unit grant",
    },
    "{}: the names of its members, nested ones too, are read in any case.",
    source=_CASE,
    needs=_OWN,
)
def names_of_grants_have_no_case(ctx: Probe, order: str) -> None:
    session = ctx.new_session()
    body = recased(body_of(order, **context_of(session)))
    ctx.post(ORDERS[order][0], bearer=session.access_token, json=body).answers(202)


@requirement(
    "KSEF-ERR-055",
    "A filter in PascalCase filters: it is not ignored.",
    source=_CASE,
    needs=_OWN,
)
def filters_have_no_case(ctx: Probe) -> None:
    session = ctx.new_session()
    granted(ctx, session, "person grant")
    query = {"QueryType": "PermissionsInCurrentContext", "PermissionTypes": ["Introspection"]}
    path = ORDERS["person query"][0]
    reply = ctx.post(path, bearer=session.access_token, json=query).answers(200)
    equal("permissions of another type", reply.at("permissions"), [])


@family(
    {
        "KSEF-ERR-056": ("contextIdentifier", "type", "nip"),
        "KSEF-ERR-057": ("contextIdentifier", "type", "NIP"),
    },
    lambda case: f"The type of a context is read in any case: {case[2]}.",
    source=_ENUMS,
)
def types_have_no_case(ctx: Probe, case: tuple[str, str, str]) -> None:
    member, name, value = case
    body = changed(ctx.token_request(), (member, name), value)
    ctx.ends(ctx.started(ctx.submit_token(body)), 200)


@requirement(
    "KSEF-ERR-058",
    "Enumerations in a query string are read in any case: status=active.",
    source=_ENUMS,
)
def parameters_have_no_case(ctx: Probe) -> None:
    owner = ctx.owner
    for value in ("active", "ACTIVE", "Active"):
        reply = ctx.get("/tokens", bearer=owner.session.access_token, params={"status": value}).answers(200)
        states = {entry.get("status") for entry in reply.at("tokens")}
        equal(f"states with status={value}", states, {"Active"})


@requirement(
    "KSEF-ERR-059",
    "Permissions in a body are read in any case, and answered in that of the document.",
    source=_ENUMS,
    needs=_OWN,
)
def permissions_have_no_case(ctx: Probe) -> None:
    session = ctx.new_session()
    who = identifier("pesel", "44051401359")
    granted(ctx, session, "person grant", subjectIdentifier=who, permissions=["invoiceread", "INTROSPECTION"])
    entries = found(ctx, session, "person query")
    held = sorted(each["permissionScope"] for each in entries)
    equal("permissions", held, ["Introspection", "InvoiceRead"])


@family(
    {
        "KSEF-ERR-060": (("contextIdentifier", "type"), "Regon", r"\$\.contextIdentifier\.type"),
        "KSEF-ERR-061": (("encryptedToken",), 12345, r"\$\.encryptedToken"),
        "KSEF-ERR-062": (("contextIdentifier",), [], r"\$\.contextIdentifier"),
    },
    lambda case: (
        f"What cannot be read at {'.'.join(case[0])} is 21001 with the place in System.Text.Json's words."
    ),
    source=_UNREADABLE,
)
def place_is_named(ctx: Probe, case: tuple[tuple[str, ...], Any, str]) -> None:
    member, value, place = case
    reply = ctx.submit_token(changed(ctx.token_request(), member, value)).refused(21001, None)
    (detail, *_) = reply.error()[2]
    words = r"The JSON value could not be converted to .+\. Path: " + place
    matches("detail", detail, words + r" \| LineNumber: [0-9]+ \| BytePositionInLine: [0-9]+\.")


@requirement(
    "KSEF-ERR-063",
    "21405 names all faults of a body at once, in both formats: each missing member as must not be empty.",
    source=_ALL,
)
def all_faults_are_named(ctx: Probe) -> None:
    for headers in ({}, PROBLEM_DETAILS):
        details = ctx.post("/auth/ksef-token", json={}, headers=headers).refused(21405, None).error()[2]
        for member in ("challenge", "contextIdentifier", "encryptedToken"):
            named = [each for each in details if member.lower() in each.lower()]
            true(f"details of {member}", len(named) == 1, expected="one detail", received=details)


@requirement(
    "KSEF-ERR-064",
    "21405 of a grant names each of its faults, as many as there are, in one answer.",
    source=_ALL,
    needs=_OWN,
)
def faults_of_a_grant_are_named(ctx: Probe) -> None:
    body = body_of("person grant") | {"description": "four", "subjectIdentifier": identifier("Pesel", "123")}
    del body["permissions"]
    path = ORDERS["person grant"][0]
    reply = ctx.post(path, bearer=ctx.session.access_token, json=body).refused(21405, None)
    details = reply.error()[2]
    for word in ("description", "permissions", "identifier"):
        named = [each for each in details if word in each.lower()]
        true(f"details of {word}", bool(named), expected="a detail of its own", received=details)


@requirement(
    "KSEF-ERR-065",
    "Names in details are in camelCase whatever the case of the request.",
    source=_ALL,
)
def details_have_the_documents_names(ctx: Probe) -> None:
    body = recased(ctx.token_request())
    del body["Challenge"]
    details = ctx.submit_token(body).refused(21405, None).error()[2]
    equal("details", details, ["'challenge' must not be empty."])


def _upper(body: dict[str, Any]) -> dict[str, Any]:
    return {name.upper(): value for name, value in body.items()}


def _lower(body: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in body.items()}
