"""Invoices that somebody else issues, as the ministry's clients test them on TEST (C#: PeppolPefE2ETests,
AuthorizationPermissionsRRInvoicingE2ETests; Java: PeppolInvoice, RrInvoice, SelfInvoicing), told over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ksef_mock.core.identifiers import has_check_digit
from ksef_mock.crypto.pki import person, provider
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.test_schemas import OFFICIAL
from tests.scenarios.sending import BUYER, SELLER, THIRD, logged_in
from tests.scenarios.test_sending_metadata import around, query
from tests.sending.erp import Erp
from tests.sending.templates import filled, form_of, needs_official
from tests.support import Api
from tests.world import World, typed

Serve = Callable[..., tuple[MockServer, Api]]
PROVIDER = ("PeppolId", "PPL123456")
COMPOUND = ("NipVatUe", f"{SELLER}-DE123456789")
UPO = {"u": "http://upo.schematy.mf.gov.pl/KSeF/v4-3"}


@pytest.fixture(params=[None, OFFICIAL / "schemas"], ids=["without schemas", "with schemas"])
def validating(request: pytest.FixtureRequest, serve: Serve) -> World:
    """A mock that validates the other forms, or looks at their outline."""
    folder: Path | None = request.param
    return World(*serve(settings=Settings(schemas=folder)))


def granted(world: World, firm: Erp, to: tuple[str, str], permission: str) -> list[dict[str, Any]]:
    """What the firm's list says of an authorization."""
    found: list[dict[str, Any]] = world.query(
        firm.access,
        "authorizations",
        queryType="Granted",
        authorizingIdentifier=typed(("Nip", firm.nip)),
        authorizedIdentifier=typed(to),
        permissionTypes=[permission],
    )
    return found


