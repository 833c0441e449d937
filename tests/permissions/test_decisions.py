"""Every decision about permissions as tables: role x permission x context x operation, both verdicts.

Calls are made over HTTP, each operation with each permission in each type of context; the rules of grants
and lists are asked directly, for every kind.
"""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import msgspec
import pytest

from ksef_mock.app import create_app
from ksef_mock.core.codes import SUCCESS, ChangeStatus, Reason, Status
from ksef_mock.core.errors import Forbidden
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.core.operation import shape_of
from ksef_mock.core.permissions import Permission
from ksef_mock.core.waiting import Wait
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import BY_SHAPE
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.ksef.permissions import admission
from ksef_mock.ksef.permissions import rules as decisions
from ksef_mock.ksef.permissions.grants import Grant, GrantKind
from ksef_mock.ksef.permissions.permissions import new_grant
from ksef_mock.ksef.permissions.rules import GRANTING, Facts
from ksef_mock.ksef.subjects.subjects import Person, Role
from ksef_mock.testing import MockServer

FIRM = Identifier("Nip", "5265877635")
OFFICE = Identifier("Nip", "7762811692")
CLIENT = Identifier("Nip", "1234563218")
UNIT = Identifier("InternalId", "5265877635-12346")
COMPOUND = Identifier("NipVatUe", "5265877635-DE123456789")
PROVIDER = Identifier("PeppolId", "PPL123456")
CONTEXTS = (FIRM, UNIT, COMPOUND, PROVIDER)

PESEL = Identifier("Pesel", "90010112349")
STRANGER = Identifier("Pesel", "92060512186")
FINGERPRINT = Identifier("Fingerprint", "AB" * 32)

HOLDINGS = ("Owner", *Permission, "VatUeManage", "PefInvoiceWrite", None)

M, R, S = "CredentialsManage", "CredentialsRead", "SubunitManage"
N, I, U, P = "Nip", "InternalId", "NipVatUe", "PeppolId"  # noqa: E741
#: Any of them: whoever may read, issue or collect invoices (OpenAPI 2.9.0).
C = {"InvoiceRead", "InvoiceWrite", "CollectiveIdentifierManage"}

# Operation: who may call it, in which types of context.
CALLS: dict[str, tuple[set[str], set[str]]] = {
    "POST /permissions/persons/grants": ({M}, {N, I}),
    "POST /permissions/entities/grants": ({M}, {N, I}),
    "POST /permissions/authorizations/grants": ({M}, {N}),
    "POST /permissions/indirect/grants": ({M}, {N}),
    "POST /permissions/subunits/grants": ({S}, {N}),
    "POST /permissions/eu-entities/administration/grants": ({M}, {N}),
    "POST /permissions/eu-entities/grants": ({"VatUeManage"}, {U}),
    "DELETE /permissions/common/grants/{permissionId}": ({M, S, "VatUeManage"}, {N, I, U, P}),
    "DELETE /permissions/authorizations/grants/{permissionId}": ({M}, {N}),
    "GET /permissions/operations/{referenceNumber}": (set(), {N, I, U, P}),
    "GET /permissions/attachments/status": ({M, R}, {N, I, U, P}),
    "POST /permissions/query/personal/grants": (set(), {N, I, U, P}),
    "POST /permissions/query/persons/grants": ({M, R, S}, {N, I}),
    "POST /permissions/query/subunits/grants": ({M, R, S}, {N, I, U, P}),
    "POST /permissions/query/entities/grants": ({M, R}, {N, I, U, P}),
    "GET /permissions/query/entities/roles": ({M, R}, {N, I, U, P}),
    "POST /permissions/query/subordinate-entities/roles": ({M, R, S}, {N, I, U, P}),
    "POST /permissions/query/authorizations/grants": ({M, R, "PefInvoiceWrite"}, {N, P}),
    "POST /permissions/query/eu-entities/grants": ({M, R, "VatUeManage"}, {N, U}),
    "POST /invoices/query/metadata": ({"InvoiceRead"}, {N, I, U, P}),
    "POST /invoices/exports": ({"InvoiceRead"}, {N, I, U, P}),
    "GET /invoices/exports/{referenceNumber}": ({"InvoiceRead"}, {N, I, U, P}),
    "POST /collective-identifiers": (C, {N, I, U, P}),
    "POST /collective-identifiers/query": (C, {N, I, U, P}),
    "POST /collective-identifiers/invoices": (C, {N, I, U, P}),
    "GET /collective-identifiers/ksef/{ksefNumber}": (C, {N, I, U, P}),
}


