"""The usual mistakes are named, because recomputing proves them; without a proof nothing is said."""

from __future__ import annotations

import codecs
import copy
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from ksef_mock.core.codes import Code
from ksef_mock.xades import Check, CheckResult, Refusal, verify
from tests.xades import signer
from tests.xades.signer import (
    DIGESTS,
    NIP,
    NOW,
    NS,
    SHA256,
    Reference,
    Signer,
    Transform,
    b64,
    canonical,
    credentials,
    enveloped_reference,
    hashed,
    key_info,
    properties_reference,
    request_xml,
    without_signature,
)


def failure(document: bytes, check: Check) -> CheckResult:
    found = verify(document, at=NOW).failure
    assert found is not None
    assert found.check is check, found
    return found


def explained(document: bytes, check: Check = Check.REFERENCES) -> str:
    explanation = failure(document, check).explanation
    assert explanation is not None
    return explanation


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    assert isinstance(found[0], etree._Element)
    return found[0]


def digest_of(octets: Callable[[etree._Element], bytes]) -> Signer:
    """A signer that hashes `octets` of the tree where the digest of the request belongs."""
    transforms = (Transform(signer.ENVELOPED), Transform(signer.C14N))
    return Signer(references=[Reference("", transforms, octets=octets), properties_reference()])


def bare(root: etree._Element) -> bytes:
    return canonical(without_signature(root), signer.C14N)


# ---- digests of references


def test_a_wrong_digest_names_the_reference_as_ksef_does() -> None:
    result = failure(Signer().sign().replace(NIP.encode(), b"5265877636"), Check.REFERENCES)
    detail = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element ''."
    assert result.consequence == Refusal(Code.INVALID_SIGNATURE, (detail,))
    assert set(result.evidence) == {"stated", "computed"}
    assert result.explanation is None

    result = failure(Signer().sign().replace(b"11:59:00Z", b"11:59:01Z"), Check.REFERENCES)
    detail = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element 'props'."
    assert result.consequence == Refusal(Code.INVALID_SIGNATURE, (detail,))


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
def test_pretty_printing_before_or_after_signing(indent: str) -> None:
    signed = Signer().sign()
    root = etree.fromstring(signed)
    etree.indent(root, indent)
    assert "added after signing" in explained(etree.tostring(root))

    def pretty(root: etree._Element) -> bytes:
        copied = without_signature(root)
        etree.indent(copied, indent)
        return canonical(copied, signer.C14N)

    assert "removed after signing" in explained(digest_of(pretty).sign())


@pytest.mark.parametrize("where", ["<?tool made?>{}", "{}<?tool made?>"])
def test_what_was_put_beside_the_root(where: str) -> None:
    head, root = Signer().sign().decode().split("?>", 1)
    assert "beside the root" in explained(f"{head}?>{where.format(root)}".encode())


def test_white_space_around_or_inside_values() -> None:
    spaced = Signer().sign().replace(b"<Nip>", b"<Nip>\n ").replace(b"</Nip>", b"\n </Nip>")
    report = verify(spaced, at=NOW)
    assert report.of(Check.REFERENCES)[0].explanation == "white space around values was added after signing"

    def broken_lines(root: etree._Element) -> None:
        value = find(root, "//xades:CertDigest/ds:DigestValue")
        text = value.text or ""
        value.text = f"{text[:20]}\n{text[20:]}"

    assert "line breaks were put into base64" in explained(Signer(finish=broken_lines).sign())


@pytest.mark.parametrize("c14n", [signer.C14N, signer.C14N11])
def test_what_lxml_makes_of_the_default_namespace_of_a_part(c14n: str) -> None:
    """Other implementations never write the xmlns="" that it puts two levels below the part."""
    roots: list[etree._Element] = []

    def in_place(octets: bytes) -> bytes:
        made = etree.tostring(find(roots[0], "//ds:SignedInfo"), method="c14n", with_comments=False)
        assert made != octets
        return made

    wrong = Signer(prefix="", c14n=c14n, prepare=roots.append, to_sign=in_place).sign()
    assert "lxml canonicalised the SignedInfo" in explained(wrong, Check.SIGNATURE_VALUE)
    assert verify(Signer(prefix="", c14n=c14n).sign(), at=NOW).ok