def visible(erp: Erp, world: World, subject: str, **filters: Any) -> list[dict[str, Any]]:
    """Metadata of the last days, in which the erp's context plays this part."""
    start, end = around(world, days=2)
    body = {"subjectType": subject, "dateRange": {"dateType": "Invoicing", "from": start, "to": end}}
    answer = erp.call("POST", "/invoices/query/metadata", json=body | filters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["invoices"]
    return found


def internal_id(nip: str) -> str:
    """An internal identifier with its check digit."""
    return next(f"{nip}-1234{digit}" for digit in range(10) if has_check_digit(f"{nip}-1234{digit}"))


def pef(template: str, original: str = "") -> bytes:
    """One of the ministry's PEF templates, filled in as its clients do."""
    values = {
        "buyer_nip": f"PL{BUYER}",
        "buyer_reference": f"PL{BUYER}",
        "issue_date": "2025-09-15",
        "due_date": "2025-09-15",
        "iban": "PL61109010140000071219812874",
        "iban_plain": "61109010140000071219812874",
        "ksef_number": original,
    }
    text = (OFFICIAL / "invoices" / f"{template}.xml").read_text("utf-8")
    used = {name: value for name, value in values.items() if f"#{name}#" in text}
    return filled(template, f"PL{SELLER}", supplier_nip=f"PL{SELLER}", **used)


def provider_in(world: World) -> Erp:
    """A Peppol provider: its first login registers it."""
    seal = world.certificate(provider(PROVIDER[1], "E2E Peppol Test Provider"))
    return Erp(world.api, world.log_in(seal, PROVIDER), PROVIDER[1])


def sent_and_closed(erp: Erp, template: str, document: bytes) -> dict[str, Any]:
    """One invoice in a session of its own, with what the clients assert on the way."""
    session = erp.open(form=form_of(template if template in ("fa-3-pef-correction",) else "fa-3-pef"))
    sent = erp.send(session, document)
    assert sent.status_code == 202, sent.text
    status = erp.status(session)
    assert (status["status"]["code"], status["invoiceCount"]) == (100, 1)
    assert "failedInvoiceCount" not in status
    assert "upo" not in status
    assert erp.closed(session)["status"]["code"] == 200
    listed: list[dict[str, Any]] = erp.call("GET", f"/sessions/{session.reference}/invoices").json()[
        "invoices"
    ]
    (entry,) = listed
    assert entry["status"]["code"] == 200
    by_reference = erp.call("GET", f"/sessions/{session.reference}/invoices/{entry['referenceNumber']}/upo")
    by_number = erp.call("GET", f"/sessions/{session.reference}/invoices/ksef/{entry['ksefNumber']}/upo")
    assert by_reference.content == by_number.content
    upo = etree.fromstring(by_number.content)
    assert upo.findtext(".//u:IdKontekstu/u:IdDostawcyUslugPeppol", None, UPO) == PROVIDER[1]
    return entry


@needs_official
@pytest.mark.parametrize("template", ["fa-3-pef", "fa-3-pef-with-attachment"])
def test_a_provider_registers_is_authorized_and_sends(validating: World, template: str) -> None:
    world = validating
    firm = logged_in(world, SELLER)
    if "attachment" in template:
        world.test_data("attachment", nip=SELLER)
    erp = provider_in(world)
    providers = world.api.call("GET", "/peppol/query?pageOffset=0&pageSize=100").json()["peppolProviders"]
    assert [(each["id"], each["name"]) for each in providers] == [(PROVIDER[1], "E2E Peppol Test Provider")]
    assert world.grant_authorization(firm.access, PROVIDER, "PefInvoicing") == 200
    (grant,) = granted(world, firm, PROVIDER, "PefInvoicing")
    for member in ("id", "authorIdentifier", "authorizingEntityIdentifier", "subjectEntityDetails"):
        assert grant[member]

    original = sent_and_closed(erp, template, pef(template))
    correction = sent_and_closed(
        erp, "fa-3-pef-correction", pef("fa-3-pef-correction", original["ksefNumber"])
    )

    # The firm finds both, by form and by kind; so does the buyer, with the files.
    for who, subject in ((firm, "Subject1"), (logged_in(world, BUYER), "Subject2")):
        found = visible(who, world, subject, formType="PEF")
        assert [each["ksefNumber"] for each in found] == [original["ksefNumber"], correction["ksefNumber"]]
        assert [each["invoiceType"] for each in found] == ["VatPef", "KorPef"]
        assert [each["formCode"]["systemCode"] for each in found] == ["PEF (3)", "PEF_KOR (3)"]
        assert found[0]["hasAttachment"] is ("attachment" in template)
        assert found[0]["seller"]["nip"] == SELLER
        assert found[0]["buyer"]["identifier"] == {"type": "Nip", "value": BUYER}
        assert visible(who, world, subject, invoiceTypes=["KorPef"]) == found[1:]
        assert visible(who, world, subject, formType="FA") == []
        assert who.call("GET", f"/invoices/ksef/{original['ksefNumber']}").status_code == 200
    # The provider sees its sessions and no invoices.
    refused = erp.call("GET", f"/invoices/ksef/{original['ksefNumber']}")
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "missing-permissions")

    assert world.revoke(firm.access, grant["id"], kind="authorizations") == 200
    status = erp.sent(erp.open(form=form_of("fa-3-pef")), pef("fa-3-pef"))["status"]
    assert (status["code"], status["details"]) == (
        410,
        [
            f"Kontekst {PROVIDER[1]} nie jest uprawniony do wystawienia faktury w imieniu sprzedawcy "
            f"(NIP: {SELLER})"
        ],
    )


@needs_official
def test_a_specialised_pef_is_a_kind_of_its_own(serve: Serve) -> None:
    world = World(*serve())
    firm = logged_in(world, SELLER)
    erp = provider_in(world)
    assert world.grant_authorization(firm.access, PROVIDER, "PefInvoicing") == 200
    plain = pef("fa-3-pef")
    profiles = (
        b"urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        b"urn:fdc:www.efaktura.gov.pl:ver2.0:plinv:ver1.4",
    )
    session = erp.open(form=form_of("fa-3-pef"))
    # With the same number it is no duplicate of a plain one: the kind is part of the key.
    for document in (plain, plain.replace(*profiles)):
        assert erp.sent(session, document)["status"]["code"] == 200
    assert erp.sent(session, plain.replace(*profiles))["status"]["code"] == 440
    assert [each["invoiceType"] for each in visible(firm, world, "Subject1")] == ["VatPef", "VatPefSp"]
    assert len(visible(firm, world, "Subject1", invoiceTypes=["VatPefSp"])) == 1