def may_call(operation: str, held: str | None, context: str) -> str | None:
    """None, or the reasonCode of the refusal."""
    needed, contexts = CALLS[operation]
    if context not in contexts:
        return "context-type-not-allowed"
    owned = (
        {M, R, S, "InvoiceRead", "InvoiceWrite", "Introspection", "CollectiveIdentifierManage"}
        if held == "Owner"
        else {held}
    )
    return None if not needed or needed & owned else "missing-permissions"


def test_every_operation_with_a_requirement_stands_in_the_table() -> None:
    # What is sent has tests of its own (`tests/sending`).
    required = {
        str(each)
        for each in simulated(create_app().routes)
        if (each.any_of or each.contexts) and not each.path.startswith(("/sessions", "/invoices/ksef"))
    }
    assert {
        operation for operation, (needed, contexts) in CALLS.items() if needed or len(contexts) < 4
    } == required


@pytest.mark.parametrize("operation", CALLS)
def test_the_table_of_operations_requires_the_same(operation: str) -> None:
    method, path = operation.split()
    row = BY_SHAPE[method, shape_of(path)]
    assert CALLS[operation] == (set(row.any_of), set(row.contexts) or {N, I, U, P})


def bearer(mock: MockServer, held: str | None, context: Identifier) -> str:
    """An access token as a login of that kind would give it."""
    operation = Operation(
        reference="20260301-AU-0123456789-ABCDEF0123-4F",
        started_at=mock.clock.now(),
        method=AuthenticationMethod.QUALIFIED_SIGNATURE,
        context=context,
        subject=PESEL,
        permissions=() if held is None else (held,),
        verdict=SUCCESS,
        wait=Wait(mock.clock.now()),
    )
    return mock._running.jwts.access_token(operation).token


@pytest.mark.parametrize("operation", CALLS)
def test_calls_over_http(ksef_mock: MockServer, operation: str) -> None:
    method, path = operation.split()
    path = path.replace("{permissionId}", "0c9a72e8-f344-457f-9c16-7c640eb60242")
    path = path.replace("{referenceNumber}", "20250626-EG-333C814000-C529F710D8-D2")
    verdicts: dict[tuple[str | None, str], str | None] = {}
    with httpx.Client(base_url=f"{ksef_mock.url}/v2") as http:
        for context, held in itertools.product(CONTEXTS, HOLDINGS):
            headers = {"Authorization": f"Bearer {bearer(ksef_mock, held, context)}"}
            # An empty order: whoever may give one is told what is missing (400), nobody else is.
            answer = http.request(method, path, headers=headers, json={} if method == "POST" else None)
            assert answer.status_code in (200, 202, 400, 403), answer.text
            verdicts[held, context.type] = answer.json().get("reasonCode")
    assert verdicts == {
        (held, context.type): may_call(operation, held, context.type)
        for context, held in itertools.product(CONTEXTS, HOLDINGS)
    }


# -- logins: role x context -------------------------------------------------------------------------------


def grant(
    kind: GrantKind,
    origin: Identifier,
    authorized: Identifier,
    permission: str = "InvoiceRead",
    *,
    context: Identifier | None = None,
    author: Identifier | None = None,
    can_delegate: bool = False,
) -> Grant:
    return new_grant(
        kind,
        origin,
        authorized,
        permission,
        context=context,
        description="for a test",
        author=author,
        granted_at=0,
        can_delegate=can_delegate,
    )


DELEGATED = {(CLIENT, "InvoiceRead"), (UNIT, "InvoiceWrite")}