def test_line_ends() -> None:
    multiline = request_xml().replace("><", ">\n<")
    crlf = Signer(
        request=multiline,
        references=[
            Reference(
                "", (Transform(signer.ENVELOPED),), octets=lambda root: bare(root).replace(b"\n", b"\r\n")
            ),
            properties_reference(),
        ],
    )
    assert "CRLF line ends, which any XML parser turns into LF" in explained(crlf.sign())
    kept = Signer(
        request=multiline,
        references=[
            Reference(
                "", (Transform(signer.ENVELOPED),), octets=lambda root: bare(root).replace(b"\n", b"&#xD;\n")
            ),
            properties_reference(),
        ],
    )
    assert explained(kept.sign()) == "signed with CRLF line ends, sent with LF"
    sent = Signer(request=multiline).sign().replace(b">\n<", b">&#13;\n<")
    assert "carriage returns as &#13;" in explained(sent)
    assert "a newline at the end" in explained(digest_of(lambda root: bare(root) + b"\n").sign())


def test_bytes_that_were_not_canonicalised() -> None:
    mark = codecs.BOM_UTF8
    assert "byte order mark" in explained(digest_of(lambda root: mark + bare(root)).sign())
    declaration = b'<?xml version="1.0" encoding="UTF-8"?>'
    assert "XML declaration" in explained(digest_of(lambda root: declaration + bare(root)).sign())

    empty = request_xml(policy="<AuthorizationPolicy><AllowedIps/></AuthorizationPolicy>")
    transforms = (Transform(signer.ENVELOPED), Transform(signer.EXC))
    raw = Reference("", transforms, octets=lambda root: etree.tostring(without_signature(root)))
    assert "not canonicalised" in explained(
        Signer(request=empty, references=[raw, properties_reference()]).sign()
    )
    file = Reference("", transforms, octets=lambda _: declaration + empty.encode() + b"\n")
    assert "the document's bytes with the signature cut out were hashed, not canonicalised" in explained(
        Signer(request=empty, references=[file, properties_reference()]).sign()
    )


@pytest.mark.parametrize("stated", [signer.C14N, signer.EXC])
def test_another_canonicalisation(stated: str) -> None:
    used = signer.EXC if stated == signer.C14N else signer.C14N
    reference = Reference(
        "#props",
        (Transform(stated),),
        signer.SIGNED_PROPERTIES,
        octets=lambda root: canonical(find(root, "//xades:SignedProperties"), used),
    )
    explanation = explained(Signer(references=[enveloped_reference(), reference]).sign())
    assert explanation.startswith(f"canonicalised by {used} instead of {stated}")


def test_a_forgotten_enveloped_transform() -> None:
    reference = Reference("", (Transform(signer.EXC),))
    explanation = explained(Signer(references=[reference, properties_reference()]).sign())
    assert explanation.endswith(
        "the transform http://www.w3.org/2000/09/xmldsig#enveloped-signature is missing"
    )


def test_signed_properties_hashed_outside_their_namespace_context() -> None:
    def alone(root: etree._Element) -> bytes:
        text = etree.tostring(find(root, "//xades:QualifyingProperties"), method="c14n", exclusive=True)
        return canonical(etree.fromstring(text)[0], signer.C14N)

    def without_default(root: etree._Element) -> bytes:
        octets = canonical(find(root, "//xades:SignedProperties"), signer.C14N)
        return octets.replace(b' xmlns="http://ksef.mf.gov.pl/auth/token/2.1"', b"")

    for octets, said in (
        (alone, "or the SignedProperties was outside its namespace context"),
        (
            without_default,
            "SignedProperties was canonicalised outside its namespace context: without xmlns in scope",
        ),
    ):
        reference = Reference("#props", (), signer.SIGNED_PROPERTIES, octets=octets)
        assert said in explained(Signer(references=[enveloped_reference(), reference]).sign())