@needs_official
def test_a_buyer_issues_the_invoice_of_a_farmer(validating: World) -> None:
    world = validating
    for nip in (SELLER, BUYER):
        world.test_data("subject", subjectNip=nip, subjectType="EnforcementAuthority", description="E2E-RR")
    farmer, buyer = logged_in(world, SELLER), logged_in(world, BUYER)
    assert world.grant_authorization(farmer.access, ("Nip", BUYER), "RRInvoicing") == 200
    session = buyer.open(form=form_of("fa-rr-1"))
    assert buyer.send(session, filled("fa-rr-1", SELLER, buyer_nip=BUYER)).status_code == 202
    status = buyer.status(session)
    assert status["successfulInvoiceCount"] == 1
    assert "failedInvoiceCount" not in status
    assert buyer.close(session).status_code == 204
    (grant,) = granted(world, farmer, ("Nip", BUYER), "RRInvoicing")
    assert (grant["authorizationScope"], grant["authorizedEntityIdentifier"]["value"]) == (
        "RRInvoicing",
        BUYER,
    )

    for who, subject in ((farmer, "Subject1"), (buyer, "Subject2")):
        (found,) = visible(who, world, subject, formType="FA_RR")
        assert (found["invoiceType"], found["formCode"]["systemCode"]) == ("VatRr", "FA_RR (1)")
        assert (found["netAmount"], found["vatAmount"], found["grossAmount"]) == (2000, 140, 2140)
        assert found["issueDate"] == "2026-02-23"
        assert visible(who, world, subject, invoiceTypes=["KorVatRr"]) == []

    assert world.revoke(farmer.access, grant["id"], kind="authorizations") == 200
    assert granted(world, farmer, ("Nip", BUYER), "RRInvoicing") == []
    refused = buyer.sent(buyer.open(form=form_of("fa-rr-1")), filled("fa-rr-1", SELLER, buyer_nip=BUYER))
    assert refused["status"]["code"] == 410
    for nip in (SELLER, BUYER):
        world.test_data("subject/remove", subjectNip=nip)


def test_a_buyer_issues_an_invoice_in_the_name_of_the_seller(world: World) -> None:
    seller, buyer = logged_in(world, SELLER), logged_in(world, BUYER)
    assert world.grant_authorization(seller.access, ("Nip", BUYER), "SelfInvoicing") == 200
    session = buyer.open()
    own = invoice(SELLER, BUYER, "FA/1", "2025-09-15", self_invoicing=True)
    accepted = buyer.sent(session, own)
    assert buyer.status(session)["successfulInvoiceCount"] == 1
    # The seller sees it at once, the buyer as what he is on it.
    for who, subject in ((seller, "Subject1"), (buyer, "Subject2")):
        (found,) = visible(who, world, subject, isSelfInvoicing=True)
        assert (found["ksefNumber"], found["isSelfInvoicing"]) == (accepted["ksefNumber"], True)
        assert visible(who, world, subject, isSelfInvoicing=False) == []
    assert visible(buyer, world, "Subject1") == []


def test_a_tax_representative_finds_what_he_issued_as_the_authorized_subject(world: World) -> None:
    seller, representative = logged_in(world, SELLER), logged_in(world, THIRD)
    assert world.grant_authorization(seller.access, ("Nip", THIRD), "TaxRepresentative") == 200
    document = invoice(SELLER, BUYER, "FA/1", authorized=(THIRD, 3))
    assert representative.sent(representative.open(), document)["status"]["code"] == 200
    (found,) = visible(representative, world, "SubjectAuthorized")
    assert found["authorizedSubject"] == {"nip": THIRD, "name": "Upoważniony", "role": 3}
    assert found["thirdSubjects"] == []
    assert visible(representative, world, "Subject1") == visible(representative, world, "Subject3") == []
    assert representative.call("GET", f"/invoices/ksef/{found['ksefNumber']}").content == document
    # Authorized for the debtor's invoices he would be by another role, which is not what he was granted.
    assert visible(logged_in(world, BUYER), world, "Subject2")[0]["ksefNumber"] == found["ksefNumber"]


