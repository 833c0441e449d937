"""What is read of the ministry's sample invoices, and of ours."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

from ksef_mock.ksef.invoices import documents
from ksef_mock.ksef.invoices.forms import FA3, FA_RR, PEF, PEF_KOR, Form
from ksef_mock.ksef.invoices.metadata import AuthorizedSubject, Buyer, PartyIdentifier, Seller, ThirdSubject
from ksef_mock.ksef.invoices.samples import invoice, pef_invoice, rr_invoice
from ksef_mock.ksef.invoices.schemas import Schemas
from tests.invoices.test_schemas import OFFICIAL, needs_official, sample

NIP = "5265877635"


def read(document: bytes) -> documents.Document:
    return documents.read(etree.fromstring(document))


def test_what_a_fa_says() -> None:
    document = read(
        invoice(NIP, "1111111111", "FA/7", "2026-02-03", net="100", kind="ROZ", third=[("5555555555", 4)])
    )
    assert document.form == FA3
    assert document.form_code == ("FA (3)", "1-0E", "FA")
    assert (document.number, document.issue_date, document.kind) == ("FA/7", "2026-02-03", "ROZ")
    assert (document.invoice_type, document.currency) == ("Roz", "PLN")
    assert document.seller == Seller(NIP, "Sprzedawca")
    assert document.buyer == Buyer(PartyIdentifier("Nip", "1111111111"), "Nabywca")
    assert (document.net, document.vat, document.gross) == (Decimal(100), Decimal(23), Decimal(123))
    assert document.third_subjects == (
        ThirdSubject(PartyIdentifier("Nip", "5555555555"), 4, "Podmiot trzeci"),
    )
    assert not document.is_self_invoicing
    assert not document.has_attachment
    assert document.duplicate_key == (NIP, "ROZ", "FA/7")


def test_the_vat_of_a_foreign_currency_is_in_zloty() -> None:
    document = read(invoice(NIP, currency="EUR", net="1626.02", rate="4.2147"))
    assert (document.net, document.gross) == (Decimal("1626.02"), Decimal("2000.00"))
    assert document.vat == Decimal("1576.21")
    bare = invoice(NIP, currency="EUR").replace(b"<P_14_1W>23.00</P_14_1W>", b"")
    assert read(bare).vat == 0


def test_self_invoicing_and_the_authorized_subject() -> None:
    document = read(invoice(NIP, self_invoicing=True, authorized=("5555555555", 3)))
    assert document.is_self_invoicing
    assert document.authorized_subject == AuthorizedSubject("5555555555", 3, "Upoważniony")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<KodUE>DE</KodUE><NrVatUE>123456789</NrVatUE>", PartyIdentifier("VatUe", "DE123456789")),
        ("<KodKraju>US</KodKraju><NrID>A 1</NrID>", PartyIdentifier("Other", "A 1")),
        ("<NrID>A 1</NrID>", PartyIdentifier("Other", "A 1")),
        ("<BrakID>1</BrakID>", PartyIdentifier("None")),
    ],
)
def test_a_buyer_without_a_nip(written: str, expected: PartyIdentifier) -> None:
    document = invoice(NIP, None).replace(b"<BrakID>1</BrakID>", written.encode())
    assert read(document).buyer.identifier == expected
    schema = Schemas().of(FA3)
    assert schema is not None
    assert schema.faults(etree.fromstring(document)) == []


@pytest.mark.parametrize("kind", ["VAT", "KOR", "ZAL", "ROZ", "UPR", "KOR_ZAL", "KOR_ROZ"])
def test_samples_are_valid(kind: str) -> None:
    document = invoice(
        NIP,
        number="A & B <1>",
        kind=kind,
        currency="EUR",
        rate=4.2,
        lines=3,
        third=[("5555555555", 1)],
        authorized=("5555555555", 1),
    )
    schema = Schemas().of(FA3)
    assert schema is not None
    assert [fault.message for fault in schema.faults(etree.fromstring(document))] == []
    assert read(document).number == "A & B <1>"


@needs_official
@pytest.mark.parametrize(
    ("form", "document", "kind", "amounts"),
    [
        (FA_RR, rr_invoice(NIP, "1111111111", "A & B", net="10.005"), "VatRr", ("10.01", "0.70", "10.71")),
        (PEF, pef_invoice(NIP, "1111111111", "A & B"), "VatPef", ("100", "23", "123")),
        (PEF_KOR, pef_invoice(NIP, "1111111111", "A & B", corrects="<1>"), "KorPef", ("100", "23", "123")),
    ],
)
def test_samples_of_other_forms_are_valid(
    form: Form, document: bytes, kind: str, amounts: tuple[str, str, str]
) -> None:
    schema = Schemas(OFFICIAL / "schemas").of(form)
    assert schema is not None
    assert [fault.message for fault in schema.faults(etree.fromstring(document))] == []
    said = read(document)
    assert (said.form, said.number, said.invoice_type) == (form, "A & B", kind)
    assert (said.net, said.vat, said.gross) == tuple(map(Decimal, amounts))
    assert said.seller is not None
    assert (said.seller.nip, said.buyer.identifier) == (NIP, PartyIdentifier("Nip", "1111111111"))


def test_blanks_are_collapsed_as_in_a_token() -> None:
    assert read(invoice(NIP, number="  FA \n  1 ")).number == "FA 1"


def test_what_makes_no_sense_is_none() -> None:
    document = read(b"<a><Podmiot1/><Fa><P_15>much</P_15></Fa></a>")
    assert document.form is None
    assert document.seller is None
    assert document.gross == 0
    assert document.duplicate_key is None


@needs_official
def test_what_a_fa_rr_says() -> None:
    document = read(sample("fa-rr-1.xml"))
    assert document.form_code == ("FA_RR (1)", "1-1E", "FA_RR")
    assert (document.issue_date, document.invoice_type) == ("2026-02-23", "VatRr")
    assert [document.net, document.vat, document.gross] == [Decimal(2000), Decimal(140), Decimal(2140)]
    assert document.seller == Seller(NIP, "Elektrownia S.A.")


@needs_official
def test_what_a_pef_says() -> None:
    document = read(sample("fa-3-pef.xml"))
    assert (document.issue_date, document.currency, document.invoice_type) == ("2026-01-02", "EUR", "VatPef")
    assert document.seller == Seller(NIP, "Sprzedawca Sp. z o.o.")
    assert document.buyer == Buyer(PartyIdentifier("Nip", NIP), "Nabywca S.A.")
    assert document.gross > document.net > 0
    assert document.vat == 0  # none in PLN
    assert not document.has_attachment
    assert read(sample("fa-3-pef-with-attachment.xml")).has_attachment
    correction = read(sample("fa-3-pef-correction.xml"))
    assert correction.invoice_type == "KorPef"
    assert correction.seller is not None


@needs_official
def test_attachments_and_internal_identifiers() -> None:
    assert read(sample("fa-3-with-attachment.xml")).has_attachment
    (third,) = read(sample("fa-3-with-custom-Subject3.xml")).third_subjects
    assert third.identifier == PartyIdentifier("Nip", NIP)


def test_texts_beyond_what_is_kept_are_cut() -> None:
    # Of a form whose schema is not at hand nobody else looks how long they are.
    document = invoice(NIP, number="9" * 5_000)
    for name in (b"Nazwa", b"KodWaluty", b"RodzajFaktury", b"P_1"):
        document = document.replace(b"<%s>" % name, b"<%s>" % name + b"x" * 5_000, 1)
    read = documents.read(etree.fromstring(document))
    assert read.seller is not None
    assert len(read.number or "") == 256
    assert len(read.seller.name or "") == 512
    assert max(map(len, (read.currency or "", read.kind or "", read.issue_date or ""))) <= 512
