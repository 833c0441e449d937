"""Certificate authorities of a mock: made by it, gone at its end, trusted by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID

from ksef_mock.clock import Instant, to_datetime
from ksef_mock.core.records import AuthorityRecord
from ksef_mock.crypto.certificate import Fingerprinted

#: organizationIdentifier of a seal (ETSI EN 319 412-1, 5.1.4).
ORGANIZATION_IDENTIFIER: x509.ObjectIdentifier = x509.ObjectIdentifier("2.5.4.97")


def fingerprint_of(certificate: Fingerprinted) -> str:
    """SHA-256 of the certificate in DER, 64 upper-case hex digits: how KSeF names a certificate."""
    return certificate.fingerprint(hashes.SHA256()).hex().upper()


PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

#: Certificates begin a day before they are made, so that a client whose clock is slow accepts them.
BACKDATED = timedelta(days=1)


class Validity(NamedTuple):
    """From when to when a certificate is valid: aware UTC times, whole seconds, both inclusive."""

    begin: datetime
    end: datetime

    @classmethod
    def since(cls, now: Instant, valid_for: timedelta) -> Validity:
        """From a day before `now`, for `valid_for` in all."""
        begin = to_datetime(now) - BACKDATED
        return cls(begin, begin + valid_for)


#: Outlives every move of a mock's clock. The end is X.509's "no end" (RFC 5280, 4.1.2.5).
UNBOUNDED = Validity(datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


class Extension(NamedTuple):
    """A certificate extension and whether whoever does not know it must refuse the certificate."""

    value: x509.ExtensionType
    critical: bool = False


@dataclass(frozen=True)
class Authority:
    """A CA key with its certificate."""

    key: PrivateKey
    certificate: x509.Certificate

    @classmethod
    def of(cls, record: AuthorityRecord) -> Authority:
        """The CA that was kept as `record`."""
        return cls(load_pkcs8(record.key), x509.load_der_x509_certificate(record.certificate))

    @cached_property
    def record(self) -> AuthorityRecord:
        """This CA for a store to keep."""
        return AuthorityRecord(pkcs8(self.key), self.certificate.public_bytes(Encoding.DER))

    @classmethod
    def create(
        cls,
        common_name: str,
        *,
        validity: Validity,
        extensions: Sequence[Extension] = (),
        path_length: int = 1,
    ) -> Authority:
        """A new P-256 root CA; at most `path_length` CAs may stand between it and an end entity."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _authority_name(common_name)
        certificate = certify(
            name,
            key.public_key(),
            issuer=name,
            signing_key=key,
            validity=validity,
            extensions=(*_authority_extensions(path_length), *extensions),
        )
        return cls(key, certificate)

    def subordinate(
        self, common_name: str, *, validity: Validity, extensions: Sequence[Extension] = ()
    ) -> Authority:
        """An intermediate CA under this one; it issues end-entity certificates only."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.certify(
            _authority_name(common_name),
            key.public_key(),
            validity=validity,
            extensions=(*_authority_extensions(path_length=0), *extensions),
        )
        return Authority(key, certificate)

    def issue(
        self,
        subject: Sequence[tuple[x509.ObjectIdentifier, str]],
        public_key: PublicKey,
        now: Instant,
        *,
        valid_for: timedelta,
        key_usage: x509.KeyUsage,
    ) -> x509.Certificate:
        """An end-entity certificate for `public_key`, valid from a day before `now` for `valid_for`."""
        return self.certify(
            x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]),
            public_key,
            validity=Validity.since(now, valid_for),
            extensions=end_entity_extensions(key_usage),
        )

    def certify(
        self,
        subject: x509.Name,
        public_key: PublicKey,
        *,
        validity: Validity,
        extensions: Sequence[Extension],
        serial: int | None = None,
    ) -> x509.Certificate:
        """Any certificate of this CA; the authority key identifier is added to `extensions`."""
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        return certify(
            subject,
            public_key,
            issuer=self.certificate.subject,
            signing_key=self.key,
            validity=validity,
            extensions=(*extensions, Extension(identifier)),
            serial=serial,
        )


def pkcs8(key: PrivateKey) -> bytes:
    """A private key in DER, unencrypted."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_pkcs8(data: bytes) -> PrivateKey:
    """The private key that `pkcs8` has written."""
    key = load_der_private_key(data, None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def certify(
    subject: x509.Name,
    public_key: PublicKey,
    *,
    issuer: x509.Name,
    signing_key: PrivateKey,
    validity: Validity,
    extensions: Sequence[Extension],
    serial: int | None = None,
) -> x509.Certificate:
    """A certificate, signed with SHA-256; the subject key identifier is added to `extensions`.

    The serial number is random unless given.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(validity.begin)
        .not_valid_after(validity.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(signing_key, hashes.SHA256())


def end_entity_extensions(key_usage: x509.KeyUsage) -> tuple[Extension, ...]:
    """What every certificate has that is no CA's."""
    return (
        Extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        Extension(key_usage, critical=True),
    )


def encryption_usage() -> x509.KeyUsage:
    """Key usage of the keys that clients encrypt to, by RSA-OAEP or by ECDH."""
    return _key_usage(key_encipherment=True, data_encipherment=True, key_agreement=True)


def authentication_usage() -> x509.KeyUsage:
    """Key usage digitalSignature: proves who somebody is, as KSeF's Authentication certificates do."""
    return _key_usage(digital_signature=True)


def commitment_usage() -> x509.KeyUsage:
    """Key usage nonRepudiation alone: qualified certificates, and KSeF's Offline certificates."""
    return _key_usage(content_commitment=True)


def _authority_name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "KSeF Mock"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _authority_extensions(path_length: int) -> tuple[Extension, ...]:
    return (
        Extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True),
        Extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True),
    )


def _key_usage(**granted: bool) -> x509.KeyUsage:
    bits = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(bits | granted))