def test_a_namespace_declared_after_signing() -> None:
    unnamed = digest_of(
        lambda root: bare(root).replace(b' xmlns="http://ksef.mf.gov.pl/auth/token/2.1"', b"")
    )
    assert "before it got its default namespace" in explained(unnamed.sign())

    signed = digest_of(bare).sign()
    declared = signed.replace(b"<AuthTokenRequest ", b'<AuthTokenRequest xmlns:a="urn:a" xmlns:b="urn:b" ')
    assert "AuthTokenRequest was outside its namespace context" in explained(declared)


@pytest.mark.parametrize("used", [uri for uri in DIGESTS if uri != SHA256])
def test_a_digest_by_another_algorithm(used: str) -> None:
    def other(root: etree._Element) -> None:
        value = find(root, "(//ds:Reference)[1]/ds:DigestValue")
        octets = canonical(without_signature(root), signer.EXC)
        value.text = b64(hashed(DIGESTS[used], octets))

    explanation = explained(Signer(finish=other).sign())
    assert explanation == f"the digest is by {used}, while DigestMethod says {SHA256}"


@pytest.mark.parametrize(
    ("spell", "said"),
    [
        (lambda digest: digest.hex(), "hexadecimal instead of base64"),
        (lambda digest: digest.hex().upper(), "hexadecimal instead of base64"),
        (lambda digest: b64(digest.hex().encode()), "base64 of its hexadecimal form"),
        (lambda digest: b64(digest).rstrip("="), "without its padding"),
    ],
)
def test_a_digest_in_another_spelling(spell: Callable[[bytes], str], said: str) -> None:
    def change(root: etree._Element) -> None:
        value = find(root, "(//ds:Reference)[1]/ds:DigestValue")
        value.text = spell(hashed(hashes.SHA256(), canonical(without_signature(root), signer.EXC)))

    assert said in explained(Signer(finish=change).sign())


def test_line_breaks_in_base64_are_no_mistake() -> None:
    """MIME puts one after 76 characters; only in what is signed must they stand before signing."""

    def wrap(root: etree._Element) -> None:
        for path in ("//ds:SignatureValue", "//ds:X509Certificate"):
            element = find(root, path)
            text = element.text or ""
            element.text = "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76))

    assert verify(Signer(finish=wrap).sign(), at=NOW).ok


def test_nothing_is_said_without_a_proof() -> None:
    assert failure(digest_of(lambda _: b"something else").sign(), Check.REFERENCES).explanation is None


# ---- the signature value


@pytest.mark.parametrize("kind", ["ec", "SECP384R1", "SECP521R1"])
def test_a_der_encoded_ecdsa_value(kind: str) -> None:
    owner = credentials(kind)
    signed = Signer(owner, value=signer.der_value(owner)).sign()
    assert "DER-encoded, it has to be r and s side by side" in explained(signed, Check.SIGNATURE_VALUE)