def test_an_enforcement_authority_finds_what_it_issued(world: World) -> None:
    pesel = "90010112349"
    world.person(THIRD, pesel, isBailiff=True)
    signature = world.certificate(person("Jan", "Komornik", pesel=pesel))
    bailiff = Erp(world.api, world.log_in(signature, ("Nip", THIRD)), THIRD)
    for role, code in ((1, 200), (2, 200), (3, 410)):
        document = invoice(SELLER, BUYER, f"FA/{role}", authorized=(THIRD, role))
        assert bailiff.sent(bailiff.open(), document)["status"]["code"] == code
    roles = [each["authorizedSubject"]["role"] for each in visible(bailiff, world, "SubjectAuthorized")]
    assert roles == [1, 2]


@pytest.mark.parametrize(("kind", "issuing", "receiving"), [("VatGroup", 9, 10), ("JST", 7, 8)])
def test_members_and_units_find_what_names_them(
    world: World, kind: str, issuing: int, receiving: int
) -> None:
    world.organisation(SELLER, kind, THIRD)
    whole, part = logged_in(world, SELLER), logged_in(world, THIRD)
    issued = part.sent(part.open(), invoice(SELLER, BUYER, "FA/1", third=[(THIRD, issuing)]))
    assert issued["status"]["code"] == 200
    received = logged_in(world, BUYER)
    assert (
        received.sent(received.open(), invoice(BUYER, SELLER, "FA/1", third=[(THIRD, receiving)]))["status"][
            "code"
        ]
        == 200
    )
    assert [each["thirdSubjects"][0]["role"] for each in visible(part, world, "Subject3")] == [
        issuing,
        receiving,
    ]
    assert [each["ksefNumber"] for each in visible(whole, world, "Subject1")] == [issued["ksefNumber"]]
    assert len(visible(whole, world, "Subject2")) == 1
    assert visible(part, world, "Subject1") == visible(part, world, "Subject2") == []


def test_an_eu_entity_finds_what_it_issued_and_nothing_else(world: World) -> None:
    firm = logged_in(world, SELLER)
    hans = world.certificate(person("Hans", "Schmidt", pesel="90010112349"))
    assert world.grant_eu_administration(firm.access, hans.fingerprint, COMPOUND[1]) == 200
    entity = Erp(world.api, world.log_in(hans, COMPOUND, by="certificateFingerprint"), COMPOUND[1])

    def abroad(number: str, vat: bytes, **how: Any) -> bytes:
        identifier = b"<KodUE>DE</KodUE><NrVatUE>" + vat + b"</NrVatUE>"
        return invoice(SELLER, None, number, **how).replace(b"<BrakID>1</BrakID>", identifier)

    session = entity.open()
    own = abroad("FA/1", b"123456789", self_invoicing=True)
    accepted = entity.sent(session, own)
    assert accepted["status"]["code"] == 200
    assert entity.closed(session)["status"]["code"] == 200
    upo = entity.call("GET", f"/sessions/{session.reference}/invoices/ksef/{accepted['ksefNumber']}/upo")
    named = etree.fromstring(upo.content).findtext(".//u:IdKontekstu/u:IdZlozonyVatUE", None, UPO)
    assert named == COMPOUND[1]
    # The firm's own invoice for it is for it to see, one for somebody else is not.
    assert firm.sent(firm.open(), abroad("FA/2", b"123456789"))["status"]["code"] == 200
    other = firm.sent(firm.open(), abroad("FA/3", b"987654321"))

    found = visible(entity, world, "Subject2")
    assert [each["invoiceNumber"] for each in found] == ["FA/1", "FA/2"]
    assert found[0]["buyer"]["identifier"] == {"type": "VatUe", "value": "DE123456789"}
    by_number = {"type": "VatUe", "value": "DE123456789"}
    assert len(visible(firm, world, "Subject1", buyerIdentifier=by_number)) == 2
    assert entity.call("GET", f"/invoices/ksef/{accepted['ksefNumber']}").content == own
    assert entity.call("GET", f"/invoices/ksef/{other['ksefNumber']}").status_code == 400


@needs_official
def test_fa_2_is_found_among_fa_with_its_own_code(validating: World) -> None:
    world = validating
    erp = logged_in(world, SELLER)
    document = filled("fa-2", SELLER)
    assert erp.sent(erp.open(form=form_of("fa-2")), document)["status"]["code"] == 200
    (found,) = visible(erp, world, "Subject1", formType="FA")
    assert found["formCode"] == {"systemCode": "FA (2)", "schemaVersion": "1-0E", "value": "FA"}
    assert found["invoiceType"] == "Vat"
    assert query(erp, "Subject1", "Invoicing", *around(world, days=1)) == [found]


