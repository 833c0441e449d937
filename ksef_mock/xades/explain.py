"""Which of the usual mistakes explains a wrong digest or signature. Every answer is proven by recomputing.

All searches for one document share one `Budget`; the likelier mistakes are looked for first.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ksef_mock.core.dates import warsaw
from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.chain import excess_of
from ksef_mock.xades.algorithms import DIGESTS, RsaPkcs1, SignatureMethod, digest, integer_size, kind_of
from ksef_mock.xades.budget import Budget, Spent
from ksef_mock.xades.canonical import Canonicalization, Selection
from ksef_mock.xades.key_info import Candidate, Unusable, read_certificates
from ksef_mock.xades.properties import CertificateDigest
from ksef_mock.xades.reading import Reading
from ksef_mock.xades.references import Resolved
from ksef_mock.xades.structure import Signature, decode_base64
from ksef_mock.xades.transforms import ENVELOPED
from ksef_mock.xades.values import read_value
from ksef_mock.xades.variants import Variant, Variants

_HOUR = timedelta(hours=1)
#: Hours by which a place can be ahead of UTC.
_MAX_OFFSET = 14
#: What Polish programs write where they do not write UTF-8.
POLISH_CHARSETS = ("ISO 8859-2", "Windows-1250")
_DECLARED = re.compile(r"""(\A\s*<\?xml[^>]*?encoding\s*=\s*["'])[^"'>]*(["'])""")
_URL_SAFE = str.maketrans("+/", "-_")


def b64(octets: bytes) -> str:
    """`octets` in base64."""
    return base64.b64encode(octets).decode()


def reference(found: Resolved, reading: Reading, budget: Budget) -> str | None:
    """Why the stated digest of a reference is not that of its octets, or None if that cannot be proven."""
    with contextlib.suppress(Spent):
        return _reference_mistake(found, reading, budget)
    return None


def signature_value(
    reading: Reading,
    signature: Signature,
    method: SignatureMethod,
    canonicalization: Canonicalization,
    signed_info: bytes,
    references: Sequence[Resolved],
    key: CertificatePublicKeyTypes,
    others: Sequence[Candidate],
    budget: Budget,
) -> str | None:
    """Why the signature value does not verify, or None if that cannot be proven."""
    search = _ValueSearch(
        reading, signature, method, canonicalization, signed_info, references, key, others, budget
    )
    readings = list(_values(signature.value_text))
    with contextlib.suppress(Spent):
        for value, spelled in readings:
            found = search.mistake(value)
            if found is not None:
                return "; ".join(part for part in (spelled, found) if part)
    return _told_by_value(key, method, readings[0][0]) if readings else None


def certificate_digest(
    group: Sequence[CertificateDigest], candidate: Candidate, others: Sequence[Candidate], budget: Budget
) -> str | None:
    """Why none of the digests in SigningCertificate is that of the certificate, or None if unproven."""
    with contextlib.suppress(Spent):
        for entry in group:
            found = _certificate_mistake(entry, candidate, others, budget)
            if found is not None:
                return found
    return None


def signing_time(stated: datetime, moment: datetime, skew: timedelta) -> str | None:
    """Why a signing time lies ahead of `moment`: read as local time it is right; None if it is not."""
    if abs(stated.replace(tzinfo=warsaw()) - moment) <= skew:
        return "local time of Poland was written as if it were UTC: read as local time it is right"
    hours = round((stated - moment) / _HOUR)
    if 1 <= hours <= _MAX_OFFSET and abs(stated - moment - hours * _HOUR) <= skew:
        return f"the local time of a place {hours} h ahead of UTC was written as if it were UTC"
    return None


def encoded_again(document: bytes, charset: str) -> bytes | None:
    """A document of another encoding in UTF-8; None if it is not of that encoding."""
    try:
        text = document.decode(charset)
    except UnicodeError:
        return None
    return _DECLARED.sub(r"\1UTF-8\2", text, count=1).encode()


# ---- digests


def _reference_mistake(found: Resolved, reading: Reading, budget: Budget) -> str | None:
    assert found.hash is not None
    assert found.processed is not None
    octets, algorithm = found.processed.octets, found.hash
    spelled = _misspelled(found.reference.digest_text, found.computed or b"")
    if spelled is not None:
        return f"the digest is right, but {spelled}"
    stated = found.reference.digest
    if stated is None:
        return None
    if len(stated) == algorithm.digest_size:
        for variant in _reference_variants(found, reading, budget):
            budget.read(len(variant.octets))
            if digest(algorithm, variant.octets) == stated:
                return variant.mistake
    for uri, other in DIGESTS.items():
        if other.digest_size == len(stated) and other.name != algorithm.name:
            budget.read(len(octets))
            if digest(other, octets) == stated:
                return f"the digest is by {uri}, while DigestMethod says {found.reference.digest_algorithm}"
    return None


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


def _reference_variants(found: Resolved, reading: Reading, budget: Budget) -> Iterator[Variant]:
    processed = found.processed
    assert processed is not None
    if processed.selection is None or processed.method is None:
        return
    variants = Variants(reading.octets, budget, _polish_words(reading.signature))
    selection, method, signature = processed.selection, processed.method, reading.signature
    if signature is not None and not selection.without and selection.covers(signature.element):
        cut = msgspec.structs.replace(selection, without=(signature.element,))
        for variant in variants.of(cut, method, processed.octets):
            mistake = f"the digest is without the signature, but the transform {ENVELOPED} is missing"
            yield Variant(variant.octets, mistake)
    yield from variants.of(selection, method, processed.octets)
    if selection.without:
        yield from variants.with_signature(selection, method, found.reference.digest_element)
    if reading.layout is not None and selection.covers(reading.layout.request):
        yield from variants.of_document()


def _polish_words(signature: Signature | None) -> list[str]:
    """The words beyond ASCII in the names that the certificates of KeyInfo have, the longer ones first."""
    if signature is None:
        return []
    try:
        candidates = read_certificates(signature.key_info)
    except Unusable:
        return []
    words = {
        word
        for each in candidates
        for name in (each.certificate.subject, each.certificate.issuer)
        for attribute in name
        if isinstance(attribute.value, str)
        for word in _WORD.findall(attribute.value[:_LONGEST_NAME])
        if not word.isascii()
    }
    return sorted(words, key=len, reverse=True)[:_MAX_WORDS]


_WORD = re.compile(r"\w+")
#: Letters of a name that are looked at, and words of a document's certificates.
_LONGEST_NAME, _MAX_WORDS = 256, 32


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


class _ValueSearch(msgspec.Struct, frozen=True):
    """What all readings of a SignatureValue are tried against."""

    reading: Reading
    signature: Signature
    method: SignatureMethod
    canonicalization: Canonicalization
    signed_info: bytes
    references: Sequence[Resolved]
    key: CertificatePublicKeyTypes
    others: Sequence[Candidate]
    budget: Budget

    def mistake(self, octets: bytes) -> str | None:
        """What is wrong with a signature value.

        Raises:
            Spent: the budget's end.
        """
        value = read_value(self.key, self.method, octets, self.budget)
        if value is not None:
            found = value.signs(self.signed_info, thorough=True)
            if found is not None:
                return found
        for other in self.others:
            if self._is_by(other, octets):
                return f"signed with the key of another certificate in KeyInfo: {other.subject}"
        if value is None:
            return None
        for variant in self._variants():
            found = value.signs(variant.octets, thorough=False)
            if found is not None:
                return "; ".join(part for part in (variant.mistake, found) if part)
        return None

    def _is_by(self, other: Candidate, octets: bytes) -> bool:
        if excess_of(other.key) is not None:
            return False
        self.budget.operate(other.key)
        return self.method.verifies(other.key, octets, self.signed_info)

    def _variants(self) -> Iterator[Variant]:
        own = self.method.hash
        yield from self._hashed(own)
        for found in self.references:
            if found.processed is None or found.computed is None:
                continue
            name = repr(found.reference.uri)
            yield Variant(
                found.processed.octets, f"what reference {name} names was signed instead of SignedInfo"
            )
            yield Variant(found.computed, f"the digest of reference {name} was signed instead of SignedInfo")
            yield Variant(
                b64(found.computed).encode(), f"the digest of reference {name} was signed, in base64"
            )
        selection = Selection(self.signature.signed_info, comments=True)
        variants = Variants(self.reading.octets, self.budget, _polish_words(self.signature))
        for variant in variants.of(selection, self.canonicalization, self.signed_info):
            yield Variant(variant.octets, f"SignedInfo: {variant.mistake}")
        for algorithm in DIGESTS.values():
            if algorithm.name != own.name:
                yield from self._hashed(algorithm)

    def _hashed(self, algorithm: hashes.HashAlgorithm) -> Iterator[Variant]:
        hashed, name = digest(algorithm, self.signed_info), algorithm.name
        yield Variant(hashed, f"the hash of SignedInfo ({name}) was hashed once more before signing")
        yield Variant(hashed.hex().encode(), "the hash of SignedInfo in hexadecimal was signed")
        yield Variant(b64(hashed).encode(), "the hash of SignedInfo in base64 was signed")


def _told_by_value(key: CertificatePublicKeyTypes, method: SignatureMethod, value: bytes) -> str | None:
    """What the value alone tells, whatever it signs."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        right = 2 * integer_size(key)
        if len(value) == right or value.startswith(b"0"):
            return None
        return f"SignatureValue has {len(value)} octets, a signature by this key ({kind_of(key)}) has {right}"
    if not isinstance(key, rsa.RSAPublicKey) or not isinstance(method, RsaPkcs1):
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
    entry: CertificateDigest, candidate: Candidate, others: Sequence[Candidate], budget: Budget
) -> str | None:
    if entry.hash is None:
        return None
    spelled = _misspelled(entry.digest_text, candidate.digest(entry.hash))
    if spelled is not None:
        return f"the digest is right, but {spelled}"
    stated = entry.digest
    for uri, algorithm in DIGESTS.items():
        if candidate.digest(algorithm) == stated:
            return f"the digest is by {uri}, while DigestMethod says {entry.algorithm}"
    for octets, mistake in _certificate_forms(candidate.certificate):
        budget.read(len(octets))
        if digest(entry.hash, octets) == stated:
            return mistake
    for other in others:
        if other.digest(entry.hash) == stated:
            return f"the digest is of another certificate in KeyInfo: {other.subject}"
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