def test_an_ecdsa_value_without_leading_zeros() -> None:
    """One value in 128 has such an r; sign until one comes up."""
    for _ in range(5000):
        shortened = False

        def strip(value: bytes) -> bytes:
            nonlocal shortened
            r, s = value[:32].lstrip(b"\0"), value[32:].lstrip(b"\0")
            shortened = len(r) + len(s) < 64
            return r + s

        signed = Signer(value=strip).sign()
        if shortened:
            break
    assert shortened
    assert "lacks its leading zeros" in explained(signed, Check.SIGNATURE_VALUE)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize(
    ("to_sign", "said"),
    [
        (lambda octets: hashed(hashes.SHA256(), octets), "was hashed once more before signing"),
        (lambda octets: hashed(hashes.SHA256(), octets).hex().encode(), "in hexadecimal was signed"),
        (lambda octets: b64(hashed(hashes.SHA256(), octets)).encode(), "in base64 was signed"),
        (lambda octets: octets + b"\n", "SignedInfo: signed with a newline at the end"),
    ],
)
def test_something_made_from_signed_info_was_signed(
    kind: str, to_sign: Callable[[bytes], bytes], said: str
) -> None:
    signed = Signer(credentials(kind), to_sign=to_sign).sign()
    assert said in explained(signed, Check.SIGNATURE_VALUE)


def test_the_document_was_signed_instead_of_signed_info() -> None:
    content = canonical(etree.fromstring(request_xml().encode()), signer.EXC)
    signed = Signer(to_sign=lambda _: content).sign()
    assert (
        explained(signed, Check.SIGNATURE_VALUE) == "what reference '' names was signed instead of SignedInfo"
    )
    signed = Signer(to_sign=lambda _: hashed(hashes.SHA256(), content)).sign()
    assert "the digest of reference ''" in explained(signed, Check.SIGNATURE_VALUE)


def test_signed_info_was_canonicalised_otherwise() -> None:
    def other(root: etree._Element) -> None:
        find(root, "//ds:CanonicalizationMethod").set("Algorithm", signer.C14N)

    def sign_exclusively(_: bytes) -> bytes:
        root = etree.fromstring(Signer(prepare=other).sign())
        return canonical(find(root, "//ds:SignedInfo"), signer.EXC)

    signed = Signer(prepare=other, to_sign=sign_exclusively).sign()
    explanation = explained(signed, Check.SIGNATURE_VALUE)
    assert explanation.startswith(f"SignedInfo: canonicalised by {signer.EXC} instead of {signer.C14N}")


def test_signed_info_was_canonicalised_without_its_namespace_context() -> None:
    def alone(octets: bytes) -> bytes:
        return octets.replace(b' xmlns="http://ksef.mf.gov.pl/auth/token/2.1"', b"")

    signed = Signer(c14n=signer.C14N, to_sign=alone).sign()
    assert "outside its namespace context" in explained(signed, Check.SIGNATURE_VALUE)


def test_the_key_of_somebody_else() -> None:
    other = credentials("rsa", name="Anna Nowak")
    own = credentials("rsa")
    signed = Signer(other, key_info=key_info(own.der), certificate_octets=lambda _: own.der).sign()
    assert "not made with the private key of the certificate" in explained(signed, Check.SIGNATURE_VALUE)
    both = key_info(own.der, other.der)
    signed = Signer(other, key_info=both, certificate_octets=lambda _: own.der).sign()
    assert "the key of another certificate in KeyInfo" in explained(signed, Check.SIGNATURE_VALUE)


def test_the_right_key_over_other_octets() -> None:
    signed = Signer(credentials("rsa"), to_sign=lambda _: b"something else").sign()
    assert "made with the private key of the certificate, but" in explained(signed, Check.SIGNATURE_VALUE)


def test_another_method_than_stated() -> None:
    rsa = credentials("rsa")

    def state(uri: str) -> Callable[[etree._Element], None]:
        def change(root: etree._Element) -> None:
            find(root, "//ds:SignatureMethod").set("Algorithm", uri)

        return change

    prepared = Signer(rsa, prepare=state(signer.PKCS1_METHODS[3])).sign()
    assert "PKCS#1 v1.5 with sha256, which is not" in explained(prepared, Check.SIGNATURE_VALUE)
    prepared = Signer(rsa, prepare=state(signer.PSS_METHODS[1])).sign()
    assert "PKCS#1 v1.5 with sha256, which is not" in explained(prepared, Check.SIGNATURE_VALUE)
    pss = Signer(rsa, pss=(hashes.SHA256(), hashes.SHA256(), 32)).sign()
    assert "RSA-PSS with sha256, which is not" in explained(pss, Check.SIGNATURE_VALUE)
    salted = Signer(rsa, method=signer.PSS_METHODS[1], pss=(hashes.SHA256(), hashes.SHA256(), 20)).sign()
    assert "another salt length" in explained(salted, Check.SIGNATURE_VALUE)
    ecdsa = Signer(prepare=state(signer.ECDSA_METHODS[2])).sign()
    assert explained(ecdsa, Check.SIGNATURE_VALUE) == "ECDSA with sha256, SignatureMethod says sha384"


