"""Other people's implementations agree: xmlsec1 and xmlsec on the plain signature, signxml as a signer."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.xades.xades import XAdESDataObjectFormat, XAdESSigner

from ksef_mock.xades import Check, Report, verify
from ksef_mock.xades.canonical import METHODS, Selection, canonicalize
from tests.xades import signer
from tests.xades.signer import C14N11, NIP, NOT_SIGNATURE, NOW, Reference, Signer, Transform, credentials
from tests.xades.xmlsec1 import needs_xmlsec1, xmlsec1_accepts


def plain_signature_holds(report: Report) -> bool:
    """Our verdict on what xmlsec1 looks at: the digests and the value."""
    return report.passed(Check.REFERENCES) and report.passed(Check.SIGNATURE_VALUE)


def tampered(document: bytes) -> list[bytes]:
    return [
        document.replace(NIP.encode(), b"5265877636"),
        document.replace(b"11:59:00Z", b"11:59:01Z"),
        document.replace(b"<Challenge>", b"<Challenge> "),
        document.replace(b"SignatureMethod><", b"SignatureMethod> <"),
        document.replace(b"certificateSubject", b"certificateFingerprint"),
    ]


def documents() -> dict[str, bytes]:
    """Signatures of many kinds, as far as the oldest xmlsec1 in use knows the algorithms."""
    made = {}
    for kind, form, c14n, prefix in product(
        ("rsa", "ec"), ("enveloped", "enveloping"), (signer.C14N, C14N11, signer.EXC), ("ds", "")
    ):
        content = (
            signer.enveloped_reference(Transform(signer.ENVELOPED), Transform(c14n))
            if form == "enveloped"
            else Reference("#object", (Transform(c14n),))
        )
        references = [content, signer.properties_reference(Transform(c14n))]
        made[f"{kind} {form} {c14n} {prefix or 'without a prefix'}"] = Signer(
            credentials(kind), form=form, c14n=c14n, references=references, prefix=prefix
        ).sign()
    for name, transforms in {
        "no transforms": (Transform(signer.ENVELOPED),),
        "xpath": (NOT_SIGNATURE,),
        "filter": (signer.xpath_filter("/descendant::ds:Signature"),),
    }.items():
        references = [signer.enveloped_reference(*transforms), signer.properties_reference()]
        made[name] = Signer(references=references).sign()
    made["pretty"] = Signer(prepare=lambda root: etree.indent(root)).sign()
    made["beside the root"] = Signer(request=f"<?pi x?><!-- c -->{signer.request_xml()}").sign()
    made["put beside the root"] = Signer(declaration='<?xml version="1.0"?><?pi x?>').sign()
    return made


@needs_xmlsec1
@pytest.mark.parametrize("name", documents())
def test_xmlsec1_agrees_on_good_and_tampered_signatures(name: str, tmp_path: Path) -> None:
    good = documents()[name]
    for document in (good, *tampered(good)):
        assert xmlsec1_accepts(document, tmp_path) == plain_signature_holds(verify(document, at=NOW))


@needs_xmlsec1
@pytest.mark.parametrize("uri", [signer.C14N, C14N11, signer.EXC])
@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ('xml:lang="pl" xml:space="preserve"', ""),
        ('xml:lang="pl" xml:space="preserve"', 'xml:lang="en"'),
        ('xml:base="http://x/y/z"', ""),
        ('xml:base="http://x/y/z"', 'xml:base="a/b"'),
        ('xml:base="http://x/y/z"', 'xml:base="../../../b/."'),
        ('xml:base="http://x/y/z"', 'xml:base="/b"'),
        ('xml:base="x/y/"', 'xml:base="../b"'),
        ("", 'xml:base="x/../y"'),
        ('xml:id="outer"', 'xml:id="inner"'),
        ('xml:id="outer" xml:lang="pl"', ""),
    ],
)
def test_xmlsec1_agrees_on_what_a_part_inherits(outer: str, inner: str, uri: str, tmp_path: Path) -> None:
    """The digest is of our canonical octets: xmlsec1 accepts it only if its own are the same."""

    def octets(root: etree._Element) -> bytes:
        (found,) = root.iterfind("ds:Object[@Id='object']", signer.NS)
        return canonicalize(Selection(found), METHODS[uri])

    def write(root: etree._Element) -> None:
        (found,) = root.iterfind("ds:Object[@Id='object']", signer.NS)
        for element, text in ((root, outer), (found, inner)):
            for name, value in etree.fromstring(f"<a {text}/>").items():
                element.set(name, value)

    reference = Reference("#object", (Transform(uri),), octets=octets)
    references = [reference, signer.properties_reference(Transform(signer.EXC))]
    signed = Signer(form="enveloping", references=references, prepare=write).sign()
    assert plain_signature_holds(verify(signed, at=NOW))
    assert xmlsec1_accepts(signed, tmp_path)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("digest", [DigestAlgorithm.SHA256, DigestAlgorithm.SHA3_384, DigestAlgorithm.SHA512])
@pytest.mark.parametrize(
    "c14n",
    [CanonicalizationMethod.CANONICAL_XML_1_0, CanonicalizationMethod.CANONICAL_XML_1_1],
)
def test_documents_signed_by_signxml_are_accepted(
    kind: str, digest: DigestAlgorithm, c14n: CanonicalizationMethod
) -> None:
    signed = sign_with_signxml(kind, digest, c14n)
    report = verify(signed, at=datetime.now(UTC))  # signxml takes its signing time from the system
    assert report.failure is None
    assert report.certificate == credentials(kind).certificate
    for altered in (
        signed.replace(NIP.encode(), b"5265877636"),
        signed.replace(b"certificateSubject", b"certificateFingerprint"),
    ):
        assert altered != signed
        assert not verify(altered, at=datetime.now(UTC)).passed(Check.REFERENCES)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_exclusive_c14n_by_signxml_is_explained(kind: str) -> None:
    """It then hashes SignedProperties in the exclusive form, but writes no Transform that says so."""
    exclusive = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    report = verify(sign_with_signxml(kind, DigestAlgorithm.SHA256, exclusive), at=datetime.now(UTC))
    assert report.failure is not None
    assert report.failure.check is Check.REFERENCES
    assert report.failure.explanation is not None
    assert report.failure.explanation.startswith(f"canonicalised by {signer.EXC} instead of {signer.C14N}")
    assert report.passed(Check.SIGNATURE_VALUE)


def sign_with_signxml(kind: str, digest: DigestAlgorithm, c14n: CanonicalizationMethod) -> bytes:
    method = SignatureMethod.RSA_SHA256 if kind == "rsa" else SignatureMethod.ECDSA_SHA256
    xades = XAdESSigner(
        signature_algorithm=method,
        digest_algorithm=digest,
        c14n_algorithm=c14n,
        data_object_format=XAdESDataObjectFormat(Description="AuthTokenRequest", MimeType="text/xml"),
    )
    key = credentials(kind).key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = credentials(kind).certificate.public_bytes(Encoding.PEM).decode()
    root = etree.fromstring(signer.request_xml().encode())
    return etree.tostring(xades.sign(root, key=key, cert=certificate))
