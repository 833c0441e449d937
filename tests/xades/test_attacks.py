"""Documents that somebody has tampered with are refused, whatever part of them still verifies."""

from __future__ import annotations

import copy
import hashlib
import hmac
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from ksef_mock.core.codes import Code
from ksef_mock.core.identifiers import Identifier
from ksef_mock.xades import Check, Report, read, verify
from tests.xades import signer
from tests.xades.signer import (
    DS,
    NIP,
    NOW,
    NS,
    XADES,
    Reference,
    Signer,
    Transform,
    canonical,
    credentials,
    enveloped_reference,
    key_info,
    properties_reference,
    request_xml,
)

FORGED_NIP = "1111111111"
FORGED = request_xml(context=f"<Nip>{FORGED_NIP}</Nip>")


def refused(document: bytes, check: Check, code: Code = Code.INVALID_SIGNATURE) -> Report:
    report = verify(document, at=NOW)
    failure = report.failure
    assert failure is not None
    assert failure.check is check, failure
    assert getattr(failure.consequence, "code", None) is code
    return report


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    assert isinstance(found[0], etree._Element)
    return found[0]


def altered(document: bytes, change: Callable[[etree._Element], etree._Element | None]) -> bytes:
    """The document after a change of its tree; `change` returns the new root where it makes one."""
    root = etree.fromstring(document)
    changed = change(root)
    return etree.tostring(root if changed is None else changed)


def test_the_original_moved_into_an_object_does_not_vouch_for_a_forged_request() -> None:
    def change(root: etree._Element) -> etree._Element:
        forged = etree.fromstring(FORGED)
        signature = find(root, "//ds:Signature")
        forged.append(signature)
        etree.SubElement(signature, f"{{{DS}}}Object").append(root)
        return forged

    refused(altered(Signer().sign(), change), Check.FORM, Code.INVALID_DOCUMENT)


def test_a_signed_element_moved_away_does_not_vouch_for_what_took_its_place() -> None:
    """Classic wrapping: the reference by Id still finds the original, the reader would find the forgery."""

    def change(root: etree._Element) -> None:
        original = find(root, "ds:Object[@Id='object']")
        forged = copy.deepcopy(original)
        forged.set("Id", "other")
        find(forged, ".//*[local-name()='Nip']").text = FORGED_NIP
        root.replace(original, forged)
        etree.SubElement(root, f"{{{DS}}}Object").append(original)

    refused(altered(Signer(form="enveloping").sign(), change), Check.FORM, Code.INVALID_DOCUMENT)


def test_a_reference_to_something_else_does_not_cover_the_request() -> None:
    """One AuthTokenRequest only, but the signed reference speaks of another ds:Object."""

    def add(root: etree._Element) -> None:
        etree.SubElement(root, f"{{{DS}}}Object", {"Id": "decoy"}).text = "signed"

    references = [Reference("#decoy"), properties_reference()]
    signed = Signer(form="enveloping", references=references, prepare=add).sign()
    report = refused(signed, Check.REFERENCES)
    assert report.passed(Check.SIGNATURE_VALUE)
    assert [facts.covers for facts in report.facts.references] == ["other", "signed properties"]


@pytest.mark.parametrize("references", [[], [properties_reference()]])
def test_a_request_that_no_reference_names_is_refused(references: list[Reference]) -> None:
    report = verify(Signer(references=references).sign(), at=NOW)
    assert report.failure is not None
    assert getattr(report.failure.consequence, "code", None) is Code.INVALID_SIGNATURE


def test_a_duplicated_id_is_refused_wherever_its_second_element_stands() -> None:
    for path in ("ds:KeyInfo", "ds:SignatureValue", "ds:Object[@Id='object']/*"):

        def change(root: etree._Element, path: str = path) -> None:
            find(root, path).set("Id", "object")

        report = verify(altered(Signer(form="enveloping").sign(), change), at=NOW)
        failures = [result for result in report.of(Check.REFERENCES) if result.consequence is not None]
        assert "2 elements have the Id 'object'" in failures[0].reason


@pytest.mark.parametrize("attribute", ["ID", "id", "{http://www.w3.org/XML/1998/namespace}id"])
def test_ids_of_other_spellings_count_as_duplicates(attribute: str) -> None:
    def change(root: etree._Element) -> None:
        find(root, "ds:KeyInfo").set(attribute, "object")

    refused(altered(Signer(form="enveloping").sign(), change), Check.REFERENCES)


