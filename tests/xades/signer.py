"""The suite's signer with the defaults of the unit tests: one moment, one NIP, one challenge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from contract_tests.server import signer
from contract_tests.server.identity import Credentials, PrivateKey
from contract_tests.server.signer import (
    BASE64,
    C14N,
    C14N11,
    C14N_METHODS,
    DIGESTS,
    DS,
    ECDSA_METHODS,
    ENVELOPED,
    EXC,
    FILTER,
    MORE_2001,
    MORE_2007,
    NOT_SIGNATURE,
    NS,
    PKCS1_METHODS,
    POLICY,
    PSS_METHODS,
    RSA_SHA256,
    SHA256,
    SIGNED_PROPERTIES,
    XADES,
    XPATH,
    Reference,
    Transform,
    b64,
    canonical,
    der_value,
    enveloped_reference,
    hashed,
    key_info,
    properties_reference,
    without_signature,
    xpath_filter,
)

__all__ = [
    "BASE64",
    "C14N",
    "C14N11",
    "C14N_METHODS",
    "CHALLENGE",
    "DIGESTS",
    "DS",
    "ECDSA_METHODS",
    "ENVELOPED",
    "EXC",
    "FILTER",
    "MORE_2001",
    "MORE_2007",
    "NIP",
    "NOT_SIGNATURE",
    "NOW",
    "NS",
    "PKCS1_METHODS",
    "POLICY",
    "PSS_METHODS",
    "RSA_SHA256",
    "SHA256",
    "SIGNED_PROPERTIES",
    "XADES",
    "XPATH",
    "Credentials",
    "Reference",
    "Signer",
    "Transform",
    "b64",
    "canonical",
    "certify",
    "credentials",
    "der_value",
    "enveloped_reference",
    "hashed",
    "key_info",
    "properties_reference",
    "request_xml",
    "without_signature",
    "xpath_filter",
]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NIP = "5265877635"
CHALLENGE = "20260301-CR-0123456789-ABCDEF0123-4F"


def credentials(kind: str = "ec", *, name: str = "Jan Kowalski") -> Credentials:
    """One key of a kind and name. `kind`: `rsa`, `rsa-<bits>`, `ec` (P-256), or the name of a curve."""
    return _credentials(kind, name)


@cache
def _credentials(kind: str, name: str) -> Credentials:
    key: PrivateKey
    if kind.startswith("rsa"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:] or 2048))
    else:
        curve = getattr(ec, {"ec": "SECP256R1"}.get(kind, kind))
        key = ec.generate_private_key(curve())
    return Credentials(key, certify(key, name))


def certify(
    key: PrivateKey, name: str = "Jan Kowalski", *, public_key: CertificatePublicKeyTypes | None = None
) -> x509.Certificate:
    """A person's certificate with a NIP, valid for 20 years; self-signed, but for another `public_key`."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.GIVEN_NAME, name.split()[0]),
            x509.NameAttribute(NameOID.SURNAME, name.split()[-1]),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"TINPL-{NIP}"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key or key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=182))
        .not_valid_after(NOW + timedelta(days=7300))
        .sign(key, hashes.SHA256())
    )


def request_xml(*, context: str = f"<Nip>{NIP}</Nip>", challenge: str = CHALLENGE, **options: str) -> str:
    """An AuthTokenRequest without a signature (as `contract_tests.server.signer.request_xml`)."""
    return signer.request_xml(context=context, challenge=challenge, **options)


@dataclass
class Signer(signer.Signer):
    """How to sign. Every field has the value of an ordinary, right XAdES-BES signature."""

    credentials: Credentials = field(default_factory=credentials)
    request: str = field(default_factory=request_xml)
    signing_time: str | None = "2026-03-01T11:59:00Z"
