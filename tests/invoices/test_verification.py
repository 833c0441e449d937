"""What KSeF says of an invoice, and what the report says beside it."""

from __future__ import annotations

import codecs
import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.cli import main
from ksef_mock.clock import from_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.invoices.files import Declared, Encrypted, encrypt
from ksef_mock.ksef.invoices.forms import FA2, FA3, FA_RR, PEF, Form
from ksef_mock.ksef.invoices.report import Cause, Check, Report
from ksef_mock.ksef.invoices.rules import Ground, Rights, discouraged
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.verification import Rules, verify
from ksef_mock.xades.report import Outcome
from tests.invoices.test_schemas import OFFICIAL, needs_official, sample

NIP, BUYER = "5265877635", "1111111111"
NOW = from_datetime(datetime(2026, 3, 1, 12, tzinfo=UTC))
OWN = Rights(context=Identifier("Nip", NIP))
KEY, IV = bytes(range(32)), bytes(range(16))
GOOD = invoice(NIP, buyer_name="Żółć")


def sha256(octets: bytes) -> str:
    return b64encode(hashlib.sha256(octets).digest()).decode()


def judge(
    document: bytes,
    *,
    form: Form = FA3,
    rights: Rights | None = OWN,
    declared: Declared | None = None,
    folder: Path | None = None,
    **more: object,
) -> Report:
    rules = Rules(form=form, schemas=Schemas(folder), **more)  # type: ignore[arg-type]
    return verify(document, rules, at=NOW, rights=rights, declared=declared or Declared())


def said(report: Report) -> tuple[int, list[str]]:
    status = report.to_dict()["status"]
    return status["code"], status["details"]


def failing(report: Report) -> tuple[Check, Cause | None]:
    assert report.failure is not None
    return report.failure.check, report.failure.cause


def test_a_good_invoice() -> None:
    report = judge(GOOD, declared=Declared(size=len(GOOD), hash=sha256(GOOD)))
    assert said(report) == (200, [])
    assert report.ground is Ground.OWN
    assert report.document is not None
    assert report.document.number == "FA/1"
    assert [result.check for result in report.results] == list(Check)
    assert json.loads(json.dumps(report.to_dict()))["ok"]


# -- encryption, size, hash -------------------------------------------------------------------------------


def sent(ciphertext: bytes, plain: bytes = GOOD, key: bytes = KEY, iv: bytes = IV) -> Report:
    return verify(
        Encrypted(ciphertext=ciphertext, key=key, iv=iv),
        Rules(schemas=Schemas()),
        at=NOW,
        rights=OWN,
        declared=Declared(size=len(plain), hash=sha256(plain)),
    )


def raw(octets: bytes, mode: modes.Mode) -> bytes:
    encryptor = Cipher(algorithms.AES(KEY), mode).encryptor()  # type: ignore[misc]
    return bytes(encryptor.update(octets) + encryptor.finalize())


def padded(octets: bytes) -> bytes:
    left = 16 - len(octets) % 16
    return octets + bytes([left]) * left


def test_an_encrypted_invoice() -> None:
    report = sent(encrypt(GOOD, KEY, IV))
    assert said(report) == (200, [])
    assert report.octets == GOOD


def test_a_wrong_key_fails_at_the_padding() -> None:
    report = sent(encrypt(GOOD, bytes(32), IV))
    assert said(report) == (435, ["Plik niepoprawnie zaszyfrowany"])
    assert report.failure is not None
    assert report.failure.explanation is None


@pytest.mark.parametrize(
    ("ciphertext", "code", "mistake"),
    [
        (IV + encrypt(GOOD, KEY, IV), 430, "the IV was put in front"),
        (GOOD, 435, "without being encrypted"),
        (b64encode(encrypt(GOOD, KEY, IV)), 435, "Base64 twice"),
        (encrypt(b64encode(GOOD), KEY, IV), 430, "in Base64 already"),
        (encrypt(GOOD, KEY, bytes(16)), 430, "sixteen zeros"),
        (raw(GOOD + bytes(-len(GOOD) % 16), modes.CBC(IV)), 435, "filled up with zeros"),
        (raw(GOOD, modes.CTR(IV)), 435, "CTR"),
        (raw(padded(GOOD), modes.ECB()), None, "ECB"),
    ],
)
def test_usual_mistakes_of_encryption(ciphertext: bytes, code: int | None, mistake: str) -> None:
    report = sent(ciphertext)
    assert report.failure is not None
    assert code in (None, int(report.status))
    assert mistake in (report.failure.explanation or "")


