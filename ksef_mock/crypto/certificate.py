"""Reading the certificates and certificate requests of strangers: what OpenSSL and KSeF take is read here.

KSeF's own certificates (seen on TEST, 2025) and those of older JDKs name ecdsa-with-SHA512 and its kin with
the parameters NULL, where RFC 5758, 3.2, wants none, and `cryptography` refuses to parse that. The NULL is
dropped before it parses. The octets as issued stay: for digests, fingerprints and the issuer's signature.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from ksef_mock.crypto.der import NULL, OBJECT_IDENTIFIER, SEQUENCE, elements, tlv

_PEM = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]++)-----END")


class Fingerprinted(Protocol):
    """What is known by its fingerprint: a certificate of any library's or client's class."""

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes: ...


class Certificate(Fingerprinted, Protocol):
    """What is asked of a certificate that somebody else may have made. `x509.Certificate` has all of it."""

    @property
    def subject(self) -> x509.Name: ...

    @property
    def issuer(self) -> x509.Name: ...

    @property
    def serial_number(self) -> int: ...

    @property
    def not_valid_before_utc(self) -> datetime: ...

    @property
    def not_valid_after_utc(self) -> datetime: ...

    @property
    def extensions(self) -> x509.Extensions: ...

    @property
    def tbs_certificate_bytes(self) -> bytes: ...

    def public_key(self) -> CertificatePublicKeyTypes: ...

    def public_bytes(self, encoding: Encoding) -> bytes: ...

    def __hash__(self) -> int: ...


def load_der_certificate(der: bytes) -> Certificate:
    """The certificate in these octets; two of the same octets are equal.

    Raises:
        ValueError, x509.InvalidVersion, Warning: it cannot be read (see `chain.MALFORMED`).
    """
    repaired = _repaired_certificate(der)
    parsed = x509.load_der_x509_certificate(repaired)
    return parsed if repaired is der else _Repaired(der, parsed)


def load_pem_certificates(pem: bytes) -> list[Certificate]:
    """The certificates in a PEM file, in its order; at least one.

    Raises:
        ValueError, x509.InvalidVersion, Warning: there is none, or one that cannot be read.
    """
    blocks = [match[1] for match in _PEM.finditer(pem)]
    if not blocks:
        raise ValueError("no certificate in PEM")
    return [load_der_certificate(base64.b64decode(b"".join(each.split()), validate=True)) for each in blocks]


def load_der_csr(der: bytes) -> x509.CertificateSigningRequest:
    """The certificate request (PKCS#10) in these octets. Its signature does not cover its algorithm's name.

    Raises:
        ValueError, x509.InvalidVersion, Warning: it cannot be read (see `chain.MALFORMED`).
    """
    return x509.load_der_x509_csr(_repaired_csr(der))


def require_issued_by(certificate: Certificate, issuer: Certificate) -> None:
    """Whether `issuer` is named in `certificate` and has signed it, as it was issued.

    Raises:
        InvalidSignature: the signature is wrong.
        ValueError: the certificate names another issuer, or the signature cannot be read.
        TypeError, UnsupportedAlgorithm: the key or the algorithm cannot be checked.
    """
    if isinstance(certificate, _Repaired):
        certificate.require_issued_by(issuer)
    else:
        assert isinstance(certificate, x509.Certificate)
        certificate.verify_directly_issued_by(parsed_form(issuer))


def parsed_form(certificate: Certificate) -> x509.Certificate:
    """The certificate for functions of `cryptography`, which take no other class: with the same names, key
    and extensions, not always with the same octets."""
    found = certificate.parsed if isinstance(certificate, _Repaired) else certificate
    assert isinstance(found, x509.Certificate)
    return found


@dataclass(frozen=True, slots=True)
class _Repaired:
    """A certificate that parses without its NULLs only. It is what was issued, not what parses."""

    der: bytes
    parsed: x509.Certificate = field(compare=False)

    @property
    def subject(self) -> x509.Name:
        return self.parsed.subject

    @property
    def issuer(self) -> x509.Name:
        return self.parsed.issuer

    @property
    def serial_number(self) -> int:
        return self.parsed.serial_number

    @property
    def not_valid_before_utc(self) -> datetime:
        return self.parsed.not_valid_before_utc

    @property
    def not_valid_after_utc(self) -> datetime:
        return self.parsed.not_valid_after_utc

    @property
    def extensions(self) -> x509.Extensions:
        return self.parsed.extensions

    @property
    def tbs_certificate_bytes(self) -> bytes:
        return _members(self.der)[0]

    def public_key(self) -> CertificatePublicKeyTypes:
        return self.parsed.public_key()

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes:
        digest = hashes.Hash(algorithm)
        digest.update(self.der)
        return digest.finalize()

    def public_bytes(self, encoding: Encoding) -> bytes:
        if encoding is not Encoding.PEM:
            return self.der
        text = base64.b64encode(self.der)
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))

    def require_issued_by(self, issuer: Certificate) -> None:
        if self.issuer != issuer.subject:
            raise ValueError("the certificate names another issuer")
        key, algorithm = issuer.public_key(), self.parsed.signature_hash_algorithm
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise InvalidSignature  # what is repaired here is signed with ECDSA
        assert algorithm is not None
        key.verify(self.parsed.signature, self.tbs_certificate_bytes, ec.ECDSA(algorithm))


# ---- the signature algorithm, in DER


def _repaired_certificate(der: bytes) -> bytes:
    if not _is_suspect(der):
        return der
    try:
        body, algorithm, signature = _members(der)
        fields, bare = _members(body), _MISWRITTEN[algorithm]
        fields[fields.index(algorithm)] = bare  # what is signed names the same (RFC 5280, 4.1.1.2)
        return _sequence(_sequence(*fields), bare, signature)
    except (ValueError, KeyError):
        return der


def _repaired_csr(der: bytes) -> bytes:
    if not _is_suspect(der):
        return der
    try:
        body, algorithm, signature = _members(der)
        return _sequence(body, _MISWRITTEN[algorithm], signature)
    except (ValueError, KeyError):
        return der


def _is_suspect(der: bytes) -> bool:
    return any(algorithm in der for algorithm in _MISWRITTEN)


def _members(der: bytes) -> list[bytes]:
    (sequence,) = elements(der)
    return [each.octets for each in elements(sequence.contents)]


def _sequence(*members: bytes) -> bytes:
    return tlv(SEQUENCE, b"".join(members))


def _miswritten() -> dict[bytes, bytes]:
    identifiers = (
        bytes.fromhex("2a8648ce3d0401"),  # ecdsa-with-SHA1 (RFC 3279, 2.2.3)
        *(bytes.fromhex(f"2a8648ce3d0403{last:02x}") for last in range(1, 5)),  # SHA-2 (RFC 5758, 3.2)
        *(bytes.fromhex(f"6086480165030403{last:02x}") for last in range(9, 13)),  # SHA-3 (NIST)
    )
    names = [tlv(OBJECT_IDENTIFIER, identifier) for identifier in identifiers]
    return {_sequence(name, tlv(NULL, b"")): _sequence(name) for name in names}


#: ECDSA's AlgorithmIdentifiers with NULL, and as they have to be.
_MISWRITTEN = _miswritten()
