"""No document takes more than a moment, however it is made: what is dear is refused, every search ends.

The processor's time is compared with that of an ordinary verification in the same run.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from ksef_mock.clock import from_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.certificate import load_der_certificate
from ksef_mock.crypto.chain import BrokenChain, build_chain
from ksef_mock.xades import Cause, Check, Report, verify
from ksef_mock.xades.budget import Budget, Spent, cost_of
from ksef_mock.xades.identity import Identification, identify
from tests.xades import signer
from tests.xades.signer import (
    NOT_SIGNATURE,
    NOW,
    RSA_SHA256,
    Credentials,
    Reference,
    Signer,
    Transform,
    certify,
    credentials,
    enveloped_reference,
    key_info,
    properties_reference,
    request_xml,
)

#: An ordinary verification takes a third of a millisecond; a second is what a document may take.
_AT_MOST = 2_900


@cache
def ordinary() -> float:
    """The processor's time for an ordinary verification, in seconds."""
    document = Signer(credentials("rsa")).sign()
    verify(document, at=NOW)
    return min(cost(lambda: [verify(document, at=NOW) for _ in range(50)]) for _ in range(5)) / 50


def cost(work: Callable[[], object]) -> float:
    gc.disable()  # its turn among other tests' garbage is as long as what is measured
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        gc.enable()


def with_key(key: CertificatePublicKeyTypes) -> Signer:
    """A signer whose certificate holds a key that is not the one it signs with."""
    own = credentials("rsa")
    return Signer(Credentials(own.key, certify(own.key, public_key=key)), method=RSA_SHA256)


