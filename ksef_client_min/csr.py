"""Certificate signing requests with the subject that KSeF dictates."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ksef_client_min.credentials import PrivateKey
from ksef_client_min.models import EnrollmentData

#: Member of GET /certificates/enrollments/data -> attribute of the subject (X.520).
_ATTRIBUTES = {
    "common_name": NameOID.COMMON_NAME,
    "country_name": NameOID.COUNTRY_NAME,
    "given_name": NameOID.GIVEN_NAME,
    "surname": NameOID.SURNAME,
    "serial_number": NameOID.SERIAL_NUMBER,
    "unique_identifier": NameOID.X500_UNIQUE_IDENTIFIER,
    "organization_name": NameOID.ORGANIZATION_NAME,
    "organization_identifier": NameOID.ORGANIZATION_IDENTIFIER,
}


def build_csr(data: EnrollmentData, key: PrivateKey) -> bytes:
    """A PKCS#10 request in DER, its subject exactly what KSeF gave, signed with SHA-256."""
    attributes: list[Any] = []
    for member, oid in _ATTRIBUTES.items():
        value: str | None = getattr(data, member)
        if value is None:
            continue
        if oid == NameOID.X500_UNIQUE_IDENTIFIER:  # X.520 makes this one a bit string
            attributes.append(x509.NameAttribute(oid, value.encode(), x509.name._ASN1Type.BitString))
        else:
            attributes.append(x509.NameAttribute(oid, value))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