# What is granted: in which of these contexts it opens, if the office may pass on what DELEGATED says.
EVERYWHERE = (FIRM, OFFICE, CLIENT, UNIT, COMPOUND, PROVIDER)
OPENINGS: list[tuple[Grant, set[Identifier]]] = [
    (grant(GrantKind.PERSON, FIRM, PESEL, context=FIRM), {FIRM}),
    (grant(GrantKind.PERSON, UNIT, PESEL, context=UNIT), {UNIT}),
    (grant(GrantKind.ENTITY, CLIENT, OFFICE, context=CLIENT), {CLIENT}),
    (grant(GrantKind.ENTITY, CLIENT, OFFICE, context=CLIENT, can_delegate=True), {CLIENT}),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, context=CLIENT), {CLIENT}),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, "InvoiceWrite", context=CLIENT), set()),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, context=FIRM), set()),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, "InvoiceWrite", context=UNIT), {UNIT}),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL), {CLIENT}),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, "InvoiceWrite"), {UNIT}),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=CLIENT), {CLIENT}),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=UNIT), {UNIT}),
    (grant(GrantKind.EU_ADMINISTRATION, FIRM, FINGERPRINT, "VatUeManage", context=COMPOUND), {COMPOUND}),
    (grant(GrantKind.EU_ENTITY, COMPOUND, FINGERPRINT, context=COMPOUND), {COMPOUND}),
    (grant(GrantKind.AUTHORIZATION, FIRM, OFFICE, "SelfInvoicing", context=FIRM), set()),
    (grant(GrantKind.AUTHORIZATION, FIRM, PROVIDER, "PefInvoicing", context=FIRM), set()),
]


@pytest.mark.parametrize(("granted", "opened"), OPENINGS, ids=lambda value: getattr(value, "kind", None))
def test_which_contexts_a_grant_opens(granted: Grant, opened: set[Identifier]) -> None:
    assert {each for each in EVERYWHERE if admission.opens(granted, each, DELEGATED)} == opened
    active = granted.kind is not GrantKind.INDIRECT or bool(opened)
    assert admission.is_active(granted, DELEGATED) is active
    if granted.kind is GrantKind.INDIRECT:
        assert not any(admission.opens(granted, each, ()) for each in EVERYWHERE)
        assert not admission.is_active(granted, ())


def test_every_kind_of_grant_stands_in_the_tables() -> None:
    assert {granted.kind for granted, _ in OPENINGS} == set(GrantKind) == set(GRANTING) == set(GIVING)


JANINA = Person(nip=FIRM.value, pesel=PESEL.value, description="Janina", created_at=0)
BAILIFF = msgspec.structs.replace(JANINA, is_bailiff=True)
DECEASED = msgspec.structs.replace(JANINA, is_deceased=True)

# Who logs in, as whom KSeF knows them: what they hold without a grant, by context.
ROLES: list[tuple[Identifier, Person | None, dict[Identifier, tuple[str, ...]]]] = [
    (FIRM, None, {FIRM: ("Owner",)}),
    (FIRM, JANINA, {FIRM: ("Owner",)}),
    (PESEL, JANINA, {FIRM: ("Owner",)}),
    (PESEL, BAILIFF, {FIRM: ("Owner", "EnforcementOperations")}),
    (PESEL, None, {}),
    (OFFICE, None, {OFFICE: ("Owner",)}),
    (FINGERPRINT, None, {}),
    (PROVIDER, None, {PROVIDER: ("PefInvoiceWrite",)}),
]


@pytest.mark.parametrize("granted", [(), ("InvoiceRead",), ("InvoiceRead", "Introspection")])
@pytest.mark.parametrize("context", EVERYWHERE, ids=str)
@pytest.mark.parametrize(("subject", "person", "own"), ROLES)
def test_who_may_log_in_where(
    subject: Identifier,
    person: Person | None,
    own: dict[Identifier, tuple[str, ...]],
    context: Identifier,
    granted: tuple[str, ...],
) -> None:
    decision = admission.decide(subject, context, person=person, granted=granted)
    expected = own.get(context, ()) + granted
    assert decision.permissions == expected
    assert decision.verdict.status is (Status.SUCCESS if expected else Status.NO_PERMISSIONS)
    blocked = admission.decide(subject, context, person=person, granted=granted, blocked=True)
    assert (blocked.verdict.status, blocked.permissions) == (Status.BLOCKED, ())


