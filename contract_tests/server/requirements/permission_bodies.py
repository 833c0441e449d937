"""/permissions: bodies that are taken, and bodies with one fault, operation by operation."""

from __future__ import annotations

from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family
from contract_tests.server.expect import one_of
from contract_tests.server.granting import context_of, granted, ordered, outcome
from contract_tests.server.orders import (
    ABSENT,
    FINGERPRINT,
    NIP,
    PERSON_BY_FINGERPRINT,
    PESEL,
    PROVIDER,
    STRANGER_BY_FINGERPRINT,
    Fault,
    identifier,
)
from contract_tests.server.probe import Probe

_OWN = {Capability.SELF_SIGNED}
_RULES = "OpenAPI: the schemas of the request bodies under /permissions; 21405"
_GRANTS = ("person grant", "entity grant", "authorization", "indirect grant", "sub-unit grant")

Variant = tuple[str, str, dict[str, Any]]

_VARIANTS: dict[str, Variant] = {
    "KSEF-PERM-110": ("person grant", "to a PESEL", {}),
    "KSEF-PERM-111": ("person grant", "to a NIP", {"subjectIdentifier": identifier("Nip", NIP)}),
    "KSEF-PERM-112": (
        "person grant",
        "to a fingerprint of a person with a PESEL",
        {
            "subjectIdentifier": identifier("Fingerprint", FINGERPRINT),
            "subjectDetails": PERSON_BY_FINGERPRINT,
        },
    ),
    "KSEF-PERM-113": (
        "person grant",
        "to a fingerprint of a person with an identity document",
        {
            "subjectIdentifier": identifier("Fingerprint", FINGERPRINT),
            "subjectDetails": STRANGER_BY_FINGERPRINT,
        },
    ),
    "KSEF-PERM-114": ("entity grant", "to a firm", {}),
    "KSEF-PERM-115": ("authorization", "of a firm for self-invoicing", {}),
    "KSEF-PERM-116": (
        "authorization",
        "of a Peppol provider for PEF invoices",
        {"subjectIdentifier": identifier("PeppolId", PROVIDER), "permission": "PefInvoicing"},
    ),
    "KSEF-PERM-117": ("indirect grant", "for all partners", {}),
    "KSEF-PERM-118": ("sub-unit grant", "for an internal unit", {}),
    "KSEF-PERM-119": ("EU administration grant", "to an entity known by its fingerprint", {}),
}


@family(
    _VARIANTS,
    lambda case: f"{case[0][0].upper()}{case[0][1:]} {case[1]} is taken with 202 and ends in 200.",
    source="OpenAPI: examples of the requests under /permissions; status 200",
    needs=_OWN,
)
def right_body_is_taken(ctx: Probe, case: Variant) -> None:
    order, _, members = case
    granted(ctx, ctx.new_session(), order, **members)