def test_a_wrapped_root_is_refused() -> None:
    def change(root: etree._Element) -> etree._Element:
        wrapper = etree.Element("wrapper")
        wrapper.append(root)
        return wrapper

    refused(altered(Signer().sign(), change), Check.FORM, Code.INVALID_DOCUMENT)
    refused(altered(Signer(form="enveloping").sign(), change), Check.FORM, Code.INVALID_DOCUMENT)


@pytest.mark.parametrize("namespace", ["http://ksef.mf.gov.pl/auth/token/2.1", "urn:other", ""])
@pytest.mark.parametrize("form", ["enveloped", "enveloping"])
def test_a_second_request_is_refused(form: str, namespace: str) -> None:
    def change(root: etree._Element) -> None:
        holder = root if form == "enveloped" else etree.SubElement(root, f"{{{DS}}}Object")
        forged = etree.fromstring(FORGED.replace("http://ksef.mf.gov.pl/auth/token/2.1", namespace))
        holder.insert(0, forged)

    refused(altered(Signer(form=form).sign(), change), Check.FORM, Code.INVALID_DOCUMENT)


def test_a_detached_signature_is_refused() -> None:
    def change(root: etree._Element) -> etree._Element:
        signature = find(root, "//ds:Signature")
        both = etree.Element("both")
        both.extend([root, signature])
        return both

    refused(altered(Signer().sign(), change), Check.FORM, Code.INVALID_DOCUMENT)

    def alone(root: etree._Element) -> etree._Element:
        return find(root, "//ds:Signature")

    refused(altered(Signer().sign(), alone), Check.FORM, Code.INVALID_DOCUMENT)