def test_a_wrong_size_is_430_with_what_was_declared() -> None:
    report = judge(GOOD, declared=Declared(size=1798))
    assert said(report) == (430, ["Rozmiar faktury nie zgadza się z zadeklarowaną wartością: '1798'."])


@pytest.mark.parametrize(
    ("hashed", "mistake"),
    [
        (b64encode, "in Base64"),
        (lambda octets: codecs.BOM_UTF8 + octets, "with a byte order mark"),
        (lambda octets: octets.replace(b"\n", b"\r\n"), "Windows' line ends"),
        (lambda octets: hashlib.sha256(octets).digest(), "hashed twice"),
        (lambda octets: hashlib.sha256(octets).hexdigest().encode(), "in hexadecimal"),
        (lambda octets: octets.decode().encode("utf-16-le"), "UTF-16"),
        (lambda octets: octets + b"other", None),
    ],
)
def test_usual_mistakes_of_hashes(hashed: Callable[[bytes], bytes], mistake: str | None) -> None:
    report = judge(GOOD, declared=Declared(hash=sha256(hashed(GOOD))))
    assert failing(report) == (Check.HASH, Cause.WRONG_HASH)
    assert int(report.status) == 430
    assert report.failure is not None
    assert mistake is None or mistake in (report.failure.explanation or "")
    assert (mistake is None) == (report.failure.explanation is None)


def test_the_hash_of_the_ciphertext() -> None:
    ciphertext = encrypt(GOOD, KEY, IV)
    report = verify(
        Encrypted(ciphertext=ciphertext, key=KEY, iv=IV),
        Rules(schemas=Schemas()),
        at=NOW,
        declared=Declared(hash=sha256(ciphertext)),
    )
    assert report.failure is not None
    assert report.failure.explanation == "the hash is that of the encrypted content"


def test_sizes_are_bounded() -> None:
    filled = GOOD.replace(b"</Fa>", b"</Fa><!--" + b"x" * 1_000_000 + b"-->")
    assert failing(judge(filled)) == (Check.SIZE, Cause.TOO_LARGE)
    assert judge(filled, max_size=3_000_000).ok


# -- the XML ----------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_430() -> None:
    report = judge(codecs.BOM_UTF8 + GOOD)
    assert (int(report.status), failing(report)) == (430, (Check.BYTE_ORDER_MARK, Cause.BYTE_ORDER_MARK))


@pytest.mark.parametrize(
    ("document", "cause", "mistake"),
    [
        (b"to nie jest faktura", Cause.NOT_WELL_FORMED, None),
        (b"", Cause.NOT_WELL_FORMED, None),
        (GOOD.replace(b"</Faktura>", b""), Cause.NOT_WELL_FORMED, None),
        (GOOD.replace(b"<Faktura", b"<!DOCTYPE a><Faktura"), Cause.NOT_WELL_FORMED, None),
        (GOOD.replace(b'version="1.0"', b'version="1.1"'), Cause.NOT_WELL_FORMED, None),
        (GOOD.decode().encode("windows-1250"), Cause.NOT_UTF8, "windows-1250"),
        (GOOD.replace(b"UTF-8", b"windows-1250"), Cause.NOT_UTF8, None),
        (GOOD.decode().encode("utf-16"), Cause.NOT_UTF8, "utf-16"),
        (GOOD.replace(b"FA/1", "FA\x80".encode()), Cause.DISCOURAGED_CHARACTER, None),
        (GOOD.replace(b"FA/1", b"FA&#x9F;"), Cause.DISCOURAGED_CHARACTER, None),
        (GOOD.replace(b"FA/1", "FA\U0001fffe".encode()), Cause.DISCOURAGED_CHARACTER, None),
        (GOOD.replace(b"<Faktura", b"<?xml-stylesheet a?><Faktura"), Cause.PROCESSING_INSTRUCTION, None),
        (GOOD.replace(b"<Fa>", b"<Fa><?a b?>"), Cause.PROCESSING_INSTRUCTION, None),
    ],
)
def test_what_is_no_xml_for_ksef(document: bytes, cause: Cause, mistake: str | None) -> None:
    report = judge(document)
    assert said(report) == (450, ["Nieprawidłowy XML"])
    assert report.failure is not None
    assert report.failure.cause is cause
    assert mistake is None or mistake in (report.failure.explanation or "")


