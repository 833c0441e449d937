"""The UPO: as in the ministry's examples, right by its schema, signed so that others verify it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from ksef_mock.clock import Clock, Instant, from_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.pki import Pki, seal
from ksef_mock.ksef.sending import upo
from tests.openapi import DOCUMENT
from tests.xades.xmlsec1 import needs_xmlsec1, xmlsec1_accepts

OFFICIAL = DOCUMENT.parent / "upo"
NS = {"u": upo.NAMESPACE}
SESSION = "20250916-SO-2A3B4C5000-1A2B3C4D5E-0F"
FORM = upo.Form("FA (3)", "1-0E")
needs_official = pytest.mark.skipif(not OFFICIAL.exists(), reason="the ministry's files are not here")


def moment(*parts: int) -> Instant:
    return from_datetime(datetime(*parts, tzinfo=UTC))  # type: ignore[misc, arg-type]


def invoice(ordinal: int = 1, number: str = "FA/1 & <2>") -> upo.Confirmed:
    return upo.Confirmed(
        seller_nip="5265877635",
        ksef_number=f"5265877635-20250916-{ordinal:012X}-C2",
        number=number,
        issue_date="2025-09-16",
        invoiced_at=moment(2025, 9, 16, 9, 5, 40, 841_999),
        acquired_at=moment(2025, 12, 16, 9, 5, 41),
        hash="GZMGNVzs3krF6URKgvaw77OOeG3nJ+WGziT5xguliQ8=",
        mode="Online",
    )


LOGIN = upo.Login(Identifier("Nip", "5265877635"), document_hash="k" * 43 + "=")


def text(document: bytes, path: str) -> str | None:
    return etree.fromstring(document).findtext(path, namespaces=NS)


def structure(element: etree._Element) -> list[str]:
    """Names in order, a repeated Dokument once."""
    found = [etree.QName(each).localname for each in element.iter("*")]
    return list(dict.fromkeys(found))


@needs_official
@pytest.mark.parametrize(
    ("folder", "context"),
    [
        ("kontekst-nip", Identifier("Nip", "5265877635")),
        ("kontekst-internal-id", Identifier("InternalId", "5265877635-12345")),
        ("kontekst-id-zlozony-vat-ue", Identifier("NipVatUe", "5265877635-DE123456789")),
    ],
)
@pytest.mark.parametrize("kind", ["faktura", "sesja"])
def test_it_has_the_elements_of_the_ministry_s_example(folder: str, context: Identifier, kind: str) -> None:
    (example,) = (OFFICIAL / "przyklady" / "v4-3" / folder).glob(f"upo-{kind}*.xml")
    page = upo.Page(1, 1, 2) if kind == "sesja" else None
    proof = upo.Login(context, document_hash="k" * 43 + "=")
    if "NumerReferencyjnyTokenaKSeF" in example.read_text("utf-8"):
        proof = upo.Login(context, token=SESSION)
    ours = upo.document("test", SESSION, proof, FORM, [invoice(1), invoice(2)][: 2 if page else 1], page)
    theirs = etree.parse(example).getroot()
    assert structure(etree.fromstring(ours)) == structure(theirs)
    assert text(ours, "u:NazwaPodmiotuPrzyjmujacego") == theirs.findtext(
        "u:NazwaPodmiotuPrzyjmujacego", None, NS
    )


@needs_official
@pytest.mark.parametrize("page", [None, upo.Page(1, 1, 2)])
@pytest.mark.parametrize(
    "login", [LOGIN, upo.Login(Identifier("PeppolId", "PPL123456"), token="20250916-EC-" + SESSION[12:])]
)
def test_it_is_valid_by_the_official_schema(login: upo.Login, page: upo.Page | None) -> None:
    """As production writes it: the suffix of the others breaks the schema in the ministry's examples too."""
    schema = etree.XMLSchema(etree.parse(OFFICIAL / "schemy" / "upo-v4-3.xsd"))
    made = upo.document("prod", SESSION, login, FORM, [invoice(1), invoice(2)], page)
    schema.assertValid(etree.fromstring(made))
    assert not schema.validate(etree.fromstring(made.replace(b"2025-09-16</Data", b"2005-09-16</Data")))


def test_dates_are_those_of_warsaw_in_milliseconds() -> None:
    made = upo.document("test", SESSION, LOGIN, FORM, [invoice()])
    assert text(made, "u:Dokument/u:DataPrzeslaniaDokumentu") == "2025-09-16T11:05:40.841+02:00"
    assert text(made, "u:Dokument/u:DataNadaniaNumeruKSeF") == "2025-12-16T10:05:41.000+01:00"


def test_numbers_of_invoices_are_escaped() -> None:
    made = upo.document("test", SESSION, LOGIN, FORM, [invoice(number="]]> & <x> \"'")])
    assert text(made, "u:Dokument/u:NumerFaktury") == "]]> & <x> \"'"


def test_a_page_says_which_documents_it_has() -> None:
    made = upo.document("test", SESSION, LOGIN, FORM, [invoice()], upo.Page(2, 2, 10_001))
    described = "u:OpisPotwierdzenia/u:"
    names = ("Strona", "LiczbaStron", "ZakresDokumentowOd", "ZakresDokumentowDo", "CalkowitaLiczbaDokumentow")
    assert [text(made, described + name) for name in names] == ["2", "2", "10001", "10001", "10001"]


@pytest.mark.parametrize(
    ("code", "version", "file"),
    [("FA (3)", "1-0E", "Schemat_FA(3)_v1-0E.xsd"), ("FA_RR (1)", "1-1E", "Schemat_FA_RR(1)_v1-1E.xsd")],
)
def test_the_structure_is_named_after_the_form(code: str, version: str, file: str) -> None:
    assert upo.Form(code, version).schema_file == file


@needs_xmlsec1
def test_the_ministry_signs_it_and_xmlsec1_agrees(tmp_path: Path) -> None:
    ministry = Pki(Clock()).qualified(seal("Ministerstwo Finansów", nip="5260250274"))
    made = upo.signed(
        upo.document("test", SESSION, LOGIN, FORM, [invoice()]), ministry, moment(2025, 9, 16, 9, 6)
    )
    assert xmlsec1_accepts(made, tmp_path)
    assert not xmlsec1_accepts(made.replace(b"Online", b"Offline"), tmp_path)
    assert b"2025-09-16T09:06:00Z" in made
    found = etree.fromstring(made)
    names = {"ds": "http://www.w3.org/2000/09/xmldsig#"}
    assert found.xpath("//ds:Reference/@URI", namespaces=names) == ["", "#SignedProperties"]
    methods = found.xpath("//ds:CanonicalizationMethod/@Algorithm", namespaces=names)
    assert methods == ["http://www.w3.org/TR/2001/REC-xml-c14n-20010315"]
