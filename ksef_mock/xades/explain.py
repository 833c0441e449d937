"""Which of the usual mistakes explains a wrong digest or signature. Every answer is proven by recomputing."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ksef_mock.crypto.certificate import Certificate
from ksef_mock.xades.algorithms import (
    DIGESTS,
    Ecdsa,
    RsaPkcs1,
    RsaPss,
    SignatureMethod,
    digest,
    ecdsa_verifies,
    integer_size,
    rsa_verifies,
)
from ksef_mock.xades.canonical import Canonicalization, Selection
from ksef_mock.xades.parsing import canonical_work
from ksef_mock.xades.properties import CertificateDigest
from ksef_mock.xades.reading import Reading
from ksef_mock.xades.references import Resolved
from ksef_mock.xades.structure import Signature, decode_base64
from ksef_mock.xades.transforms import ENVELOPED
from ksef_mock.xades.variants import Variant, documents, variants

#: Documents beyond these bounds are not searched for an explanation: it takes dozens of canonicalisations.
MAX_OCTETS = 65_536
MAX_CANONICAL_WORK = 10**6

_URL_SAFE = str.maketrans("+/", "-_")


def b64(octets: bytes) -> str:
    """`octets` in base64."""
    return base64.b64encode(octets).decode()


def reference(found: Resolved, reading: Reading) -> str | None:
    """Why the stated digest of a reference is not that of its octets, or None if that cannot be proven."""
    assert found.hash is not None
    assert found.processed is not None
    octets, algorithm = found.processed.octets, found.hash
    if not _is_affordable(reading.octets):
        return None
    spelled = _misspelled(found.reference.digest_text, digest(algorithm, octets))
    if spelled is not None:
        return f"the digest is right, but {spelled}"
    stated = found.reference.digest
    if stated is None:
        return None
    for uri, other in DIGESTS.items():
        if digest(other, octets) == stated:
            return f"the digest is by {uri}, while DigestMethod says {found.reference.digest_algorithm}"
    for variant in _reference_variants(found, reading):
        if digest(algorithm, variant.octets) == stated:
            return variant.mistake
    return None


def signature_value(
    document: bytes,
    signature: Signature,
    method: SignatureMethod,
    canonicalization: Canonicalization,
    signed_info: bytes,
    references: Sequence[Resolved],
    key: CertificatePublicKeyTypes,
    others: Sequence[Certificate],
) -> str | None:
    """Why the signature value does not verify, or None if that cannot be proven."""
    if not _is_affordable(document):
        return None
    for value, spelled in _values(signature.value_text):
        signed = _signed_with(key, method, value, signed_info)
        if signed is not None:
            return "; ".join(part for part in (spelled, signed) if part)
        for certificate in others:
            if _signed_with(certificate.public_key(), method, value, signed_info) == "":
                subject = certificate.subject.rfc4514_string()
                return f"signed with the key of another certificate in KeyInfo: {subject}"
        for variant in _signed_info_variants(signature, canonicalization, signed_info, references):
            signed = _signed_with(key, method, value, variant.octets)
            if signed is not None:
                return "; ".join(part for part in (variant.mistake, signed) if part)
        opened = _opened(key, value) if isinstance(method, RsaPkcs1) else None
        if opened is not None:
            return opened
    return None


def certificate_digest(
    group: Sequence[CertificateDigest], certificate: Certificate, others: Sequence[Certificate]
) -> str | None:
    """Why none of the digests in SigningCertificate is that of the certificate, or None if unproven."""
    for entry in group:
        found = _certificate_mistake(entry, certificate, others)
        if found is not None:
            return found
    return None


def _is_affordable(document: bytes) -> bool:
    return len(document) <= MAX_OCTETS and canonical_work(document) <= MAX_CANONICAL_WORK


# ---- digests


def _misspelled(text: str, right: bytes) -> str | None:
    """How `text` writes the digest `right` otherwise than in base64; None if it does not."""
    compact = "".join(text.split())
    if compact.lower() == right.hex():
        return "written in hexadecimal instead of base64"
    if decode_base64(compact) in (right.hex().encode(), right.hex().upper().encode()):
        return "written as base64 of its hexadecimal form"
    if compact.rstrip("=").translate(_URL_SAFE) == base64.urlsafe_b64encode(right).decode().rstrip("="):
        return "written in the URL-safe alphabet of base64, or without its padding"
    return None


def _reference_variants(found: Resolved, reading: Reading) -> Iterator[Variant]:
    processed = found.processed
    assert processed is not None
    if processed.selection is None or processed.method is None:
        return
    yield from _enveloped_variants(found, reading)
    yield from variants(processed.selection, processed.method, processed.octets)
    if reading.layout is not None and processed.selection.covers(reading.layout.request):
        yield from documents(reading.octets)


def _enveloped_variants(found: Resolved, reading: Reading) -> Iterator[Variant]:
    """The signature left in or out, against what the transforms say."""
    assert found.processed is not None
    selection, method = found.processed.selection, found.processed.method
    if selection is None or method is None or reading.signature is None:
        return
    if not selection.without:
        cut = Selection(
            selection.apex, selection.document, selection.comments, without=(reading.signature.element,)
        )
        for variant in variants(cut, method, found.processed.octets):
            mistake = f"the digest is without the signature, but the transform {ENVELOPED} is missing"
            yield Variant(variant.octets, mistake)


# ---- signature values


def _values(text: str) -> Iterator[tuple[bytes, str]]:
    """The readings of a SignatureValue, each with what is wrong about its spelling."""
    compact = "".join(text.split())
    value = decode_base64(compact)
    if value is not None:
        yield value, ""
        inner = decode_base64(value.decode("latin-1"))
        if inner:
            yield inner, "SignatureValue is base64 twice"
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(compact), "SignatureValue is written in hexadecimal instead of base64"
    with contextlib.suppress(ValueError):
        url_safe = base64.urlsafe_b64decode(compact + "=" * (-len(compact) % 4))
        yield url_safe, "SignatureValue is in the URL-safe alphabet of base64, or without its padding"


def _signed_info_variants(
    signature: Signature,
    canonicalization: Canonicalization,
    signed_info: bytes,
    references: Sequence[Resolved],
) -> Iterator[Variant]:
    for uri, algorithm in DIGESTS.items():
        hashed = digest(algorithm, signed_info)
        yield Variant(hashed, f"the hash of SignedInfo ({uri}) was hashed once more before signing")
        yield Variant(hashed.hex().encode(), "the hash of SignedInfo in hexadecimal was signed")
        yield Variant(b64(hashed).encode(), "the hash of SignedInfo in base64 was signed")
    for found in references:
        if found.processed is None or found.computed is None:
            continue
        name = repr(found.reference.uri)
        yield Variant(found.processed.octets, f"what reference {name} names was signed instead of SignedInfo")
        yield Variant(found.computed, f"the digest of reference {name} was signed instead of SignedInfo")
        yield Variant(b64(found.computed).encode(), f"the digest of reference {name} was signed, in base64")
    selection = Selection(signature.signed_info, comments=True)
    for variant in variants(selection, canonicalization, signed_info):
        yield Variant(variant.octets, f"SignedInfo: {variant.mistake}")


def _signed_with(
    key: CertificatePublicKeyTypes, method: SignatureMethod, value: bytes, octets: bytes
) -> str | None:
    """How `value` signs `octets`: "" if as `method` says, else in which other way; None if it does not."""
    if method.verifies(key, value, octets):
        return ""
    if isinstance(key, rsa.RSAPublicKey):
        return _signed_with_rsa(key, method, value, octets)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _signed_with_ec(key, method, value, octets)
    return None


def _signed_with_rsa(
    key: rsa.RSAPublicKey, method: SignatureMethod, value: bytes, octets: bytes
) -> str | None:
    for algorithm in DIGESTS.values():
        if rsa_verifies(key, value, octets, padding.PKCS1v15(), algorithm):
            return f"signed by RSA PKCS#1 v1.5 with {algorithm.name}, which is not what SignatureMethod says"
        pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
        if rsa_verifies(key, value, octets, pss, algorithm):
            if isinstance(method, RsaPss) and algorithm.name == method.hash.name:
                return f"RSA-PSS with another salt length, SignatureMethod means {method.salt_length} octets"
            return f"signed by RSA-PSS with {algorithm.name}, which is not what SignatureMethod says"
    return None


def _signed_with_ec(
    key: ec.EllipticCurvePublicKey, method: SignatureMethod, value: bytes, octets: bytes
) -> str | None:
    size = integer_size(key)
    for algorithm in DIGESTS.values():
        differs = algorithm.name != method.hash.name
        suffix = f", and made with {algorithm.name}, not {method.hash.name}" if differs else ""
        if ecdsa_verifies(key, value, octets, algorithm):
            right = f"it has to be r and s side by side, {2 * size} octets"
            return f"the ECDSA value is DER-encoded, {right}{suffix}"
        if len(value) == 2 * size and Ecdsa(algorithm).verifies(key, value, octets):
            return f"ECDSA with {algorithm.name}, SignatureMethod says {method.hash.name}"
        if size < len(value) < 2 * size and _verifies_split(key, value, octets, algorithm):
            return f"r or s lacks its leading zeros, each has to have {size} octets{suffix}"
    return None


def _verifies_split(
    key: ec.EllipticCurvePublicKey, value: bytes, octets: bytes, algorithm: hashes.HashAlgorithm
) -> bool:
    size = integer_size(key)
    for split in range(len(value) - size, size + 1):
        r, s = int.from_bytes(value[:split], "big"), int.from_bytes(value[split:], "big")
        if ecdsa_verifies(key, utils.encode_dss_signature(r, s), octets, algorithm):
            return True
    return False


def _opened(key: CertificatePublicKeyTypes, value: bytes) -> str | None:
    """What opening an RSA signature with the certificate's key tells."""
    if not isinstance(key, rsa.RSAPublicKey):
        return None
    if len(value) != key.key_size // 8:
        return f"SignatureValue has {len(value)} octets, a signature by this key has {key.key_size // 8}"
    try:
        key.recover_data_from_signature(value, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return (
            "not made with the private key of the certificate in KeyInfo: opened with it there is no padding"
        )
    return "made with the private key of the certificate, but of other octets than the canonical SignedInfo"


# ---- SigningCertificate


def _certificate_mistake(
    entry: CertificateDigest, certificate: Certificate, others: Sequence[Certificate]
) -> str | None:
    if entry.hash is None:
        return None
    der = certificate.public_bytes(Encoding.DER)
    spelled = _misspelled(entry.digest_text, digest(entry.hash, der))
    if spelled is not None:
        return f"the digest is right, but {spelled}"
    stated = entry.digest
    for uri, algorithm in DIGESTS.items():
        if digest(algorithm, der) == stated:
            return f"the digest is by {uri}, while DigestMethod says {entry.algorithm}"
    for octets, mistake in _certificate_forms(certificate):
        if digest(entry.hash, octets) == stated:
            return mistake
    for other in others:
        if digest(entry.hash, other.public_bytes(Encoding.DER)) == stated:
            return f"the digest is of another certificate in KeyInfo: {other.subject.rfc4514_string()}"
    return None


def _certificate_forms(certificate: Certificate) -> Iterator[tuple[bytes, str]]:
    der, pem = certificate.public_bytes(Encoding.DER), certificate.public_bytes(Encoding.PEM)
    for text in (pem, pem.strip(), pem.replace(b"\n", b"\r\n"), pem.strip().replace(b"\n", b"\r\n")):
        yield text, "the digest is of the certificate's PEM text, it has to be of its DER form"
    for text in (b64(der).encode(), b"\n".join(pem.splitlines()[1:-1])):
        yield text, "the digest is of the certificate in base64, it has to be of its DER form"
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    yield spki, "the digest is of the public key, it has to be of the whole certificate"
    yield (
        certificate.tbs_certificate_bytes,
        "the digest is of the certificate without its signature (tbsCertificate)",
    )
