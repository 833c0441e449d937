"""The rules of who sees, revokes and generates KSeF tokens, as a table: role x operation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ksef_mock.core.codes import Code, Reason
from ksef_mock.core.errors import BadRequest, Forbidden
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.tokens.rules import (
    Reach,
    require_reach,
    require_token_generation,
    revocable_tokens,
    visible_tokens,
)
from ksef_mock.ksef.tokens.tokens import KsefToken

CONTEXT = Identifier("Nip", "5265877635")
ELSEWHERE = Identifier("Nip", "1234563218")
PERSON_NIP = Identifier("Nip", "7762811692")
PERSON_PESEL = Identifier("Pesel", "90010112349")
SOMEBODY = Identifier("Fingerprint", "AB" * 32)
USED = "20251001-EC-220B0CE000-E228129563-96"
OTHER = "20251001-EC-2DD3AFF000-A6B7F19A95-11"

ALL, AUTHORED, OWN = Reach.ALL, Reach.AUTHORED, Reach.USED


def actor(*permissions: str, by_token: bool = False, context: Identifier = CONTEXT) -> Actor:
    return Actor(context, PERSON_NIP, frozenset({PERSON_NIP}), permissions, USED if by_token else None)


def token(author: Identifier = SOMEBODY, reference: str = OTHER, context: Identifier = CONTEXT) -> KsefToken:
    return KsefToken(
        reference=reference, digest="", context=context, author=author, permissions=(), created_at=0
    )


# permissions, by certificate: sees / revokes, by token: sees / revokes
REACHES = [
    (("Owner",), ALL, ALL, ALL, ALL),
    (("CredentialsManage",), ALL, ALL, ALL, ALL),
    (("CredentialsManage", "InvoiceRead"), ALL, ALL, ALL, ALL),
    (("CredentialsRead",), ALL, AUTHORED, ALL, OWN),
    (("InvoiceRead", "InvoiceWrite"), AUTHORED, AUTHORED, OWN, OWN),
    (("SubunitManage",), AUTHORED, AUTHORED, OWN, OWN),
    (("Introspection",), AUTHORED, AUTHORED, OWN, OWN),
    (("CollectiveIdentifierManage",), AUTHORED, AUTHORED, OWN, OWN),
    (("EnforcementOperations",), AUTHORED, AUTHORED, OWN, OWN),
    ((), AUTHORED, AUTHORED, OWN, OWN),
]


@pytest.mark.parametrize(("permissions", "sees", "revokes", "token_sees", "token_revokes"), REACHES)
def test_reach_follows_from_permissions_and_login(
    permissions: tuple[str, ...], sees: Reach, revokes: Reach, token_sees: Reach, token_revokes: Reach
) -> None:
    by_certificate, by_token = actor(*permissions), actor(*permissions, by_token=True)
    assert (visible_tokens(by_certificate), revocable_tokens(by_certificate)) == (sees, revokes)
    assert (visible_tokens(by_token), revocable_tokens(by_token)) == (token_sees, token_revokes)


def test_every_permission_stands_in_the_table() -> None:
    listed = {permission for row in REACHES for permission in row[0]}
    assert listed == {permission.value for permission in Permission} | {"Owner"}


@pytest.mark.parametrize(
    ("reach", "subject", "found", "covered"),
    [
        (ALL, actor(), token(), True),
        (ALL, actor(), token(context=ELSEWHERE), False),
        (AUTHORED, actor(), token(PERSON_NIP), True),
        (AUTHORED, actor(), token(SOMEBODY), False),
        (AUTHORED, actor(), token(PERSON_PESEL), False),
        (
            AUTHORED,
            replace(actor(), identities=frozenset({PERSON_NIP, PERSON_PESEL})),
            token(PERSON_PESEL),
            True,
        ),
        (AUTHORED, actor(), token(PERSON_NIP, context=ELSEWHERE), False),
        (OWN, actor(by_token=True), token(reference=USED), True),
        (OWN, actor(by_token=True), token(PERSON_NIP), False),
        (OWN, actor(by_token=True), token(reference=USED, context=ELSEWHERE), False),
    ],
)
def test_what_a_reach_covers(reach: Reach, subject: Actor, found: KsefToken, covered: bool) -> None:
    assert reach.covers(found, subject) is covered
    if covered:
        require_reach(reach, found, subject)
    else:
        with pytest.raises(Forbidden) as caught:
            require_reach(reach, found, subject)
        assert caught.value.code is Reason.INSUFFICIENT_RESOURCE_ACCESS


@pytest.mark.parametrize("by_token", [False, True])
@pytest.mark.parametrize("wanted", list(Permission))
@pytest.mark.parametrize("held", ["Owner", *Permission])
def test_nobody_passes_on_what_he_does_not_have(held: str, wanted: Permission, by_token: bool) -> None:
    bailiffs = Permission.ENFORCEMENT_OPERATIONS
    allowed = held == wanted or (held == "Owner" and wanted is not bailiffs)
    subject = actor(held, by_token=by_token)
    if allowed:
        require_token_generation(subject, [wanted])
    else:
        with pytest.raises(BadRequest) as caught:
            require_token_generation(subject, [wanted])
        assert caught.value.code is Code.TOKEN_PERMISSIONS
        assert caught.value.details == (f"Brakujące uprawnienia: {wanted}.",)


def test_every_missing_permission_is_named() -> None:
    wanted = [Permission.INVOICE_READ, Permission.INVOICE_WRITE, Permission.INTROSPECTION]
    with pytest.raises(BadRequest) as caught:
        require_token_generation(actor("InvoiceWrite"), wanted)
    assert caught.value.details == ("Brakujące uprawnienia: InvoiceRead, Introspection.",)


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        (CONTEXT, True),
        (Identifier("InternalId", "5265877635-12345"), True),
        (Identifier("NipVatUe", "5265877635-DE123456789"), False),
        (Identifier("PeppolId", "PPL123456"), False),
    ],
)
def test_tokens_exist_in_contexts_of_nip_and_internal_id_only(context: Identifier, allowed: bool) -> None:
    owner = actor("Owner", context=context)
    if allowed:
        require_token_generation(owner, [Permission.INVOICE_READ])
    else:
        with pytest.raises(BadRequest) as caught:
            require_token_generation(owner, [Permission.INVOICE_READ])
        assert caught.value.code is Code.TOKEN_CONTEXT_TYPE
        assert caught.value.details == (
            f"Aktualny typ kontekstu: {context.type}. Dozwolone typy kontekstu: Nip, InternalId.",
        )
