"""From bytes to a request: encoding, well-formedness, form, schema, and the values that are read."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from lxml import etree

from ksef_mock.core.codes import Code
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.xsd import Schema
from ksef_mock.xades import Check, Outcome, Refusal, Report, read, verify
from ksef_mock.xades.parsing import MAX_ATTRIBUTES, MAX_DEPTH
from tests.xades.signer import CHALLENGE, NIP, NOW, POLICY, Signer, request_xml


def refused(document: bytes, check: Check, code: Code) -> Report:
    report = read(document).report
    assert report.failure is not None
    assert report.failure.check is check
    assert isinstance(report.failure.consequence, Refusal)
    assert report.failure.consequence.code is code
    assert verify(document, at=NOW).failure == report.failure
    return report


# ---- encoding


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_other_unicode_encodings_are_refused(encoding: str) -> None:
    text = Signer(declaration="").sign().decode()
    refused(text.encode(encoding), Check.ENCODING, Code.INVALID_ENCODING)


@pytest.mark.parametrize(
    "encoding", ["ISO-8859-2", "windows-1250", "UTF-16", "utf8", "US-ASCII", "", "x" * 99]
)
@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_another_declared_encoding_is_refused(encoding: str, quote: str, mark: bytes) -> None:
    declaration = f"<?xml version={quote}1.0{quote} encoding={quote}{encoding}{quote}?>"
    refused(mark + Signer(declaration=declaration).sign(), Check.ENCODING, Code.INVALID_ENCODING)


@pytest.mark.parametrize(
    "declaration",
    [
        "",
        "\n",
        '<?xml version="1.0"?>',
        "<?xml version = '1.0'\n encoding = 'utf-8' standalone='yes' ?>",
        '<?xml version="1.0" encoding="Utf-8"?><!-- > <!DOCTYPE x> --><?pi <!DOCTYPE x> ?>'.partition("<!--")[
            0
        ],
    ],
)
def test_utf_8_is_accepted_however_it_is_declared(declaration: str) -> None:
    assert verify(Signer(declaration=declaration).sign(), at=NOW).ok


def test_a_byte_order_mark_is_legal_and_remarked_upon() -> None:
    report = verify(codecs.BOM_UTF8 + Signer().sign(), at=NOW)
    assert report.ok
    assert "byte order mark" in report.of(Check.ENCODING)[0].reason


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"\xb9", "0xB9"),
        (b"\xc0\xaf", "0xC0"),
        (b"\xed\xa0\x80", "0xED"),
        (b"\xf4\x90\x80\x80", "0xF4"),
        (b"\x00", "NUL"),
    ],
)
def test_octets_that_are_not_utf_8_are_refused(octets: bytes, said: str) -> None:
    document = Signer().sign().replace(b"<Challenge>", b"<Challenge>" + octets)
    report = refused(document, Check.ENCODING, Code.INVALID_ENCODING)
    assert said in report.of(Check.ENCODING)[0].reason


# ---- well-formedness


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" ",
        b"plain text",
        b"{}",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&nbsp;</a>",
        b"<a b='1' b='2'/>",
        b"<p:a/>",
        b"<a>\x01</a>",
        b"<a>&#0;</a>",
        b'<?xml version="1.1"?><a/>',
        b"<a><!-- -- --></a>",
        b"<?xml version='1.0'?><?xml version='1.0'?><a/>",
    ],
)
def test_what_is_not_xml_is_unreadable(document: bytes) -> None:
    refused(document, Check.WELL_FORMEDNESS, Code.UNREADABLE)


LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE AuthTokenRequest>",
        f"<!DOCTYPE AuthTokenRequest [{LOL}]>",
        '<!DOCTYPE AuthTokenRequest [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE AuthTokenRequest SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE AuthTokenRequest [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>',
        '<!DOCTYPE AuthTokenRequest [<!ATTLIST AuthTokenRequest Id ID "root">]>',
        "<!-- --> <?pi?>\n<!DOCTYPE AuthTokenRequest>",
        "<!-- <x> --><!DOCTYPE AuthTokenRequest>",
    ],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_document_type_is_never_accepted(doctype: str, mark: bytes) -> None:
    for declaration in ("", '<?xml version="1.0" encoding="utf-8"?>'):
        document = mark + Signer(declaration=declaration + doctype).sign()
        report = refused(document, Check.WELL_FORMEDNESS, Code.UNREADABLE)
        assert "document type" in report.of(Check.WELL_FORMEDNESS)[0].reason


def test_a_document_type_in_a_comment_is_a_comment() -> None:
    assert verify(Signer(request=f"<!-- <!DOCTYPE x> -->{request_xml()}").sign(), at=NOW).ok


def test_depth_is_bounded() -> None:
    def nested(levels: int) -> bytes:
        return b"<a>" * levels + b"</a>" * levels

    assert read(nested(MAX_DEPTH)).report.passed(Check.WELL_FORMEDNESS)
    for levels in (MAX_DEPTH + 1, 300, 100_000):
        refused(nested(levels), Check.WELL_FORMEDNESS, Code.UNREADABLE)


def test_the_number_of_attributes_is_bounded() -> None:
    def element(count: int) -> bytes:
        return b"<a>text<b %s/></a>" % b" ".join(b'a%d="1"' % number for number in range(count))

    assert read(element(MAX_ATTRIBUTES)).report.passed(Check.WELL_FORMEDNESS)
    for count in (MAX_ATTRIBUTES + 1, 50_000):
        refused(element(count), Check.WELL_FORMEDNESS, Code.UNREADABLE)


def test_the_number_of_namespaces_is_bounded() -> None:
    def elements(count: int) -> bytes:
        return b"<a>%s</a>" % b"".join(
            b'<b xmlns:n%d="urn:%d"/>' % (number, number) for number in range(count)
        )

    assert read(elements(400)).report.passed(Check.WELL_FORMEDNESS)
    refused(elements(500), Check.WELL_FORMEDNESS, Code.UNREADABLE)


def test_everything_after_an_unreadable_document_is_skipped() -> None:
    report = verify(b"<a>", at=NOW)
    assert [result.outcome for result in report.results] == [
        Outcome.PASSED,
        Outcome.FAILED,
        *[Outcome.SKIPPED] * 18,
    ]
    assert all(result.reason for result in report.results if result.outcome is Outcome.SKIPPED)


# ---- form


@pytest.mark.parametrize("form", ["enveloped", "enveloping"])
@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_both_forms_and_both_versions_are_read(form: str, version: str) -> None:
    reading = read(Signer(form=form, request=request_xml(version=version, policy=POLICY)).sign())
    assert reading.report.ok
    assert reading.report.facts.form == form
    assert reading.report.facts.version == version
    request = reading.request
    assert request is not None
    assert request.version == version
    assert request.challenge == CHALLENGE
    assert request.context == Identifier("Nip", NIP)
    assert request.subject_identifier_type == "certificateSubject"
    assert request.allowed_ips == AllowedIps(("192.0.2.1",), ("10.0.0.1-10.0.0.9",), ("172.16.0.0/12",))


def test_the_signature_may_stand_anywhere_among_the_children() -> None:
    for position in range(4):

        def move(root: etree._Element, position: int = position) -> None:
            root.insert(position, root[-1])

        assert verify(Signer(prepare=move).sign(), at=NOW).ok


def test_a_signature_deeper_in_the_request_is_refused() -> None:
    def move(root: etree._Element) -> None:
        root[1].append(root[-1])

    refused(Signer(prepare=move).sign(), Check.FORM, Code.INVALID_DOCUMENT)


def test_a_request_deeper_in_the_object_is_refused() -> None:
    request = f"<holder>{request_xml()}</holder>"
    refused(Signer(form="enveloping", request=request).sign(), Check.FORM, Code.INVALID_DOCUMENT)


# ---- values


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Nip", NIP),
        ("InternalId", f"{NIP}-12345"),
        ("NipVatUe", f"{NIP}-DE123456789"),
        ("PeppolId", "PPL123456"),
    ],
)
def test_every_type_of_context_is_read(kind: str, value: str) -> None:
    request = read(Signer(request=request_xml(context=f"<{kind}>{value}</{kind}>")).sign()).request
    assert request is not None
    assert request.context == Identifier(kind, value)


def test_tokens_are_read_without_the_white_space_around_them() -> None:
    xml = request_xml(
        challenge=f"\n {CHALLENGE}\t",
        subject=" certificateFingerprint ",
        policy=POLICY.replace("192.0.2.1", "\n192.0.2.1\n"),
    )
    request = read(Signer(request=xml).sign()).request
    assert request is not None
    assert request.challenge == CHALLENGE
    assert request.subject_identifier_type == "certificateFingerprint"
    assert request.allowed_ips is not None
    assert request.allowed_ips.addresses == ("192.0.2.1",)


def test_an_empty_policy_allows_nothing_in_particular() -> None:
    xml = request_xml(policy="<AuthorizationPolicy><AllowedIps/></AuthorizationPolicy>")
    request = read(Signer(request=xml).sign()).request
    assert request is not None
    assert request.allowed_ips == AllowedIps()
    assert not request.allowed_ips


_OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "ksef" / "schemat_auth_v2-1.xsd"
_NS = "http://ksef.mf.gov.pl/auth/token/2.1"


def _invalid(element: str, value: str, datatype: str, constraint: str) -> str:
    return (
        f"The '{_NS}:{element}' element is invalid - The value '{value}' is invalid according to its"
        f" datatype '{datatype}' - The {constraint} constraint failed."
    )


@pytest.mark.parametrize(
    ("xml", "detail"),
    [
        (
            request_xml(version="2.2"),
            "Could not find schema information for the element"
            " 'http://ksef.mf.gov.pl/auth/token/2.2:AuthTokenRequest'.",
        ),
        (
            request_xml().replace(f' xmlns="{_NS}"', ""),
            "Could not find schema information for the element 'AuthTokenRequest'.",
        ),
        (
            request_xml(context=f"<Nip> {NIP}</Nip>"),
            _invalid("Nip", f" {NIP}", f"{_NS}:TNIP", "Pattern"),
        ),
        (
            request_xml(context="<Nip>0000000000</Nip>"),
            _invalid("Nip", "0000000000", f"{_NS}:TNIP", "Pattern"),
        ),
        (
            request_xml(challenge="20260301-AU-0123456789-ABCDEF0123-4F"),
            _invalid("Challenge", "20260301-AU-0123456789-ABCDEF0123-4F", "Token", "Pattern"),
        ),
        (
            request_xml(subject="certificate"),
            _invalid(
                "SubjectIdentifierType", "certificate", f"{_NS}:SubjectIdentifierTypeEnum", "Enumeration"
            ),
        ),
        (request_xml(attributes=' Id="root"'), "The 'Id' attribute is not declared."),
        (
            request_xml(policy="<AuthorizationPolicy/>"),
            f"The element 'AuthorizationPolicy' in namespace '{_NS}' has incomplete content."
            f" List of possible elements expected: 'AllowedIps' in namespace '{_NS}'.",
        ),
    ],
)
def test_what_the_schema_does_not_allow_is_refused_in_the_validators_words(xml: str, detail: str) -> None:
    report = refused(Signer(request=xml).sign(), Check.SCHEMA, Code.SCHEMA)
    assert report.failure is not None
    assert report.failure.consequence == Refusal(Code.SCHEMA, (detail,))
    if _OFFICIAL.is_file():
        told = Schema(_OFFICIAL).faults(etree.fromstring(xml))
        assert [fault.message for fault in told] == [detail]


def test_the_other_checks_are_made_in_spite_of_the_schema() -> None:
    report = verify(Signer(request=request_xml(subject="certificate")).sign(), at=NOW)
    assert report.passed(Check.SIGNATURE_VALUE)
    assert report.passed(Check.VALIDITY)


def test_text_after_the_signature_is_not_overlooked() -> None:
    def add(root: etree._Element) -> None:
        root[-1].tail = "text"

    refused(Signer(prepare=add).sign(), Check.SCHEMA, Code.SCHEMA)


def test_digits_that_are_not_ascii_pass_the_schema_and_are_refused_all_the_same() -> None:
    arabic = "526587763\u0665"
    report = refused(
        Signer(request=request_xml(context=f"<Nip>{arabic}</Nip>")).sign(), Check.SCHEMA, Code.VALIDATION
    )
    assert "digits other than" in report.of(Check.SCHEMA)[0].reason