@pytest.mark.parametrize("context", EVERYWHERE, ids=str)
@pytest.mark.parametrize("subject", [FIRM, PESEL], ids=str)
def test_the_deceased_log_in_nowhere(subject: Identifier, context: Identifier) -> None:
    for granted in ((), ("InvoiceRead",)):
        decision = admission.decide(subject, context, person=DECEASED, granted=granted)
        assert (decision.verdict.status, decision.permissions) == (Status.DECEASED, ())


# Whether the author of a KSeF token is an owner where the token is, which takes no grant.
AUTHORS: list[tuple[Identifier, Person | None, set[Identifier]]] = [
    (FIRM, None, {FIRM, UNIT}),
    (PESEL, JANINA, {FIRM, UNIT}),
    (PESEL, None, set()),
    (OFFICE, None, {OFFICE}),
    (FINGERPRINT, None, set()),
]


@pytest.mark.parametrize(
    "granted", [(), ("InvoiceRead",), ("CredentialsManage",), ("InvoiceWrite", "InvoiceRead")]
)
@pytest.mark.parametrize("context", [FIRM, OFFICE, CLIENT, UNIT], ids=str)
@pytest.mark.parametrize(("author", "person", "owned"), AUTHORS)
def test_what_a_token_can_still_do(
    author: Identifier,
    person: Person | None,
    owned: set[Identifier],
    context: Identifier,
    granted: tuple[str, ...],
) -> None:
    made_with = ("InvoiceRead", "InvoiceWrite")
    decision = admission.decide_for_token(author, context, made_with, person=person, granted=granted)
    expected = tuple(each for each in made_with if context in owned or each in granted)
    assert decision.permissions == expected
    assert decision.verdict.status is (Status.SUCCESS if expected else Status.NO_PERMISSIONS)


# -- grants: kind x circumstances -> how the operation ends -------------------------------------------------

GIVING: dict[GrantKind, str] = {
    GrantKind.PERSON: M,
    GrantKind.ENTITY: M,
    GrantKind.INDIRECT: M,
    GrantKind.SUBUNIT: S,
    GrantKind.EU_ADMINISTRATION: M,
    GrantKind.EU_ENTITY: "VatUeManage",
    GrantKind.AUTHORIZATION: M,
}

OK = ChangeStatus.SUCCESS
UNRELATED, WRONG_ROLE = ChangeStatus.UNRELATED_IDENTIFIERS, ChangeStatus.WRONG_ROLE
RELATION, IDENTIFIER = ChangeStatus.FORBIDDEN_RELATION, ChangeStatus.FORBIDDEN_IDENTIFIER

#: What the circumstances of a grant are, but for the author.
Circumstances = dict[str, Any]
NOTHING: Circumstances = {}
GROUP: Circumstances = {"roles": frozenset({Role.VAT_GROUP_UNIT}), "units": frozenset({CLIENT.value})}
MUNICIPALITY: Circumstances = {
    "roles": frozenset({Role.LOCAL_GOVERNMENT_UNIT}),
    "units": frozenset({CLIENT.value}),
}
MEMBER: Circumstances = {"roles": frozenset({Role.VAT_GROUP_SUB_UNIT})}
ENFORCER: Circumstances = {"roles": frozenset({Role.ENFORCEMENT_AUTHORITY})}
COURT_BAILIFF: Circumstances = {"roles": frozenset({Role.COURT_BAILIFF})}
ENFORCE = "EnforcementOperations"
FOREIGN_UNIT = Identifier("InternalId", f"{OFFICE.value}-12347")
FOREIGN_COMPOUND = Identifier("NipVatUe", f"{OFFICE.value}-DE123456789")