def test_a_request_in_the_unsigned_properties_is_refused() -> None:
    unsigned = (
        f"<xades:UnsignedProperties><xades:UnsignedSignatureProperties>{FORGED}"
        "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    refused(Signer(unsigned=unsigned).sign(), Check.FORM, Code.INVALID_DOCUMENT)


def test_a_second_signature_is_refused_and_a_countersignature_is_not_one() -> None:
    inner = f'<ds:Signature xmlns:ds="{DS}"/>'
    properties = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>{}"
        "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    countersigned = properties.format(f"<xades:CounterSignature>{inner}</xades:CounterSignature>")
    assert verify(Signer(unsigned=countersigned).sign(), at=NOW).ok
    refused(Signer(unsigned=properties.format(inner)).sign(), Check.ONE_SIGNATURE, Code.TOO_MANY_SIGNATURES)
    twice = Signer().sign().replace(b"</AuthTokenRequest>", inner.encode() + b"</AuthTokenRequest>")
    refused(twice, Check.ONE_SIGNATURE, Code.TOO_MANY_SIGNATURES)
    refused(request_xml().encode(), Check.ONE_SIGNATURE, Code.NO_SIGNATURE)


def test_a_countersignature_smuggled_into_the_request_is_not_valid_there() -> None:
    smuggled = (
        f'<x:UnsignedSignatureProperties xmlns:x="{XADES}"><x:CounterSignature><s:Signature xmlns:s="{DS}">'
        "</s:Signature></x:CounterSignature></x:UnsignedSignatureProperties>"
    )
    signed = Signer().sign().replace(b"<Challenge>", smuggled.encode() + b"<Challenge>")
    refused(signed, Check.SCHEMA, Code.SCHEMA)


def test_signed_properties_that_no_reference_covers_are_refused() -> None:
    report = refused(Signer(references=[enveloped_reference()]).sign(), Check.SIGNED_PROPERTIES)
    assert report.passed(Check.REFERENCES)
    assert report.passed(Check.SIGNATURE_VALUE)


def test_a_reference_to_signed_properties_needs_its_type() -> None:
    references = [enveloped_reference(), Reference("#props")]
    refused(Signer(references=references).sign(), Check.SIGNED_PROPERTIES)


def test_the_typed_reference_must_name_the_properties_of_this_signature() -> None:
    def decoy(root: etree._Element) -> None:
        holder = etree.SubElement(find(root, "//ds:Signature"), f"{{{DS}}}Object")
        etree.SubElement(holder, f"{{{XADES}}}SignedProperties", {"Id": "decoy"})

    references = [enveloped_reference(), Reference("#decoy", (), signer.SIGNED_PROPERTIES)]
    refused(Signer(references=references, prepare=decoy).sign(), Check.SIGNED_PROPERTIES)


def test_signed_properties_cut_out_by_their_own_transform_are_not_covered() -> None:
    reference = Reference("#props", (signer.NOT_SIGNATURE,), signer.SIGNED_PROPERTIES, octets=lambda _: b"")
    report = refused(Signer(references=[enveloped_reference(), reference]).sign(), Check.SIGNED_PROPERTIES)
    assert report.passed(Check.REFERENCES)


def test_a_second_set_of_signed_properties_is_refused() -> None:
    def change(root: etree._Element) -> None:
        properties = find(root, "//xades:SignedProperties")
        properties.addprevious(copy.deepcopy(properties))
        find(root, "//xades:SignedProperties[1]").set("Id", "first")

    refused(altered(Signer().sign(), change), Check.SIGNED_PROPERTIES)


def test_a_signing_certificate_of_somebody_else_is_refused() -> None:
    other = credentials("ec", name="Anna Nowak")
    for version in (1, 2):
        signed = Signer(signing_certificate=[version], certificate_octets=lambda _: other.der).sign()
        report = refused(signed, Check.SIGNING_CERTIFICATE)
        assert report.passed(Check.SIGNATURE_VALUE)


def test_both_versions_of_the_signing_certificate_must_be_right() -> None:
    assert verify(Signer(signing_certificate=[1, 2]).sign(), at=NOW).ok
    other = credentials("ec", name="Anna Nowak").der

    def swap(root: etree._Element) -> None:
        value = find(root, "//xades:SigningCertificateV2//ds:DigestValue")
        value.text = signer.b64(signer.hashed(signer.DIGESTS[signer.SHA256], other))

    refused(Signer(signing_certificate=[1, 2], prepare=swap).sign(), Check.SIGNING_CERTIFICATE)


def test_a_swapped_key_info_is_refused() -> None:
    other = credentials("ec", name="Anna Nowak")
    signed = Signer().sign()
    swapped = signed.replace(signer.b64(credentials().der).encode(), signer.b64(other.der).encode())
    assert swapped != signed
    refused(swapped, Check.SIGNATURE_VALUE)


def test_a_certificate_with_the_same_key_but_another_name_is_refused() -> None:
    """The value verifies with it; only the signed digest of the certificate tells."""
    forged = signer.certify(credentials().key, "Anna Nowak").public_bytes(Encoding.DER)
    swapped = Signer(key_info=key_info(forged)).sign()
    report = refused(swapped, Check.SIGNING_CERTIFICATE)
    assert report.passed(Check.SIGNATURE_VALUE)


def test_the_signing_certificate_is_found_among_others_in_key_info() -> None:
    other = credentials("ec", name="Anna Nowak")
    for ders in ((other.der, credentials().der), (credentials().der, other.der)):
        report = verify(Signer(key_info=key_info(*ders)).sign(), at=NOW)
        assert report.ok
        assert report.certificate == credentials().certificate
        assert report.other_certificates == (other.certificate,)


@pytest.mark.parametrize(
    "injected", [b"5265877635<!-- -->-12345", b"526<!---->5877635-12345", b"5265877635-1234<?pi?>5"]
)
def test_a_comment_in_a_value_is_refused(injected: bytes) -> None:
    """Were the text after the comment lost, a signed 5265877635-12345 could be read as 5265877635."""
    signed = Signer(request=request_xml(context=f"<InternalId>{NIP}-12345</InternalId>")).sign()
    document = signed.replace(b"5265877635-12345", injected)
    refused(document, Check.SCHEMA, Code.INVALID_DOCUMENT)
    # What is read is still what was signed, so the rest of the report is about that.
    request = read(document).request
    assert request is not None
    assert request.context == Identifier("InternalId", f"{NIP}-12345")


def test_a_comment_between_elements_is_accepted() -> None:
    signed = Signer().sign()
    assert verify(signed.replace(b"<Nip>", b"<!-- whose context --><Nip>"), at=NOW).ok


def test_a_comment_is_noticed_where_comments_are_signed() -> None:
    references = [
        Reference("#xpointer(/)", (Transform(signer.ENVELOPED), Transform(f"{signer.EXC}WithComments"))),
        properties_reference(),
    ]
    signed = Signer(references=references).sign()
    assert verify(signed, at=NOW).ok
    refused(signed.replace(b"<Nip>", b"<!-- --><Nip>"), Check.REFERENCES)


def test_a_comment_that_hides_a_digit_is_refused() -> None:
    signed = Signer().sign()
    hidden = signed.replace(NIP.encode(), f"{NIP[:-1]}<!--{NIP[-1]}-->0".encode())
    refused(hidden, Check.SCHEMA, Code.INVALID_DOCUMENT)


@pytest.mark.parametrize(
    "transform",
    [
        Transform("http://www.w3.org/TR/1999/REC-xslt-19991116", "<x:stylesheet xmlns:x='urn:x'/>"),
        Transform(signer.XPATH, "<ds:XPath>true()</ds:XPath>"),
        Transform(signer.XPATH, "<ds:XPath>not(ancestor-or-self::ds:Signature) or self::text()</ds:XPath>"),
        Transform(signer.XPATH, "<ds:XPath xmlns:ds='urn:o'>not(ancestor-or-self::ds:Signature)</ds:XPath>"),
        Transform(signer.XPATH, "<ds:XPath>not(ancestor-or-self::x:Signature)</ds:XPath>"),
        Transform(signer.XPATH, "<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>" * 2),
        Transform(signer.XPATH, "<ds:XPath>document('file:///etc/passwd')</ds:XPath>"),
        Transform(signer.XPATH),
        signer.xpath_filter("//*[local-name()='Nip']"),
        signer.xpath_filter("/descendant::ds:Signature", "union"),
        signer.xpath_filter("/descendant::ds:Signature", "intersect"),
        signer.xpath_filter("//x:Signature"),
        Transform(signer.ENVELOPED, "<other/>"),
        Transform(signer.EXC, "<other/>"),
        Transform(signer.C14N, f'<c:InclusiveNamespaces xmlns:c="{signer.EXC}" PrefixList="ds"/>'),
        Transform("http://www.w3.org/2000/09/xmldsig#Manifest"),
        Transform(""),
    ],
)
def test_transforms_that_are_not_allowed_are_refused(transform: Transform) -> None:
    for transforms in ((transform,), (Transform(signer.ENVELOPED), transform)):
        report = verify(
            Signer(references=[enveloped_reference(*transforms), properties_reference()]).sign(), at=NOW
        )
        assert report.failure is not None
        assert report.failure.check is Check.TRANSFORMS
        assert getattr(report.failure.consequence, "code", None) is Code.INVALID_SIGNATURE


def test_a_reference_cannot_have_any_number_of_transforms() -> None:
    for count, good in ((4, True), (5, False)):
        transforms = (Transform(signer.ENVELOPED), *[Transform(signer.EXC)] * count)
        report = verify(
            Signer(references=[enveloped_reference(*transforms), properties_reference()]).sign(), at=NOW
        )
        assert report.ok is good


def test_a_signature_cannot_have_any_number_of_references() -> None:
    ten = [*[enveloped_reference()] * 9, properties_reference()]
    assert verify(Signer(references=ten).sign(), at=NOW).ok
    refused(Signer(references=[*ten, enveloped_reference()]).sign(), Check.ONE_SIGNATURE)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:{port}/request.xml",
        "file://{path}",
        "{path}",
        "request.xml",
        "ftp://127.0.0.1:{port}/",
        "#xpointer(//*)",
        "#xpointer(id('a')/b)",
        "#element(/1)",
        "#",
        "#nothing",
        None,
    ],
)
def test_a_uri_never_leads_out_of_the_document(uri: str | None, tmp_path: Path) -> None:
    target = tmp_path / "request.xml"
    target.write_text(request_xml())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        resolved = None if uri is None else uri.format(port=port, path=target)
        external = Reference(resolved, octets=lambda _: target.read_bytes())
        references = [enveloped_reference(), external, properties_reference()]
        report = refused(Signer(references=references).sign(), Check.REFERENCES)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert report.passed(Check.SIGNATURE_VALUE)