@pytest.mark.parametrize("text", ["\x85", "\xa0", "\ufdf0", "\ufffd", "😀"])
def test_characters_beside_the_discouraged_ones(text: str) -> None:
    assert judge(invoice(NIP, number=f"FA{text}1")).ok


def test_every_discouraged_character_is_found_and_no_other() -> None:
    # weryfikacja-faktury.md, character by character.
    expected = {*range(0x7F, 0x85), *range(0x86, 0xA0), *range(0xFDD0, 0xFDF0)}
    expected |= {plane << 16 | low for plane in range(1, 17) for low in (0xFFFE, 0xFFFF)}
    # All of the planes' ends, and whatever is as long in UTF-8.
    looked_at = [*range(0x20, 0xD800), *range(0xE000, 0x10200)]
    looked_at += [code for plane in range(1, 17) for code in range((plane << 16) + 0xFF00, (plane + 1) << 16)]
    assert {code for code in looked_at if discouraged(chr(code).encode())} == expected
    assert discouraged("zażółć\U0001fffe\x7f\u0080".encode()) == "\U0001fffe"


def test_an_instruction_after_the_declaration_of_a_one_line_document() -> None:
    declared = GOOD.partition(b"?>")[0] + b"?>"
    for document in (declared + b"<?a?>" + GOOD.partition(b"?>")[2], b"<?a?>" + GOOD.partition(b"?>")[2]):
        assert failing(judge(document)) == (Check.PROCESSING_INSTRUCTIONS, Cause.PROCESSING_INSTRUCTION)


def test_production_takes_discouraged_characters_for_a_while() -> None:
    assert judge(GOOD.replace(b"FA/1", "FA\x80".encode()), strict_xml=False).ok


def test_the_schemas_sentences_and_what_they_were_made_of() -> None:
    report = judge(GOOD.replace(b"<NIP>5265877635", b"<NIP>123"), rights=None)
    code, details = said(report)
    ns = FA3.namespace
    assert code == 450
    assert details == [
        f"The '{ns}:NIP' element is invalid - The value '123' is invalid according to its datatype"
        " 'http://crd.gov.pl/xml/schematy/dziedzinowe/mf/2022/01/05/eD/DefinicjeTypy/:TNrNIP'"
        " - The Pattern constraint failed."
    ]
    assert report.failure is not None
    assert report.failure.evidence["element"] == "/Faktura/Podmiot1/DaneIdentyfikacyjne/NIP"
    assert report.failure.evidence["says"] == "123"
    assert report.failure.evidence["expected"].startswith("pattern [1-9]")


def test_a_document_of_another_form() -> None:
    report = judge(GOOD.replace(b"FA (3)", b"FA (2)"))
    assert said(report)[1] == ["The value of the 'kodSystemowy' attribute does not equal its fixed value."]
    assert failing(report) == (Check.SCHEMA, Cause.WRONG_FORM)
    assert report.failure is not None
    assert "'FA (2)'" in (report.failure.explanation or "")


# -- attachments, rights, dates ---------------------------------------------------------------------------


@needs_official
def test_attachments() -> None:
    document = sample("fa-3-with-attachment.xml")
    consent = Rights(context=OWN.context, consents=frozenset({NIP}))
    without = Rights(context=OWN.context, consents=frozenset())
    assert said(judge(document)) == (415, [])
    assert judge(document, is_correction=True).ok
    assert judge(document, is_interactive=False, rights=consent).ok
    assert said(judge(document, is_interactive=False, rights=without)) == (
        410,
        [f"Sprzedawca {NIP} nie posiada zgody do wysyłania faktur z załącznikami"],
    )


def test_a_seller_who_is_not_the_context() -> None:
    report = judge(invoice(BUYER, NIP))
    assert said(report) == (
        410,
        [f"Kontekst {NIP} nie jest uprawniony do wystawienia faktury w imieniu sprzedawcy (NIP: {BUYER})"],
    )
    assert report.failure is not None
    assert "swapped" in (report.failure.explanation or "")