JUDGEMENTS: list[tuple[Grant, Circumstances, ChangeStatus]] = [
    *(
        (grant(GrantKind.PERSON, FIRM, PESEL, each, context=FIRM), NOTHING, OK)
        for each in Permission
        if each != ENFORCE
    ),
    (grant(GrantKind.PERSON, FIRM, PESEL, ENFORCE, context=FIRM), NOTHING, WRONG_ROLE),
    (grant(GrantKind.PERSON, FIRM, PESEL, ENFORCE, context=FIRM), GROUP, WRONG_ROLE),
    (grant(GrantKind.PERSON, FIRM, PESEL, ENFORCE, context=FIRM), ENFORCER, OK),
    (grant(GrantKind.PERSON, FIRM, PESEL, ENFORCE, context=FIRM), COURT_BAILIFF, OK),
    (grant(GrantKind.PERSON, UNIT, PESEL, context=UNIT), NOTHING, OK),
    (grant(GrantKind.ENTITY, FIRM, OFFICE, context=FIRM), NOTHING, OK),
    (grant(GrantKind.ENTITY, FIRM, FIRM, context=FIRM), NOTHING, RELATION),
    (grant(GrantKind.ENTITY, UNIT, FIRM, context=UNIT), NOTHING, OK),
    (grant(GrantKind.ENTITY, UNIT, UNIT, context=UNIT), NOTHING, RELATION),
    (grant(GrantKind.ENTITY, UNIT, OFFICE, context=UNIT), NOTHING, OK),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL), NOTHING, OK),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, context=CLIENT), NOTHING, OK),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, context=UNIT), NOTHING, OK),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, context=OFFICE), NOTHING, RELATION),
    (grant(GrantKind.INDIRECT, OFFICE, PESEL, context=FOREIGN_UNIT), NOTHING, RELATION),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=UNIT), NOTHING, OK),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=FOREIGN_UNIT), NOTHING, UNRELATED),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=CLIENT), NOTHING, WRONG_ROLE),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=CLIENT), MEMBER, WRONG_ROLE),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=CLIENT), GROUP, OK),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=CLIENT), MUNICIPALITY, OK),
    (grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=OFFICE), GROUP, UNRELATED),
    (grant(GrantKind.EU_ADMINISTRATION, FIRM, FINGERPRINT, "VatUeManage", context=COMPOUND), NOTHING, OK),
    (
        grant(GrantKind.EU_ADMINISTRATION, FIRM, FINGERPRINT, "VatUeManage", context=FOREIGN_COMPOUND),
        NOTHING,
        UNRELATED,
    ),
    (grant(GrantKind.EU_ENTITY, COMPOUND, FINGERPRINT, context=COMPOUND), NOTHING, OK),
    *(
        (grant(GrantKind.AUTHORIZATION, FIRM, OFFICE, each, context=FIRM), NOTHING, OK)
        for each in ("SelfInvoicing", "RRInvoicing", "TaxRepresentative")
    ),
    (grant(GrantKind.AUTHORIZATION, FIRM, FIRM, "SelfInvoicing", context=FIRM), NOTHING, RELATION),
    (grant(GrantKind.AUTHORIZATION, FIRM, OFFICE, "PefInvoicing", context=FIRM), NOTHING, IDENTIFIER),
    (grant(GrantKind.AUTHORIZATION, FIRM, PROVIDER, "SelfInvoicing", context=FIRM), NOTHING, IDENTIFIER),
    (grant(GrantKind.AUTHORIZATION, FIRM, PROVIDER, "PefInvoicing", context=FIRM), NOTHING, OK),
]


def actor(context: Identifier, *permissions: str, subject: Identifier = PESEL) -> Actor:
    return Actor(context, subject, frozenset({subject}), permissions)


@pytest.mark.parametrize(("ordered", "circumstances", "status"), JUDGEMENTS)
def test_how_a_grant_ends(ordered: Grant, circumstances: Circumstances, status: ChangeStatus) -> None:
    author = actor(ordered.origin, GIVING[ordered.kind])
    assert decisions.judge_grant(ordered, Facts(author, **circumstances)).status is status
    deceased = Facts(author, **circumstances, deceased=True)
    assert decisions.judge_grant(ordered, deceased).status is ChangeStatus.FORBIDDEN_IDENTIFIER


EACH_KIND = {granted.kind: granted for granted, _ in OPENINGS}