def test_an_empty_signed_info_is_refused() -> None:
    def empty(root: etree._Element) -> None:
        find(root, "//ds:SignedInfo").clear()

    refused(altered(Signer().sign(), empty), Check.ONE_SIGNATURE)


def test_zero_references_are_refused_although_the_value_is_right() -> None:
    report = refused(Signer(references=[]).sign(), Check.ONE_SIGNATURE)
    assert "signs nothing" in report.of(Check.ONE_SIGNATURE)[0].reason


@pytest.mark.parametrize("name", ["SignedInfo", "SignatureValue", "KeyInfo"])
def test_a_part_of_the_signature_that_stands_twice_is_refused(name: str) -> None:
    def change(root: etree._Element) -> None:
        part = find(root, f"//ds:{name}")
        part.addprevious(copy.deepcopy(part))

    refused(altered(Signer().sign(), change), Check.ONE_SIGNATURE)


@pytest.mark.parametrize(
    "name", ["SignedInfo", "SignatureValue", "Reference", "DigestValue", "SignatureMethod"]
)
def test_a_part_of_the_signature_that_is_missing_is_refused(name: str) -> None:
    def change(root: etree._Element) -> None:
        for part in root.findall(f".//ds:{name}", NS):
            parent = part.getparent()
            assert parent is not None
            parent.remove(part)

    refused(altered(Signer().sign(), change), Check.ONE_SIGNATURE)


