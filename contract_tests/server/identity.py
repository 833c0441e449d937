"""Who logs in: random valid NIPs, key pairs, self-signed certificates.

TEST takes self-signed certificates, so that a suite without secrets can log in as the owner of any NIP.
Private keys are made once for a process and used under many names: making RSA keys is what takes time.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ksef_client_min.certificates import Certificate

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")

_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_PESEL_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ec": ec.SECP256R1,
    "ec-256": ec.SECP256R1,
    "ec-384": ec.SECP384R1,
    "ec-521": ec.SECP521R1,
    "ec-224": ec.SECP224R1,
}


def random_nip() -> str:
    """A NIP with a right checksum, of the form that the schemas ask for (TNIP)."""
    while True:
        digits = [1 + secrets.randbelow(9), *(1 + secrets.randbelow(9) for _ in range(2))]
        digits += [secrets.randbelow(10) for _ in range(6)]
        check = sum(weight * digit for weight, digit in zip(_NIP_WEIGHTS, digits, strict=True)) % 11
        if check < 10:
            return "".join(map(str, [*digits, check]))


def random_pesel() -> str:
    """A PESEL with a right checksum, of somebody born in the 20th century."""
    year, month, day = secrets.randbelow(100), 1 + secrets.randbelow(12), 1 + secrets.randbelow(28)
    body = f"{year:02}{month:02}{day:02}{secrets.randbelow(10_000):04}"
    total = sum(weight * int(digit) for weight, digit in zip(_PESEL_WEIGHTS, body, strict=True))
    return f"{body}{-total % 10}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A private key and the certificate that goes with it."""

    key: PrivateKey = field(repr=False)
    certificate: Certificate
    #: Certificates of the issuers, if there are any to send.
    chain: tuple[Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, upper hex: the `Fingerprint` identifier."""
        return self.certificate.fingerprint(hashes.SHA256()).hex().upper()


@cache
def private_key(kind: str = "ec", number: int = 0) -> PrivateKey:
    """The key of this kind and number, made at its first use.

    Args:
        kind: `ec` (P-256), `ec-224`, `ec-256`, `ec-384`, `ec-521`, `rsa` (2048 bits), or `rsa-<bits>`.
        number: tells keys of one kind apart.
    """
    del number
    if kind.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:] or 2048))
    return ec.generate_private_key(_CURVES[kind]())


def person(
    *,
    nip: str | None = None,
    pesel: str | None = None,
    serial_number: str | None = None,
    without: tuple[x509.ObjectIdentifier, ...] = (),
) -> x509.Name:
    """The subject of a person's certificate, known by a NIP, a PESEL, or as `serial_number` says."""
    if serial_number is None and (nip or pesel):
        serial_number = f"TINPL-{nip}" if nip else f"PNOPL-{pesel}"
    return _name(
        {
            NameOID.GIVEN_NAME: "Jan",
            NameOID.SURNAME: "Kowalski",
            NameOID.SERIAL_NUMBER: serial_number,
            NameOID.COMMON_NAME: "Jan Kowalski",
            NameOID.COUNTRY_NAME: "PL",
        },
        without,
    )


def organization(
    *,
    nip: str | None = None,
    identifier: str | None = None,
    common_name: str = "Przykład sp. z o.o.",
    without: tuple[x509.ObjectIdentifier, ...] = (),
) -> x509.Name:
    """The subject of an organisation's seal, known by a NIP or as `identifier` says."""
    if identifier is None and nip:
        identifier = f"VATPL-{nip}"
    return _name(
        {
            NameOID.ORGANIZATION_NAME: "Przykład sp. z o.o.",
            ORGANIZATION_IDENTIFIER: identifier,
            NameOID.COMMON_NAME: common_name,
            NameOID.COUNTRY_NAME: "PL",
        },
        without,
    )


def self_signed(
    subject: x509.Name,
    kind: str = "ec",
    *,
    number: int = 0,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | None = None,
) -> Credentials:
    """A self-signed certificate.

    Args:
        kind, number: the key, as in `private_key`.
        valid_from: yesterday, unless told otherwise.
        valid_to: in two years, unless told otherwise.
        public_key: certify this one instead of the key's own: a certificate of somebody else.
    """
    key, now = private_key(kind, number), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key or key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from or now - timedelta(days=1))
        .not_valid_after(valid_to or now + timedelta(days=730))
        .sign(key, hashes.SHA256())
    )
    return Credentials(key, certificate)


def owner_of(nip: str, kind: str = "ec") -> Credentials:
    """A self-signed certificate of a person with this NIP: the owner in the NIP's context."""
    return self_signed(person(nip=nip), kind)


def _name(
    attributes: Mapping[x509.ObjectIdentifier, str | None], without: tuple[x509.ObjectIdentifier, ...]
) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(oid, value)
            for oid, value in attributes.items()
            if value is not None and oid not in without
        ]
    )