@pytest.mark.parametrize("held", HOLDINGS)
@pytest.mark.parametrize("kind", GrantKind)
def test_what_it_takes_to_give_and_to_take_back(kind: GrantKind, held: str | None) -> None:
    granted = EACH_KIND[kind]
    needed = GIVING[kind]
    holds = held == needed or (held == "Owner" and needed in (M, S))
    here = actor(granted.origin, *([held] if held else []))
    facts = Facts(here, **(GROUP if kind is GrantKind.SUBUNIT else NOTHING))
    expected = ChangeStatus.SUCCESS if holds else ChangeStatus.NOT_PERMITTED
    assert decisions.judge_grant(granted, facts).status is expected
    assert decisions.judge_revocation(granted, facts).status is expected
    assert decisions.judge_revocation(None, facts).status is ChangeStatus.FAILED
    if holds:
        decisions.require_revocation(here, granted)
    else:
        with pytest.raises(Forbidden) as refused:
            decisions.require_revocation(here, granted)
        assert refused.value.code is Reason.INSUFFICIENT_RESOURCE_ACCESS
    # Nobody takes back what was granted elsewhere, not even in the context where it holds.
    for elsewhere in EVERYWHERE:
        if elsewhere != granted.origin:
            with pytest.raises(Forbidden):
                decisions.require_revocation(actor(elsewhere, needed), granted)


# -- lists: kind x who asks -> in which lists ---------------------------------------------------------------

IN_FORCE, GIVEN, PERSONAL = "in force", "given", "personal"
SUBUNITS, RECEIVED, AUTHORIZED, AUTHORIZING, EU = "subunits", "received", "authorized", "authorizing", "eu"


def lists(granted: Grant, asking: Actor) -> set[str]:
    found = {
        IN_FORCE: decisions.is_in_force(granted, asking),
        GIVEN: decisions.is_given(granted, asking),
        PERSONAL: decisions.is_personal(granted, asking, client=(asking.context, "InvoiceRead") in DELEGATED),
        SUBUNITS: decisions.is_subunit_administration(granted, asking),
        RECEIVED: decisions.is_received(granted, asking),
        AUTHORIZED: decisions.is_authorization(granted, asking, received=True),
        AUTHORIZING: decisions.is_authorization(granted, asking, received=False),
        EU: decisions.is_of_eu_entity(granted, asking),
    }
    return {name for name, listed in found.items() if listed}


AUTHOR = STRANGER
PERSON_IN_FIRM = grant(GrantKind.PERSON, FIRM, PESEL, context=FIRM, author=AUTHOR)
ENTITY_OF_CLIENT = grant(GrantKind.ENTITY, CLIENT, OFFICE, context=CLIENT, author=AUTHOR)
SENT_TO_CLIENT = grant(GrantKind.INDIRECT, OFFICE, PESEL, context=CLIENT, author=AUTHOR)
SENT_TO_ALL = grant(GrantKind.INDIRECT, OFFICE, PESEL, author=AUTHOR)
UNIT_MANAGER = grant(GrantKind.SUBUNIT, FIRM, PESEL, M, context=UNIT, author=AUTHOR)
EU_MANAGER = grant(
    GrantKind.EU_ADMINISTRATION, FIRM, FINGERPRINT, "VatUeManage", context=COMPOUND, author=AUTHOR
)
EU_REPRESENTATIVE = grant(GrantKind.EU_ENTITY, COMPOUND, FINGERPRINT, context=COMPOUND, author=AUTHOR)
SELF_INVOICING = grant(GrantKind.AUTHORIZATION, FIRM, OFFICE, "SelfInvoicing", context=FIRM, author=AUTHOR)

