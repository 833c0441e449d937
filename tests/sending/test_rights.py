"""For whom a context may send invoices follows from what has been granted and arranged."""

from __future__ import annotations

import asyncio

from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.pki import seal
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices.rules import Rights
from ksef_mock.ksef.sending.rights import RightsService
from ksef_mock.testing import MockServer
from tests.world import World

SELLER, BUYER, UNIT = "5265877635", "7762811692", "8432123452"


def rights(mock: MockServer, context: Identifier, *permissions: str) -> Rights:
    system = mock._running
    actor = Actor(context, context, frozenset({context}), permissions)
    service = RightsService(system.permissions, system.subjects, system.attachments, system.clock)
    return asyncio.run(service.of(actor))


def test_nobody_has_more_than_his_own(ksef_mock: MockServer) -> None:
    nip = Identifier("Nip", BUYER)
    assert rights(ksef_mock, nip) == Rights(context=nip, consents=frozenset())


def test_authorizations_are_those_that_sellers_have_given(ksef_mock: MockServer, world: World) -> None:
    seller = world.log_in(world.certificate(seal("Sprzedawca", nip=SELLER)), ("Nip", SELLER))
    for permission in ("SelfInvoicing", "TaxRepresentative"):
        assert world.grant_authorization(seller, ("Nip", BUYER), permission) == 200
    assert world.grant_entity(seller, BUYER, "InvoiceWrite") == 200  # another thing: work for the client
    given = rights(ksef_mock, Identifier("Nip", BUYER)).authorizations
    assert given == {SELLER: frozenset({"SelfInvoicing", "TaxRepresentative"})}
    assert rights(ksef_mock, Identifier("Nip", UNIT)).authorizations == {}


def test_units_and_what_they_belong_to_are_relatives(ksef_mock: MockServer, world: World) -> None:
    world.organisation(SELLER, "VatGroup", UNIT)
    assert rights(ksef_mock, Identifier("Nip", SELLER)).relatives == {UNIT}
    assert rights(ksef_mock, Identifier("Nip", UNIT)).relatives == {SELLER}
    assert rights(ksef_mock, Identifier("Nip", BUYER)).relatives == frozenset()


def test_consents_to_attachments_are_those_of_possible_sellers(ksef_mock: MockServer, world: World) -> None:
    world.organisation(SELLER, "VatGroup", UNIT)
    for nip in (UNIT, BUYER):
        world.test_data("attachment", nip=nip)
    assert rights(ksef_mock, Identifier("Nip", SELLER)).consents == frozenset({UNIT})
    world.test_data("attachment/revoke", nip=UNIT)
    assert rights(ksef_mock, Identifier("Nip", SELLER)).consents == frozenset()


def test_enforcement_is_a_permission_of_the_caller(ksef_mock: MockServer) -> None:
    nip = Identifier("Nip", BUYER)
    assert rights(ksef_mock, nip, "EnforcementOperations").enforces
    assert not rights(ksef_mock, nip, "InvoiceWrite").enforces