def test_a_value_of_the_wrong_length() -> None:
    signed = Signer(credentials("rsa"), value=lambda value: value[:-1]).sign()
    assert explained(signed, Check.SIGNATURE_VALUE).startswith("SignatureValue has 255 octets")


def test_a_value_in_another_spelling() -> None:
    def respell(change: Callable[[bytes], str]) -> bytes:
        taken: list[bytes] = []

        def take(value: bytes) -> bytes:
            taken.append(value)
            return value

        def write(root: etree._Element) -> None:
            find(root, "//ds:SignatureValue").text = change(taken[0])

        return Signer(value=take, finish=write).sign()

    assert "in hexadecimal" in explained(respell(lambda value: value.hex()), Check.SIGNATURE_VALUE)
    twice = respell(lambda value: b64(b64(value).encode()))
    assert "base64 twice" in explained(twice, Check.SIGNATURE_VALUE)
    unpadded = respell(lambda value: b64(value).rstrip("=").replace("+", "-").replace("/", "_"))
    assert "URL-safe" in explained(unpadded, Check.SIGNATURE_VALUE)


# ---- SigningCertificate


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (lambda c: c.certificate.public_bytes(Encoding.PEM), "PEM text"),
        (lambda c: c.certificate.public_bytes(Encoding.PEM).strip(), "PEM text"),
        (lambda c: c.certificate.public_bytes(Encoding.PEM).replace(b"\n", b"\r\n"), "PEM text"),
        (lambda c: b64(c.der).encode(), "in base64"),
        (
            lambda c: c.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "of the public key",
        ),
        (lambda c: c.certificate.tbs_certificate_bytes, "without its signature"),
    ],
)
def test_a_signing_certificate_digest_of_something_else(
    octets: Callable[[signer.Credentials], bytes], said: str, version: int
) -> None:
    signed = Signer(signing_certificate=[version], certificate_octets=lambda _: octets(credentials())).sign()
    assert said in explained(signed, Check.SIGNING_CERTIFICATE)


def test_a_signing_certificate_digest_in_another_spelling_or_by_another_algorithm() -> None:
    digest = hashed(hashes.SHA256(), credentials().der)
    signed = Signer(certificate_digest=digest.hex()).sign()
    assert "hexadecimal instead of base64" in explained(signed, Check.SIGNING_CERTIFICATE)
    signed = Signer(certificate_digest=b64(hashed(hashes.SHA512(), credentials().der))).sign()
    assert "while DigestMethod says" in explained(signed, Check.SIGNING_CERTIFICATE)
    signed = Signer(certificate_digest=b64(bytes(32))).sign()
    assert failure(signed, Check.SIGNING_CERTIFICATE).explanation is None


# ---- KeyInfo


def test_a_pem_file_inside_x509_certificate() -> None:
    pem = credentials().certificate.public_bytes(Encoding.PEM)
    for text in (pem.decode(), b64(pem)):
        info = key_info(b"?").replace(b64(b"?"), text)
        result = failure(Signer(key_info=info).sign(), Check.KEY_INFO)
        assert result.consequence == Refusal(Code.INVALID_CERTIFICATE)
        assert result.explanation is not None
        assert "PEM file" in result.explanation