def rights(context: Identifier | None = None, *given: str, **more: object) -> Rights:
    return Rights(
        context=context or Identifier("Nip", BUYER),
        authorizations={NIP: frozenset(given)},
        **more,  # type: ignore[arg-type]
    )


EU = invoice(NIP, None, self_invoicing=True).replace(
    b"<BrakID>1</BrakID>", b"<KodUE>DE</KodUE><NrVatUE>123456789</NrVatUE>"
)


@pytest.mark.parametrize(
    ("document", "given", "ground"),
    [
        (invoice(NIP, BUYER, self_invoicing=True), rights(None, "SelfInvoicing"), Ground.SELF_INVOICING),
        (invoice(NIP, BUYER), rights(None, "SelfInvoicing"), None),
        (invoice(NIP, BUYER, self_invoicing=True), rights(), None),
        (invoice(NIP), rights(None, "TaxRepresentative"), Ground.TAX_REPRESENTATIVE),
        (invoice(NIP, authorized=(BUYER, 2)), rights(enforces=True), Ground.ENFORCEMENT),
        (invoice(NIP, authorized=(BUYER, 3)), rights(enforces=True), None),
        (invoice(NIP, authorized=(BUYER, 2)), rights(), None),
        (invoice(NIP), rights(relatives=frozenset({NIP})), Ground.UNIT),
        (invoice(NIP), rights(Identifier("InternalId", f"{NIP}-12345")), Ground.OWN),
        (EU, rights(Identifier("NipVatUe", f"{NIP}-DE123456789")), Ground.EU_SELF_INVOICING),
        (EU, rights(Identifier("NipVatUe", f"{NIP}-DE123456780")), None),
        (invoice(NIP), rights(Identifier("PeppolId", "PPL123456"), "PefInvoicing"), None),
    ],
)
def test_who_may_invoice_for_whom(document: bytes, given: Rights, ground: Ground | None) -> None:
    report = judge(document, rights=given)
    assert report.ground is ground
    assert int(report.status) == (410 if ground is None else 200)


@needs_official
def test_peppol_providers_and_rr() -> None:
    folder = OFFICIAL / "schemas"
    provider = Identifier("PeppolId", "PPL123456")
    document = sample("fa-3-pef.xml")
    assert judge(document, form=PEF, folder=folder, rights=rights(provider, "PefInvoicing")).ok
    assert said(judge(document, form=PEF, folder=folder, rights=rights(provider)))[0] == 410
    farmer = sample("fa-rr-1.xml").replace(b"<NIP>5265877635", b"<NIP>1111111111", 2)
    farmer = farmer.replace(b"<NIP>1111111111", b"<NIP>5265877635", 1)
    report = judge(farmer, form=FA_RR, folder=folder, rights=rights(None, "RRInvoicing"))
    assert report.ground is Ground.RR_INVOICING
    assert report.ok