def test_elements_that_do_not_belong_into_signed_info_are_refused() -> None:
    def change(root: etree._Element) -> None:
        find(root, "//ds:Reference").append(etree.Element("surprise"))

    refused(altered(Signer().sign(), change), Check.ONE_SIGNATURE)


def test_an_hmac_keyed_with_the_public_certificate_is_refused() -> None:
    def forge(root: etree._Element) -> None:
        octets = canonical(find(root, "//ds:SignedInfo"), signer.EXC)
        value = hmac.new(credentials().der, octets, hashlib.sha256).digest()
        find(root, "//ds:SignatureValue").text = signer.b64(value)

    signed = Signer(method=f"{signer.MORE_2001}hmac-sha256", finish=forge).sign()
    report = refused(signed, Check.ALGORITHMS)
    assert not report.passed(Check.SIGNATURE_VALUE)


def test_a_key_value_beside_the_certificate_must_be_its_key() -> None:
    for kind in ("rsa", "ec"):
        for name, good in (("Jan Kowalski", True), ("Anna Nowak", False)):
            bare = key_value(credentials(kind, name=name))
            for extra in bare:
                own = credentials(kind)
                signed = Signer(own, key_info=key_info(own.der, extra=extra)).sign()
                if good:
                    assert verify(signed, at=NOW).ok
                else:
                    refused(signed, Check.KEY_INFO)
    refused(Signer(key_info=key_info(credentials().der, extra="<ds:KeyValue/>")).sign(), Check.KEY_INFO)


def key_value(owner: signer.Credentials) -> list[str]:
    """The owner's public key in the two ways in which KeyInfo can have it bare."""
    public = owner.key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ds11 = "http://www.w3.org/2009/xmldsig11#"
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        modulus = signer.b64(numbers.n.to_bytes(256, "big"))
        exponent = signer.b64(numbers.e.to_bytes(3, "big"))
        value = (
            f"<ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus>"
            f"<ds:Exponent>{exponent}</ds:Exponent></ds:RSAKeyValue>"
        )
    else:
        point = signer.b64(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        value = (
            f'<e:ECKeyValue xmlns:e="{ds11}"><e:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
            f"<e:PublicKey>{point}</e:PublicKey></e:ECKeyValue>"
        )
    return [
        f"<ds:KeyValue>{value}</ds:KeyValue>",
        f'<e:DEREncodedKeyValue xmlns:e="{ds11}">{signer.b64(der)}</e:DEREncodedKeyValue>',
    ]


def test_a_schema_location_in_the_document_is_never_followed(tmp_path: Path) -> None:
    """libxml2 would read the file and let its declarations take part in the validation."""
    namespace = "http://ksef.mf.gov.pl/auth/token/2.1"
    schema = tmp_path / "own.xsd"
    schema.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:own">'
        '<xs:element name="x"/></xs:schema>'
    )
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    for location in (f"{namespace} file:///nonexistent", f"urn:own {schema}"):
        attributes = f' xmlns:xsi="{xsi}" xsi:schemaLocation="{location}"'
        assert verify(Signer(request=request_xml(attributes=attributes)).sign(), at=NOW).ok
        attributes += ' xsi:noNamespaceSchemaLocation="file:///nonexistent"'
        assert verify(Signer(request=request_xml(attributes=attributes)).sign(), at=NOW).ok
