"""Reading certificates, KSeF's own among them.

A certificate that KSeF has issued (seen on TEST, 2025) names its signature algorithm, ecdsa-with-SHA512, with
the parameters NULL, where RFC 5758, 3.2, wants none, and `cryptography` refuses to parse that. The NULL is
dropped before it parses; digests, fingerprints and KeyInfo are of the octets as issued.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from ksef_client_min import der

_PEM = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]++)-----END")
_NULL = bytes((der.NULL, 0))
#: The OIDs ecdsa-with-SHA224, -SHA256, -SHA384 and -SHA512 without their last octet.
_ECDSA = bytes.fromhex("06082a8648ce3d0403")


class Certificate(Protocol):
    """What a client needs of a certificate. An `x509.Certificate` has all of it."""

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

    def public_key(self) -> CertificatePublicKeyTypes: ...

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes: ...

    def public_bytes(self, encoding: Encoding) -> bytes: ...


def load_der_certificate(octets: bytes) -> Certificate:
    """The certificate in these octets; two of the same octets are equal.

    Raises:
        ValueError: it cannot be read.
    """
    repaired = _without_null(octets)
    parsed = x509.load_der_x509_certificate(repaired)
    return parsed if repaired == octets else _Repaired(octets, parsed)


def load_pem_certificates(pem: bytes) -> list[Certificate]:
    """The certificates in a PEM file, in its order; at least one.

    Raises:
        ValueError: there is none, or one that cannot be read.
    """
    blocks = [match[1] for match in _PEM.finditer(pem)]
    if not blocks:
        raise ValueError("no certificate in PEM")
    return [load_der_certificate(base64.b64decode(b"".join(each.split()), validate=True)) for each in blocks]


@dataclass(frozen=True, slots=True)
class _Repaired:
    """A certificate that parses without its NULLs only. It is what was issued, not what parses."""

    octets: bytes
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

    def public_key(self) -> CertificatePublicKeyTypes:
        return self.parsed.public_key()

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes:
        digest = hashes.Hash(algorithm)
        digest.update(self.octets)
        return digest.finalize()

    def public_bytes(self, encoding: Encoding) -> bytes:
        if encoding is not Encoding.PEM:
            return self.octets
        text = base64.b64encode(self.octets)
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))


def _without_null(octets: bytes) -> bytes:
    if _ECDSA not in octets:
        return octets
    try:
        certificate = der.element(octets)
        body, algorithm, signature = certificate.members()
        oid, null = algorithm.members()
        fields = [each.octets for each in body.members()]
    except ValueError:
        return octets
    if not oid.octets.startswith(_ECDSA) or null.octets != _NULL:
        return octets
    if algorithm.octets not in fields or certificate.octets != octets:
        return octets
    bare = der.sequence((oid.octets,))
    fields[fields.index(algorithm.octets)] = bare
    return der.sequence((der.sequence(fields), bare, signature.octets))