def test_p_1_is_compared_by_warsaws_date() -> None:
    late = from_datetime(datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    document, rules = invoice(NIP, date="2026-03-02"), Rules(schemas=Schemas())
    assert verify(document, rules, at=late).ok
    report = verify(document, rules, at=NOW)
    assert (int(report.status), failing(report)) == (450, (Check.ISSUE_DATE, Cause.FUTURE_DATE))


def test_checksums_count_on_production_only() -> None:
    document = invoice("5265877636")
    own = Rights(context=Identifier("Nip", "5265877636"))
    assert judge(document, rights=own).ok
    report = judge(document, rights=own, checks_checksums=True)
    assert (int(report.status), failing(report)) == (450, (Check.CHECKSUMS, Cause.CHECKSUM))
    assert judge(invoice(NIP, "5265877635"), checks_checksums=True).ok


def test_what_a_serializer_tells_too_much_is_explained() -> None:
    xsi = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    nil = GOOD.replace(
        b"<P_15>", b"<P_13_2 %s xsi:nil='true'/><P_14_2 %s xsi:nil='true'/><P_15>" % (xsi, xsi)
    )
    typed = GOOD.replace(
        b"<P_15>", b"<P_15 %s xmlns:xsd='http://www.w3.org/2001/XMLSchema' xsi:type='xsd:decimal'>" % xsi
    )
    for document in (nil, typed):
        report = judge(document)
        assert failing(report) == (Check.SCHEMA, Cause.SCHEMA)
        assert report.failure is not None
        assert "serializer" in (report.failure.explanation or "")
    for document in (nil.replace(b"<P_15>123.00</P_15>", b""), GOOD.replace(b"<P_15>123.00</P_15>", b"")):
        failure = judge(document).failure
        assert failure is not None
        assert failure.explanation is None


# -- without a schema -------------------------------------------------------------------------------------


@needs_official
def test_without_a_schema_the_outline_is_checked_and_the_report_says_so() -> None:
    document = sample("fa-2.xml")
    report = judge(document, form=FA2)
    assert report.ok
    schema = report.of(Check.SCHEMA)
    assert schema is not None
    assert "--schemas" in schema.reason
    for wrong, element in (
        (document.replace(b"FA (2)", b"FA (3)"), "KodFormularza"),
        (document.replace(b"5265877635", b"123"), "Podmiot1"),
        (document.replace(b"<NIP>7352765225", b"<NIP>123"), "Podmiot2"),
        (document.replace(b"<RodzajFaktury>VAT", b"<RodzajFaktury>X"), "RodzajFaktury"),
        (GOOD, "Faktura"),
    ):
        report = judge(wrong, form=FA2, rights=None)
        assert int(report.status) == 450
        assert report.failure is not None
        assert report.failure.evidence["element"] == element


@needs_official
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'kodSystemowy="FA (2)"', b'kodSystemowy="FA (3)"'),
        (b'wersjaSchemy="1-0E"', b'wersjaSchemy="1-1E"'),
        (b' kodSystemowy="FA (2)"', b""),
        (b"2023/06/29/12648/", b"2025/06/25/13775/"),
        (b"Faktura", b"Rachunek"),
    ],
)
def test_what_needs_no_schema_is_said_as_with_it(old: bytes, new: bytes) -> None:
    document = sample("fa-2.xml")
    changed = document.replace(old, new)
    assert changed != document
    said = [
        report.failure.details[0]
        for folder in (None, OFFICIAL / "schemas")
        if (report := judge(changed, form=FA2, rights=None, folder=folder)).failure is not None
    ]
    assert len(said) == 2
    assert said[0] == said[1]


@needs_official
@pytest.mark.parametrize(("name", "form"), [("fa-rr-1.xml", FA_RR), ("fa-3-pef.xml", PEF), ("fa-2.xml", FA2)])
def test_samples_of_other_forms_pass_with_and_without_their_schema(name: str, form: Form) -> None:
    for folder in (None, OFFICIAL / "schemas"):
        assert judge(sample(name), form=form, rights=None, folder=folder).ok


@settings(max_examples=60)
@given(st.data())
def test_nothing_makes_it_raise(data: st.DataObject) -> None:
    octets = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    report = judge(bytes(octets))
    assert json.dumps(report.to_dict())
    assert all(result.outcome in Outcome for result in report.results)


# -- the command ------------------------------------------------------------------------------------------


def run(*arguments: str, document: bytes = GOOD) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["verify-invoice", "-", *arguments], input=document)
    return result.exit_code, result.output


def test_the_command_says_what_is_wrong() -> None:
    code, output = run("--nip", NIP, "--at", "2026-02-02")
    assert code == 0
    assert "Nothing is wrong" in output
    code, output = run("--nip", BUYER, document=GOOD.replace(b"<P_15>123.00", b"<P_15>abc"))
    assert code == 1
    assert "KSeF says: status 450" in output
    assert "The Pattern constraint failed." in output
    assert "/Faktura/Fa/P_15" in output


def test_the_command_knows_forms_and_prints_json() -> None:
    code, output = run("--form", "fa2", "--json")
    report = json.loads(output)
    assert code == 1
    assert report["status"]["code"] == 450
    assert report["failure"] == "schema"


@pytest.mark.parametrize("arguments", [("--nip", "123"), ("--form", "FA9"), ("--schemas", "/dev")])
def test_the_command_refuses_what_it_does_not_understand(arguments: tuple[str, str]) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert arguments[0] in output