LISTS: list[tuple[Grant, Actor, set[str]]] = [
    # A grant to a person: seen by managers, by its author, by its holder; each in that context alone.
    (PERSON_IN_FIRM, actor(FIRM, M, subject=OFFICE), {IN_FORCE}),
    (PERSON_IN_FIRM, actor(FIRM, R, subject=OFFICE), {IN_FORCE}),
    (PERSON_IN_FIRM, actor(FIRM, "Owner", subject=FIRM), {IN_FORCE}),
    (PERSON_IN_FIRM, actor(FIRM, S, subject=OFFICE), set()),
    (PERSON_IN_FIRM, actor(FIRM, M, subject=AUTHOR), {IN_FORCE, GIVEN}),
    (PERSON_IN_FIRM, actor(FIRM, "InvoiceRead"), {PERSONAL}),
    (PERSON_IN_FIRM, actor(OFFICE, M), set()),
    # A client's grant to an office: the client sees it in force, the office as received, its owner as his.
    (ENTITY_OF_CLIENT, actor(CLIENT, "Owner", subject=CLIENT), {IN_FORCE}),
    (ENTITY_OF_CLIENT, actor(CLIENT, M, subject=AUTHOR), {IN_FORCE, GIVEN}),
    (ENTITY_OF_CLIENT, actor(CLIENT, "InvoiceRead", subject=OFFICE), {PERSONAL}),
    (ENTITY_OF_CLIENT, actor(OFFICE, "Owner", subject=OFFICE), {RECEIVED, PERSONAL}),
    (ENTITY_OF_CLIENT, actor(OFFICE, "Owner", subject=PESEL), {RECEIVED, PERSONAL}),
    (ENTITY_OF_CLIENT, actor(OFFICE, M, subject=STRANGER), {RECEIVED}),
    # Whom the office sends: its own affair. The client sees the office, not the person.
    (SENT_TO_CLIENT, actor(OFFICE, M, subject=FIRM), {IN_FORCE}),
    (SENT_TO_CLIENT, actor(OFFICE, M, subject=AUTHOR), {IN_FORCE, GIVEN}),
    (SENT_TO_CLIENT, actor(CLIENT, M, subject=FIRM), set()),
    (SENT_TO_CLIENT, actor(CLIENT, "InvoiceRead"), {PERSONAL}),
    (SENT_TO_CLIENT, actor(OFFICE, "InvoiceRead"), {PERSONAL}),
    (SENT_TO_CLIENT, actor(FIRM, "InvoiceRead"), set()),
    (SENT_TO_ALL, actor(OFFICE, M, subject=FIRM), {IN_FORCE}),
    (SENT_TO_ALL, actor(CLIENT, M, subject=FIRM), set()),
    (SENT_TO_ALL, actor(CLIENT, "InvoiceRead"), {PERSONAL}),
    (SENT_TO_ALL, actor(OFFICE, "InvoiceRead"), {PERSONAL}),
    (SENT_TO_ALL, actor(FIRM, "InvoiceRead"), set()),
    # The administrator of a unit: in force there, appointed from above.
    (UNIT_MANAGER, actor(FIRM, M, subject=FIRM), {SUBUNITS}),
    (UNIT_MANAGER, actor(FIRM, S, subject=AUTHOR), {SUBUNITS, GIVEN}),
    (UNIT_MANAGER, actor(UNIT, M, subject=OFFICE), {IN_FORCE}),
    (UNIT_MANAGER, actor(UNIT, M), {IN_FORCE, PERSONAL}),
    # EU entities have a list of their own.
    (EU_MANAGER, actor(FIRM, M, subject=AUTHOR), {EU}),
    (EU_MANAGER, actor(COMPOUND, "VatUeManage", subject=FINGERPRINT), {EU, PERSONAL}),
    (EU_MANAGER, actor(OFFICE, M), set()),
    (EU_REPRESENTATIVE, actor(FIRM, M, subject=AUTHOR), set()),
    (EU_REPRESENTATIVE, actor(COMPOUND, "VatUeManage", subject=AUTHOR), {EU}),
    (EU_REPRESENTATIVE, actor(COMPOUND, "InvoiceRead", subject=FINGERPRINT), {EU, PERSONAL}),
    # So have authorizations, with two sides.
    (SELF_INVOICING, actor(FIRM, M, subject=AUTHOR), {AUTHORIZING}),
    (SELF_INVOICING, actor(OFFICE, "Owner", subject=OFFICE), {AUTHORIZED}),
    (SELF_INVOICING, actor(CLIENT, M), set()),
]


@pytest.mark.parametrize(("granted", "asking", "expected"), LISTS)
def test_in_which_lists_a_grant_is(granted: Grant, asking: Actor, expected: set[str]) -> None:
    assert lists(granted, asking) == expected


def test_every_kind_of_grant_is_in_some_list_and_out_of_some() -> None:
    assert {granted.kind for granted, _, expected in LISTS if expected} == set(GrantKind)
    assert {granted.kind for granted, _, expected in LISTS if not expected} == set(GrantKind) - {
        GrantKind.ENTITY,
        GrantKind.SUBUNIT,
    }
