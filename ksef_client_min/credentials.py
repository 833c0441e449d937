"""Certificates and keys from PEM and PKCS#12 files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from ksef_client_min import pkcs12
from ksef_client_min.certificates import Certificate, load_der_certificate, load_pem_certificates

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class BrokenCredentials(Exception):
    """No usable certificate or key; the message says what is wrong, never what is inside."""


class PasswordNeeded(BrokenCredentials):
    """The key is encrypted, and no password was given."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login with a certificate needs. The key is in no repr."""

    certificate: Certificate
    key: PrivateKey = field(repr=False)
    #: Certificates of the issuers, if the file had them.
    chain: tuple[Certificate, ...] = ()

    def __post_init__(self) -> None:
        """
        Raises:
            BrokenCredentials: certificate and key do not belong together.
        """
        if self.key.public_key() != self.certificate.public_key():
            raise BrokenCredentials("the private key is not that of the certificate")


def load_pem(certificate: Path | bytes, key: Path | bytes, password: str | None = None) -> Credentials:
    """A certificate (its issuers may follow it) and a private key, in PEM or DER, the key encrypted or not.

    Raises:
        OSError: a file cannot be read.
        BrokenCredentials: no certificate, no key, a wrong or missing password, not a pair.
    """
    first, *issuers = _certificates(_content(certificate))
    return Credentials(first, _key(_content(key), password), tuple(issuers))


def load_pkcs12(file: Path | bytes, password: str | None = None) -> Credentials:
    """Certificate, key and issuers from a PKCS#12 file (.p12, .pfx).

    Raises:
        OSError: the file cannot be read.
        BrokenCredentials: another kind of file, a wrong password, no key or no certificate in it.
    """
    content = _content(file)
    secret = None if password is None else password.encode()
    certificate: Certificate | None
    issuers: Sequence[Certificate]
    try:
        key, certificate, issuers = load_key_and_certificates(content, secret)
    except (ValueError, UnsupportedAlgorithm) as error:
        if password is None and "password" in str(error).lower():
            raise PasswordNeeded("the PKCS#12 file is encrypted: its password is needed") from None
        try:
            key, certificate, issuers = pkcs12.load(content, password or "")
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BrokenCredentials("no PKCS#12 file, or the password is wrong") from None
    if certificate is None or key is None:
        raise BrokenCredentials("the PKCS#12 file lacks the certificate or its private key")
    return Credentials(certificate, _supported(key), tuple(issuers))


def _content(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _certificates(content: bytes) -> list[Certificate]:
    try:
        if b"-----BEGIN" in content:
            return load_pem_certificates(content)
        return [load_der_certificate(content)]
    except ValueError:
        raise BrokenCredentials("the certificate file holds no X.509 certificate in PEM or DER") from None


def _key(content: bytes, password: str | None) -> PrivateKey:
    secret = None if password is None else password.encode()
    load = load_pem_private_key if b"-----BEGIN" in content else load_der_private_key
    try:
        return _supported(load(content, secret))
    except TypeError:
        # The library's way to say that a password is missing, or given for a key that has none.
        if password is None:
            raise PasswordNeeded("the key is encrypted: its password is needed") from None
        raise BrokenCredentials("the key is not encrypted, but a password was given") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BrokenCredentials("the key file holds no private key, or the password is wrong") from None


def _supported(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    raise BrokenCredentials(f"the private key is {type(key).__name__}, neither RSA nor EC")