@pytest.mark.parametrize(
    ("spell", "said"),
    [
        (lambda der: b64(b64(der).encode()), "base64 twice"),
        (lambda der: der.hex(), "hexadecimal"),
        (lambda der: b64(der).replace("+", "-").replace("/", "_").rstrip("="), "URL-safe"),
        (lambda _: "-----BEGIN PRIVATE KEY-----AA==-----END PRIVATE KEY-----", "PEM file of a private key"),
    ],
)
def test_a_certificate_in_another_spelling(spell: Callable[[bytes], str], said: str) -> None:
    der = credentials().certificate.public_bytes(Encoding.DER)
    info = key_info(b"?").replace(b64(b"?"), spell(der))
    result = failure(Signer(key_info=info).sign(), Check.KEY_INFO)
    assert result.consequence == Refusal(Code.INVALID_CERTIFICATE)
    assert said in (result.explanation or "")


@pytest.mark.parametrize(
    "info", ["", "<ds:KeyInfo/>", key_info(), key_info(b"no certificate"), key_info(b"\x30\x03")]
)
def test_a_missing_or_broken_certificate(info: str) -> None:
    result = failure(Signer(key_info=info).sign(), Check.KEY_INFO)
    assert result.consequence == Refusal(Code.INVALID_CERTIFICATE)
    assert result.explanation is None


# ---- mistakes of encodings, times and templates


def polish() -> bytes:
    """A document with letters beyond ASCII in what is signed."""
    return issued_by("CN=Zażółć gęślą jaźń")


def issued_by(name: str) -> bytes:
    serial = f"<ds:X509IssuerName>{name}</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber>"
    return Signer(issuer_serial=serial).sign()


@pytest.mark.parametrize(
    ("charset", "name"), [("iso-8859-2", "ISO 8859-2"), ("windows-1250", "Windows-1250")]
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_document_that_was_sent_in_another_encoding(charset: str, name: str, declared: bool) -> None:
    text = polish().decode()
    if declared:
        text = text.replace('encoding="UTF-8"', f'encoding="{charset}"')
    result = failure(text.encode(charset), Check.ENCODING)
    assert result.consequence == Refusal(Code.INVALID_ENCODING)
    assert result.explanation == f"the octets are {name}: encoded again in UTF-8 its digests are right"
    tampered = text.replace(NIP, "5265877636").encode(charset)
    assert failure(tampered, Check.ENCODING).explanation is None


@pytest.mark.parametrize("charset", ["iso-8859-1", "iso-8859-2"])
def test_utf_8_that_was_read_as_something_else(charset: str) -> None:
    sent = polish().decode(charset)
    assert f"UTF-8 was read as {charset} and encoded again after signing" == explained(sent.encode())


def test_letters_that_became_question_marks() -> None:
    signed = issued_by("CN=Jóźef")
    sent = signed.replace("Jóźef".encode(), b"J??ef")
    assert "replaced by ?" in explained(sent)
    assert failure(sent.replace(b"J??ef", b"K??ef"), Check.REFERENCES).explanation is None


def test_code_pages_that_leave_octets_undefined() -> None:
    # The Ł is C5 81 in UTF-8, and Windows-1252 has no 81: .NET reads a control character.
    sent = issued_by("CN=Łoś").decode().replace("Łoś", "Å\x81oÅ\u203a")
    assert "UTF-8 was read as windows-1252" in explained(sent.encode())


@pytest.mark.parametrize(
    "lose",
    [
        lambda name: name.encode("ascii", "replace").decode(),
        lambda name: name.encode("latin-1", "replace").decode("latin-1"),
        lambda name: name.encode().decode("ascii", "replace").replace("\ufffd", "?"),
        lambda name: name.encode().decode("ascii", "replace"),
    ],
)
def test_the_certificate_tells_which_letters_were_lost(lose: Callable[[str], str]) -> None:
    name = "Żółcisława Łąkowska"
    serial = f"<ds:X509IssuerName>CN={name}</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber>"
    signed = Signer(credentials=credentials(name=name), issuer_serial=serial).sign().decode()
    sent = signed.replace(name, lose(name))
    assert "replaced by ?" in explained(sent.encode())
    other = sent.replace(lose(name), lose(name).replace("kowska", "nowska"))
    assert failure(other.encode(), Check.REFERENCES).explanation is None


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-03-01T12:59:00Z", "local time of Poland"),
        ("2026-03-01T20:59:00Z", "a place 9 h ahead of UTC"),
        ("2026-03-01T12:30:00Z", None),
        ("2026-03-09T12:00:00Z", None),
    ],
)
def test_local_time_that_was_written_as_utc(time: str, said: str | None) -> None:
    explanation = failure(Signer(signing_time=time).sign(), Check.SIGNING_TIME).explanation
    assert (explanation is None) == (said is None)
    assert said is None or said in (explanation or "")


