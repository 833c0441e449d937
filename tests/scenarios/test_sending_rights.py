"""Who sends invoices in the name of whom: with each right, and without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ksef_mock.crypto.pki import person, provider, seal
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.exporting import day
from tests.invoices.test_schemas import OFFICIAL
from tests.scenarios.sending import BUYER, SELLER, THIRD, logged_in
from tests.sending.erp import Erp
from tests.sending.templates import filled, form_of, needs_official
from tests.support import Api, error
from tests.world import World

Serve = Callable[..., tuple[MockServer, Api]]
PROVIDER = ("PeppolId", "PPL123456")
COMPOUND = ("NipVatUe", f"{SELLER}-DE123456789")


def outcome(erp: Erp, document: bytes) -> int:
    status = erp.sent(erp.open(), document)["status"]
    code: int = status["code"]
    if code == 410:
        assert status["details"] == [
            f"Kontekst {erp.nip} nie jest uprawniony do wystawienia faktury w imieniu sprzedawcy "
            f"(NIP: {SELLER})"
        ]
    return code


def test_a_buyer_invoices_himself(world: World) -> None:
    seller, buyer = logged_in(world, SELLER), logged_in(world, BUYER)
    own = invoice(SELLER, BUYER, "FA/1", self_invoicing=True)
    assert outcome(buyer, own) == 410
    assert world.grant_authorization(seller.access, ("Nip", BUYER), "SelfInvoicing") == 200
    assert outcome(buyer, invoice(SELLER, BUYER, "FA/1")) == 410  # P_17 says that it is none
    assert outcome(buyer, invoice(SELLER, THIRD, "FA/1", self_invoicing=True)) == 410
    assert outcome(buyer, own) == 200
    # The seller sees it at once.
    filters = {"subjectType": "Subject1", "dateRange": {"dateType": "Invoicing", "from": day(1)}}
    found = seller.call("POST", "/invoices/query/metadata", json=filters).json()["invoices"]
    assert [each["isSelfInvoicing"] for each in found] == [True]


def test_a_tax_representative_invoices_for_the_seller(world: World) -> None:
    seller, representative = logged_in(world, SELLER), logged_in(world, THIRD)
    document = invoice(SELLER, BUYER, "FA/1", authorized=(THIRD, 3))
    assert outcome(representative, document) == 410
    assert world.grant_authorization(seller.access, ("Nip", THIRD), "TaxRepresentative") == 200
    assert outcome(representative, document) == 200


@pytest.mark.parametrize("kind", ["VatGroup", "JST"])
def test_units_and_their_organisation_invoice_for_each_other(world: World, kind: str) -> None:
    unit = logged_in(world, THIRD)
    assert outcome(unit, invoice(SELLER, BUYER, "FA/1")) == 410
    world.organisation(SELLER, kind, THIRD)
    assert outcome(unit, invoice(SELLER, BUYER, "FA/1")) == 200


def test_a_bailiff_invoices_for_the_debtor(world: World) -> None:
    pesel = "90010112349"
    document = invoice(SELLER, BUYER, "FA/1", authorized=(THIRD, 2))
    assert outcome(logged_in(world, THIRD), document) == 410
    world.person(THIRD, pesel, isBailiff=True)
    signature = world.certificate(person("Jan", "Komornik", pesel=pesel))
    bailiff = Erp(world.api, world.log_in(signature, ("Nip", THIRD)), THIRD)
    assert outcome(bailiff, invoice(SELLER, BUYER, "FA/1")) == 410  # he stands nowhere in it
    assert outcome(bailiff, document) == 200


def test_an_eu_entity_invoices_itself(world: World) -> None:
    firm = logged_in(world, SELLER)
    hans = world.certificate(person("Hans", "Schmidt", pesel="90010112349"))
    assert world.grant_eu_administration(firm.access, hans.fingerprint, COMPOUND[1]) == 200
    entity = Erp(world.api, world.log_in(hans, COMPOUND, by="certificateFingerprint"), COMPOUND[1])
    buyer = f"<NIP>{BUYER}</NIP>".encode()
    abroad = b"<KodUE>DE</KodUE><NrVatUE>123456789</NrVatUE>"
    own = invoice(SELLER, BUYER, "FA/1", self_invoicing=True).replace(buyer, abroad)
    assert outcome(entity, invoice(SELLER, BUYER, "FA/1").replace(buyer, abroad)) == 410
    assert outcome(entity, invoice(SELLER, BUYER, "FA/1", self_invoicing=True)) == 410
    assert outcome(entity, own) == 200


# -- forms other than FA ----------------------------------------------------------------------------------


@pytest.fixture(params=[None, OFFICIAL / "schemas"], ids=["without schemas", "with schemas"])
def world_with(request: pytest.FixtureRequest, serve: Serve) -> World:
    """A mock that validates the other forms, or looks at their outline."""
    folder: Path | None = request.param
    return World(*serve(settings=Settings(schemas=folder)))


@needs_official
def test_a_buyer_invoices_for_the_farmer(world_with: World) -> None:
    world = world_with
    farmer, buyer = logged_in(world, SELLER), logged_in(world, BUYER)
    document = filled("fa-rr-1", SELLER, buyer_nip=BUYER)
    session = buyer.open(form=form_of("fa-rr-1"))
    assert buyer.sent(session, document)["status"]["code"] == 410
    assert world.grant_authorization(farmer.access, ("Nip", BUYER), "RRInvoicing") == 200
    assert buyer.sent(session, document)["status"]["code"] == 200
    wrong = buyer.sent(session, document.replace(b"VAT_RR<", b"VAT<"))["status"]
    assert wrong["code"] == 450
    # Another form's document is refused, whatever its own rights.
    assert buyer.sent(session, invoice(BUYER, SELLER, "FA/1"))["status"]["code"] == 450


@needs_official
@pytest.mark.parametrize("template", ["fa-3-pef", "fa-3-pef-correction"])
def test_a_provider_sends_pef_for_those_who_authorized_it(world_with: World, template: str) -> None:
    world = world_with
    firm = logged_in(world, SELLER)
    access = world.log_in(world.certificate(provider(PROVIDER[1], "Dostawca sp. z o.o.")), PROVIDER)
    erp = Erp(world.api, access, PROVIDER[1])
    values = {
        "buyer_nip": f"PL{BUYER}",
        "buyer_reference": "10001",
        "iban": "PL61109010140000071219812874",
        "issue_date": "2026-02-02",
    }
    number = {"ksef_number": f"{SELLER}-20260901-010080615740-E4"} if "correction" in template else {}
    due = {} if "correction" in template else {"due_date": "2026-03-02"}
    document = filled(template, SELLER, supplier_nip=f"PL{SELLER}", **values, **number, **due)
    session = erp.open(form=form_of(template))
    assert erp.sent(session, document)["status"]["code"] == 410
    assert world.grant_authorization(firm.access, PROVIDER, "PefInvoicing") == 200
    accepted = erp.sent(session, document)
    assert accepted["status"]["code"] == 200, accepted
    assert accepted["ksefNumber"].startswith(f"{SELLER}-")
    assert erp.closed(session)["status"]["code"] == 200
    # There is no PEF in a firm's context.
    body, _ = firm.opening(form=form_of(template))
    assert error(firm.call("POST", "/sessions/online", json=body))[0] == 21405


# -- checksums --------------------------------------------------------------------------------------------


def test_checksums_are_looked_at_where_that_is_asked_for(world: World) -> None:
    certificate = world.certificate(seal("Firma", nip=SELLER))
    erp = Erp(world.api, world.log_in(certificate, ("Nip", SELLER)), SELLER)
    wrong = invoice(SELLER, "1234567890", "FA/1")
    assert erp.sent(erp.open(), wrong)["status"]["code"] == 200
    body, session = erp.opening()
    feature = {"X-KSeF-Feature": "subject-identifier-validation"}
    opened = erp.call("POST", "/sessions/online", json=body, headers=feature)
    session.reference = opened.json()["referenceNumber"]
    refused = erp.sent(session, invoice(SELLER, "1234567890", "FA/2"))["status"]
    assert (refused["code"], refused["description"]) == (450, "Błąd weryfikacji semantyki dokumentu faktury")
    assert "1234567890" in refused["details"][0]
    assert erp.sent(session, invoice(SELLER, BUYER, "FA/2"))["status"]["code"] == 200