def test_an_employee_of_an_enforcement_authority_issues_for_the_debtor(world: World) -> None:
    world.test_data("subject", subjectNip=THIRD, subjectType="EnforcementAuthority", description="organ")
    authority = logged_in(world, THIRD)
    for pesel, permission in (("90010112349", "EnforcementOperations"), ("92060512186", "InvoiceWrite")):
        assert world.grant_person(authority.access, ("Pesel", pesel), permission) == 200
    document = invoice(SELLER, BUYER, "FA/1", authorized=(THIRD, 1))
    codes = {}
    for pesel in ("92060512186", "90010112349"):
        employee = world.certificate(person("Ewa", "Bis", pesel=pesel))
        erp = Erp(world.api, world.log_in(employee, ("Nip", THIRD)), THIRD)
        codes[pesel] = erp.sent(erp.open(), document)["status"]["code"]
    assert codes == {"92060512186": 410, "90010112349": 200}
    (found,) = visible(authority, world, "SubjectAuthorized")
    assert found["authorizedSubject"]["role"] == 1


def test_a_unit_issues_in_its_own_context_for_its_firm_alone(world: World) -> None:
    firm = logged_in(world, SELLER)
    unit, pesel = ("InternalId", internal_id(SELLER)), ("Pesel", "90010112349")
    assert world.grant_subunit(firm.access, pesel, unit) == 200
    adam = world.certificate(person("Adam", "Abacki", pesel=pesel[1]))
    assert world.grant_person(world.log_in(adam, unit), pesel, "InvoiceWrite", "InvoiceRead") == 200
    erp = Erp(world.api, world.log_in(adam, unit), unit[1])
    session = erp.open()
    mark = b"<NIP>7777777777</NIP>"
    third = invoice(SELLER, BUYER, "FA/1", third=[("7777777777", 5)])
    accepted = erp.sent(session, third.replace(mark, f"<IDWew>{unit[1]}</IDWew>".encode()))
    assert accepted["status"]["code"] == 200, accepted
    plain = erp.sent(session, invoice(SELLER, BUYER, "FA/2"))
    assert plain["status"]["code"] == 200
    refused = erp.sent(session, invoice(THIRD, BUYER, "FA/3"))["status"]
    assert refused["details"] == [
        f"Kontekst {unit[1]} nie jest uprawniony do wystawienia faktury w imieniu sprzedawcy (NIP: {THIRD})"
    ]
    assert erp.closed(session)["status"]["code"] == 200
    upo = erp.call("GET", f"/sessions/{session.reference}/invoices/ksef/{accepted['ksefNumber']}/upo")
    assert etree.fromstring(upo.content).findtext(".//u:IdKontekstu/u:IdWewnetrzny", None, UPO) == unit[1]
    # The unit finds what names it; the firm everything.
    (found,) = visible(erp, world, "Subject3")
    assert (found["ksefNumber"], found["thirdSubjects"][0]["role"]) == (accepted["ksefNumber"], 5)
    assert visible(erp, world, "Subject1") == []
    assert len(visible(firm, world, "Subject1")) == 2


@needs_official
@pytest.mark.parametrize("folder", [None, OFFICIAL / "schemas"], ids=["without schemas", "with schemas"])
def test_documents_are_seeded_as_the_schemas_at_hand_say(serve: Serve, folder: Path | None) -> None:
    world = World(*serve(settings=Settings(schemas=folder)))
    document = filled("fa-rr-1", SELLER, buyer_nip=BUYER)
    number = world.mock.add_invoice(document)
    (found,) = visible(logged_in(world, SELLER), world, "Subject1")
    assert (found["ksefNumber"], found["invoiceType"]) == (number, "VatRr")
    wrong = filled("fa-rr-1", SELLER, buyer_nip=BUYER).replace(b"<P_5>", b"<P_99/><P_5>")
    if folder is None:
        assert world.mock.add_invoice(wrong)
    else:
        with pytest.raises(ValueError, match="schema"):
            world.mock.add_invoice(wrong)