def test_the_text_of_a_part_instead_of_its_canonical_form() -> None:
    documents: list[bytes] = []

    def text_of(name: bytes) -> bytes:
        begin = documents[0].index(b"<" + name)
        closing = b"</" + name + b">"
        return documents[0][begin : documents[0].index(closing) + len(closing)]

    def remember(root: etree._Element) -> None:
        documents[:] = [etree.tostring(root)]

    properties = Reference(
        "#props",
        (Transform(signer.C14N),),
        signer.SIGNED_PROPERTIES,
        octets=lambda _: text_of(b"xades:SignedProperties"),
    )
    signed = Signer(references=[enveloped_reference(), properties], prepare=remember).sign()
    assert "the text of SignedProperties as it stands" in explained(signed)


@pytest.mark.parametrize("indent", ["  ", "\t"])
def test_a_digest_with_the_signature_left_in(indent: str) -> None:
    def unfinished(root: etree._Element) -> bytes:
        return canonical(root.getroottree(), signer.C14N)

    assert "with the signature in the document, still unfinished" in explained(digest_of(unfinished).sign())

    def indented(root: etree._Element) -> bytes:
        copied = copy.deepcopy(root)
        etree.indent(copied, indent)
        return canonical(without_signature(copied).getroottree(), signer.C14N)

    assert "removed after signing" in explained(digest_of(indented).sign())


@pytest.mark.parametrize("content", ["", "\n    <!-- Tu powinien być podpis XAdES -->\n  "])
def test_the_placeholder_of_the_documentation(content: str) -> None:
    empty = f'<ds:Signature xmlns:ds="{signer.DS}" Id="Signature-1">{content}</ds:Signature>'
    request = request_xml().replace("</AuthTokenRequest>", f"{empty}</AuthTokenRequest>")
    assert "placeholder" in explained(request.encode(), Check.ONE_SIGNATURE)
    both = Signer().sign().replace(b"</AuthTokenRequest>", f"{empty}</AuthTokenRequest>".encode())
    result = failure(both, Check.ONE_SIGNATURE)
    assert result.consequence == Refusal(Code.TOO_MANY_SIGNATURES)
    assert "placeholder" in (result.explanation or "")
    twice = Signer().sign()
    begin, end = twice.index(b"<ds:Signature "), twice.index(b"</AuthTokenRequest>")
    assert failure(twice[:end] + twice[begin:end] + twice[end:], Check.ONE_SIGNATURE).explanation is None


@pytest.mark.parametrize("prefix", ["ds", None])
def test_a_digest_taken_with_an_empty_signature_in_place(prefix: str | None) -> None:
    def with_placeholder(root: etree._Element) -> bytes:
        copied = without_signature(root)
        etree.SubElement(copied, f"{{{signer.DS}}}Signature", nsmap={prefix: signer.DS})  # type: ignore[dict-item]
        return canonical(copied, signer.C14N)

    assert "with an empty Signature" in explained(digest_of(with_placeholder).sign())
