"""Encryption of `<KSeF token>|<timestamp of the challenge in ms>` for a key that KSeF publishes.

RSA: OAEP with SHA-256 for the label hash and for MGF1, empty label. EC: ECDH with an ephemeral P-256 key
whose SubjectPublicKeyInfo goes in front, then the AES-256-GCM nonce (12 bytes), ciphertext and tag. The
shared secret is the AES key. That is what the official Java client sends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ksef_client_min.certificates import load_der_certificate
from ksef_client_min.errors import KsefProtocolError
from ksef_client_min.models import PublicKeyCertificate

TOKEN_USAGE = "KsefTokenEncryption"
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)


def select_key(
    published: Sequence[PublicKeyCertificate], now: datetime, usage: str = TOKEN_USAGE
) -> PublicKeyCertificate:
    """The key to use: published for `usage`, valid now, and of those the one whose validity begins last.

    Raises:
        KsefProtocolError: there is none.
    """
    valid = [key for key in published if usage in key.usage and key.valid_from <= now < key.valid_to]
    if not valid:
        raise KsefProtocolError(f"KSeF publishes no certificate for {usage} that is valid now")
    return max(valid, key=lambda key: key.valid_from)


def encrypt_token(token: str, timestamp_ms: int, key: PublicKeyCertificate) -> bytes:
    """The ciphertext of a KSeF token for a login.

    Raises:
        KsefProtocolError: the certificate cannot be read, or its key is neither RSA nor EC.
    """
    return encrypt(f"{token}|{timestamp_ms}".encode(), key)


def encrypt(plaintext: bytes, key: PublicKeyCertificate) -> bytes:
    """The ciphertext of a few octets, for a published key.

    Raises:
        KsefProtocolError: the certificate cannot be read, or its key is neither RSA nor EC.
    """
    try:
        public_key = load_der_certificate(key.certificate).public_key()
    except ValueError as error:
        raise KsefProtocolError(f"a published certificate cannot be read: {error}") from None
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.encrypt(plaintext, _OAEP)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _encrypt_ec(plaintext, public_key)
    raise KsefProtocolError(f"a published key is {type(public_key).__name__}, neither RSA nor EC")


def _encrypt_ec(plaintext: bytes, public_key: ec.EllipticCurvePublicKey) -> bytes:
    ephemeral = ec.generate_private_key(public_key.curve)
    nonce = os.urandom(12)
    sealed = AESGCM(ephemeral.exchange(ec.ECDH(), public_key)).encrypt(nonce, plaintext, None)
    spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki + nonce + sealed
