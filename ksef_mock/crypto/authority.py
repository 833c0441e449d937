"""Certificate authorities of a mock: made at start, gone at its end, trusted by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ksef_mock.clock import Instant, to_datetime

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

#: Certificates begin a day before they are made, so that a client whose clock is slow accepts them.
BACKDATED = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A CA key with its self-signed certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(
        cls, common_name: str, now: Instant, *, valid_for: timedelta = timedelta(days=3650)
    ) -> Authority:
        """A new P-256 root CA, valid from a day before `now`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "KSeF Mock"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        begin = to_datetime(now) - BACKDATED
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + valid_for)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

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
        begin = to_datetime(now) - BACKDATED
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + valid_for)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )


def encryption_usage() -> x509.KeyUsage:
    """Key usage of the keys that clients encrypt to, by RSA-OAEP or by ECDH."""
    return _key_usage(key_encipherment=True, data_encipherment=True, key_agreement=True)


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