def _faults() -> dict[str, Fault]:
    person, entity, authorization, indirect, unit = _GRANTS
    eu = "EU administration grant"
    who, details = ("subjectIdentifier",), ("subjectDetails",)
    first, last = ("subjectDetails", "personById", "firstName"), ("subjectDetails", "personById", "lastName")
    cases = [
        *(Fault(order, who, ABSENT, "is missing") for order in (*_GRANTS, eu)),
        *(Fault(order, ("description",), ABSENT, "is missing") for order in (*_GRANTS, eu)),
        *(Fault(order, ("description",), "four", "has 4 characters") for order in (*_GRANTS, eu)),
        *(Fault(order, ("description",), "x" * 257, "has 257 characters") for order in (*_GRANTS, eu)),
        *(Fault(order, details, ABSENT, "is missing") for order in (*_GRANTS, eu)),
        *(
            Fault(order, (*who, "type"), "Regon", "is of no known kind", unreadable=True)
            for order in (*_GRANTS, eu)
        ),
        Fault(person, (*who, "value"), "123", "is no PESEL"),
        Fault(entity, (*who, "value"), "0265877635", "begins with 0"),
        Fault(authorization, (*who, "value"), "PL123", "is no NIP"),
        Fault(eu, (*who, "value"), "A1" * 31, "has 62 characters"),
        Fault(entity, who, identifier("Pesel", PESEL), "is a person's", unreadable=True),
        Fault(person, ("permissions",), ABSENT, "is missing"),
        Fault(entity, ("permissions",), ABSENT, "is missing"),
        Fault(indirect, ("permissions",), ABSENT, "is missing"),
        Fault(person, ("permissions", 0), "Everything", "is no permission", unreadable=True),
        Fault(entity, ("permissions", 0, "type"), "CredentialsManage", "is not for firms", unreadable=True),
        Fault(indirect, ("permissions", 0), "SubunitManage", "cannot be passed on", unreadable=True),
        Fault(authorization, ("permission",), "InvoiceRead", "is no authorization", unreadable=True),
        Fault(authorization, ("permission",), ABSENT, "is missing"),
        Fault(person, first, ABSENT, "is missing"),
        Fault(person, first, "J", "has 1 character"),
        Fault(person, first, "J" * 31, "has 31 characters"),
        Fault(indirect, last, "K", "has 1 character"),
        Fault(unit, last, "K" * 82, "has 82 characters"),
        Fault(entity, (*details, "fullName"), "Abcd", "has 4 characters"),
        Fault(authorization, (*details, "fullName"), "x" * 91, "has 91 characters"),
        Fault(indirect, ("targetIdentifier", "type"), "Pesel", "is of no known kind", unreadable=True),
        Fault(unit, ("contextIdentifier",), ABSENT, "is missing"),
        Fault(unit, ("subunitName",), "four", "has 4 characters"),
        Fault(eu, ("contextIdentifier",), ABSENT, "is missing"),
        Fault(eu, ("euEntityName",), "four", "has 4 characters"),
        Fault(eu, ("euEntityName",), ABSENT, "is missing"),
        Fault(eu, ("euEntityDetails",), ABSENT, "is missing"),
        Fault("person query", ("queryType",), ABSENT, "is missing"),
        Fault("person query", ("queryType",), "Everything", "is of no known kind", unreadable=True),
        Fault("authorization query", ("queryType",), ABSENT, "is missing"),
        Fault("personal query", ("permissionState",), "Sleeping", "is of no known kind", unreadable=True),
        Fault("EU entity query", ("vatUeIdentifier",), "XX123", "is no VAT number"),
    ]
    return {f"KSEF-PERM-{number}": fault for number, fault in enumerate(cases, 200)}


@family(_faults(), str, source=_RULES, needs=_OWN)
def wrong_body_is_refused(ctx: Probe, fault: Fault) -> None:
    session = ctx.session
    fault.expect(ctx.post(fault.path, bearer=session.access_token, json=fault.body(**context_of(session))))


@family(
    {
        f"KSEF-PERM-{number}": parameters
        for number, parameters in enumerate(
            ({"pageSize": "9"}, {"pageSize": "101"}, {"pageOffset": "-1"}), 290
        )
    },
    lambda parameters: "A query for persons' permissions with {} is refused with 21405.".format(
        " and ".join(f"{name}={value}" for name, value in parameters.items())
    ),
    source="OpenAPI POST /permissions/query/persons/grants: pageSize from 10 to 100, pageOffset from 0",
    needs=_OWN,
)
def wrong_page_is_refused(ctx: Probe, parameters: dict[str, str]) -> None:
    query = {"queryType": "PermissionsInCurrentContext"}
    path = "/permissions/query/persons/grants"
    ctx.post(path, bearer=ctx.session.access_token, json=query, params=parameters).refused(21405)


@family(
    {"KSEF-PERM-295": "InternalId", "KSEF-PERM-296": "Nip"},
    "A sub-unit grant for a {} that is not below the context's NIP is not given.",
    source="OpenAPI POST /permissions/subunits/grants; the codes of an operation: 410, 430",
    needs=_OWN,
)
def foreign_unit_is_not_given(ctx: Probe, kind: str) -> None:
    session, other = ctx.session, ctx.new_session()
    foreign = context_of(other)["unit"] if kind == "InternalId" else other.nip
    reply = ordered(ctx, session, "sub-unit grant", contextIdentifier=identifier(kind, foreign))
    if reply.status == 400:
        reply.error()
        return

    one_of("outcome of the operation", outcome(ctx, session, reply), (400, 410, 420, 430, 440, 450))