def odd(bits: int) -> int:
    return int.from_bytes(b"\xc5" * (bits // 8)) | 1


def rsa_key(bits: int, exponent: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, odd(bits)).public_key()


def filler(piece: str, size: int) -> str:
    return piece * (size // len(piece))


def wrong(octets: int) -> Reference:
    """A reference whose digest is wrong, by itself or over many octets."""
    return Reference("", (Transform(signer.ENVELOPED),), octets=lambda _: bytes(octets))


def commented(text: str, size: int) -> bytes:
    return Signer(request=request_xml(policy=f"<!--{filler(text, size)}-->"), references=[wrong(1)]).sign()


def entries(count: int, size: int) -> bytes:
    """SigningCertificate with `count` entries against a certificate of `size` octets."""
    key = credentials("rsa").key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 60) for _ in range(size // 75)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(credentials("rsa").certificate.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    document = Signer(Credentials(key, certificate), issuer_serial="", certificate_digest="AAAA").sign()
    begin, end = document.index(b"<xades:Cert>"), document.index(b"</xades:SigningCertificate>")
    return document[:begin] + document[begin:end] * count + document[end:]


def countersigned(count: int) -> bytes:
    unsigned = filler("<xades:CounterSignature><ds:Signature/></xades:CounterSignature>", 64 * count)
    properties = f"<xades:UnsignedProperties><xades:UnsignedSignatureProperties>{unsigned}"
    closing = "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    return Signer(
        unsigned=properties + closing,
        references=[
            *(enveloped_reference(*[NOT_SIGNATURE] * 5) for _ in range(8)),
            properties_reference(Transform(signer.EXC)),
        ],
    ).sign()


def bare_keys(count: int) -> bytes:
    point = ec.generate_private_key(ec.SECP521R1()).public_key()
    octets = point.public_numbers().x.to_bytes(66)
    value = (
        '<ds:KeyValue><e:ECKeyValue><e:NamedCurve URI="urn:oid:1.3.132.0.35"/>'
        f"<e:PublicKey>{signer.b64(b'%c' % 2 + octets)}</e:PublicKey></e:ECKeyValue></ds:KeyValue>"
    )
    declared = ' xmlns:e="http://www.w3.org/2009/xmldsig11#"'
    return Signer(
        request=request_xml(attributes=declared), key_info=key_info(credentials().der, extra=value * count)
    ).sign()


def prefixes(count: int) -> bytes:
    """Exclusive c14n with a PrefixList, each of whose prefixes is a name in the document."""
    names = [f"p{number}" for number in range(count)]
    listed = f'<i:InclusiveNamespaces xmlns:i="{signer.EXC}" PrefixList="{" ".join(names)}"/>'
    return Signer(
        request=request_xml(policy="".join(f"<{name}/>" for name in names)),
        references=[Reference("", (Transform(signer.EXC, listed),), octets=lambda _: b"")],
    ).sign()


def deep(namespaces: int, elements: int) -> bytes:
    """So many namespaces, which so many elements have in scope far below."""
    return Signer(
        request=request_xml(
            attributes="".join(f' xmlns:n{number}="urn:{number}"' for number in range(namespaces)),
            policy=f"{'<a>' * 90}{'<a/>' * elements}{'</a>' * 90}",
        ),
        references=[
            Reference("", (Transform(signer.ENVELOPED), Transform(signer.C14N)), octets=lambda _: b"")
            for _ in range(3)
        ],
        c14n=signer.C14N,
    ).sign()


def in_key_info(text: str) -> bytes:
    """A document with `text` where a certificate belongs."""
    element = f"<ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data>"
    return Signer(key_info=f"<ds:KeyInfo>{element}</ds:KeyInfo>").sign()


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "a P-384 key and a value of 64 octets": lambda: Signer(
        credentials("SECP384R1"), value=lambda value: value[:64]
    ).sign(),
    "a P-521 key and a value that lacks three octets": lambda: Signer(
        credentials("SECP521R1"), value=lambda value: value[:-3]
    ).sign(),
    "a key on a slow curve and a wrong value": lambda: Signer(
        credentials("BrainpoolP512R1"), value=lambda value: value[::-1]
    ).sign(),
    "an exponent as long as the modulus": lambda: with_key(rsa_key(3_072, odd(3_064))).sign(),
    "the largest exponent that is used": lambda: with_key(rsa_key(8_192, 2**32 - 1)).sign(),
    "a modulus of 16384 bits": lambda: with_key(rsa_key(16_384, 65_537)).sign(),
    "ten wrong references in 60 kB": lambda: Signer(
        request=request_xml(attributes=' xmlns:x="urn:x"', policy=filler("<x:a/>", 55_000)),
        references=[wrong(60_000) for _ in range(10)],
    ).sign(),
    "ten wrong references in 1 MB": lambda: Signer(
        request=request_xml(policy=filler("<a/>", 950_000)), references=[wrong(9) for _ in range(10)]
    ).sign(),
    "2600 certificates named against one of 240 kB": lambda: entries(2_600, 240_000),
    "as many certificates named as are accepted": lambda: entries(20, 30_000),
    "7000 countersignatures": lambda: countersigned(7_000),
    "4000 bare keys": lambda: bare_keys(4_000),
    "as many bare keys as are accepted": lambda: bare_keys(10),
    "tags of signatures in a comment": lambda: commented("<Signature ", 900_000),
    "tags of signed properties in a comment": lambda: commented("<SignedProperties ", 900_000),
    "letters that may be others": lambda: commented("ą", 60_000),
    "question marks": lambda: Signer(
        request=request_xml(policy=f"<a>??</a>{filler('<b/>', 60_000)}"), references=[wrong(1)]
    ).sign(),
    "many namespaces and many elements": lambda: Signer(
        request=request_xml(
            attributes="".join(f' xmlns:n{number}="urn:{number}"' for number in range(95)),
            policy=filler("<a/>", 40_000),
        ),
        references=[wrong(1) for _ in range(10)],
        c14n=signer.C14N,
    ).sign(),
    "a long PrefixList": lambda: prefixes(50_000),
    "as many prefixes as are accepted": lambda: prefixes(20),
    "namespaces in scope of many deep elements": lambda: deep(20, 100_000),
    "as many of them as are accepted": lambda: deep(8, 75_000),
    "first lines of PEM": lambda: in_key_info(filler("-----BEGIN CERTIFICATE-----", 900_000)),
}


@pytest.mark.parametrize("name", ["PESEL", "PNOPL-", "NIP-1", "VATPL-"])
def test_an_identifier_that_is_named_and_never_told_is_looked_for_once(name: str) -> None:
    attributes = [
        x509.NameAttribute(oid, filler(name, 30_000), _validate=False)
        for oid in (NameOID.SERIAL_NUMBER, NameOID.ORGANIZATION_IDENTIFIER)
    ]
    own = credentials("rsa")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(x509.Name([]))
        .public_key(own.certificate.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(own.key, hashes.SHA256())
    )
    found: list[Identification] = []
    taken = cost(
        lambda: found.append(identify(certificate, "certificateSubject", Identifier("Nip", signer.NIP)))
    )
    assert found[0].signer is None
    assert taken < 100 * ordinary()


def test_the_prefixes_of_real_signers_are_far_below_the_bound() -> None:
    listed = f'<i:InclusiveNamespaces xmlns:i="{signer.EXC}" PrefixList="%s"/>'

    def signed(count: int) -> Report:
        names = " ".join(f"p{number}" for number in range(count))
        transforms = Transform(signer.ENVELOPED), Transform(signer.EXC, listed % names)
        document = Signer(references=[enveloped_reference(*transforms), properties_reference()]).sign()
        return verify(document, at=NOW)

    assert signed(20).ok
    refused = signed(21).failure
    assert refused is not None
    assert (refused.cause, refused.reason) == (
        Cause.TRANSFORM,
        "a PrefixList of 21 prefixes, at most 20 are accepted",
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_takes_more_than_a_moment(name: str) -> None:
    document = DOCUMENTS[name]()
    assert len(document) < 1_500_000
    reports: list[Report] = []
    taken = cost(lambda: reports.append(verify(document, at=NOW)))
    assert not reports[0].ok
    assert taken < _AT_MOST * ordinary()


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        (rsa_key(2_048, 2**32 + 1), Cause.EXCESSIVE_KEY),
        (rsa_key(8_200, 65_537), Cause.EXCESSIVE_KEY),
        (rsa_key(8_192, 2**32 - 1), Cause.WRONG_VALUE),
    ],
)
def test_nothing_is_computed_with_keys_beyond_the_bounds(key: rsa.RSAPublicKey, cause: Cause) -> None:
    report = verify(with_key(key).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.cause is cause
    computed = cause is Cause.WRONG_VALUE
    assert (report.of(Check.SIGNATURE_VALUE)[0].cause is not None) == computed


@pytest.mark.parametrize("key", [rsa_key(2_048, 2**32 + 1), rsa_key(8_200, 65_537)])
def test_no_chain_leads_over_a_key_beyond_the_bounds(key: rsa.RSAPublicKey) -> None:
    own = credentials("rsa")
    issuer = certify(own.key, public_key=key)
    with pytest.raises(BrokenChain, match=r"a key that is not used"):
        build_chain(load_der_certificate(own.der), [issuer], [issuer], from_datetime(NOW))


def test_a_budget_counts_what_is_dear_for_more() -> None:
    costs = [
        cost_of(credentials(kind).certificate.public_key()) for kind in ("ec", "rsa", "rsa-4096", "SECP384R1")
    ]
    assert costs == sorted(costs)
    budget = Budget(operations=costs[-1], octets=10)
    with pytest.raises(Spent):
        budget.read(11)
    budget.read(10)
    budget.operate(credentials("SECP384R1").certificate.public_key())
    with pytest.raises(Spent):
        budget.operate(credentials("ec").certificate.public_key())


def test_a_value_of_another_curve_is_told_by_its_length() -> None:
    document = Signer(credentials("SECP384R1"), value=lambda value: value[:64]).sign()
    failure = verify(document, at=NOW).failure
    assert failure is not None
    assert failure.explanation == (
        "SignatureValue has 64 octets, a signature by this key (EC secp384r1) has 96"
    )
