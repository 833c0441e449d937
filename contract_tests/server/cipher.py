"""Encryption of KSeF tokens in all the ways that clients do it, right and wrong ones."""

from __future__ import annotations

import hashlib
import os
from enum import Enum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_TAG = 16


class Layout(Enum):
    """How the official clients, and those who mix the two, write ECDH + AES-256-GCM."""

    #: nonce | ciphertext | tag; the shared secret is the AES key.
    JAVA = "Java layout, raw shared secret"
    JAVA_HASHED = "Java layout, SHA-256 of the shared secret"
    #: nonce | tag | ciphertext; SHA-256 of the shared secret is the AES key.
    CSHARP = "C# layout, SHA-256 of the shared secret"
    CSHARP_RAW = "C# layout, raw shared secret"

    @property
    def tag_first(self) -> bool:
        return self in (Layout.CSHARP, Layout.CSHARP_RAW)

    @property
    def hashed(self) -> bool:
        return self in (Layout.CSHARP, Layout.JAVA_HASHED)


def encrypted(plaintext: bytes, key: PublicKey) -> bytes:
    """The ciphertext as KSeF documents it: RSA-OAEP with SHA-256 throughout; EC in the Java layout."""
    if isinstance(key, rsa.RSAPublicKey):
        return oaep(plaintext, key)
    return ecies(plaintext, key)


def oaep(
    plaintext: bytes,
    key: rsa.RSAPublicKey,
    *,
    algorithm: hashes.HashAlgorithm | None = None,
    mgf1: hashes.HashAlgorithm | None = None,
    label: bytes | None = None,
) -> bytes:
    """RSA-OAEP, SHA-256 unless told otherwise."""
    mask = padding.MGF1(mgf1 or hashes.SHA256())
    return key.encrypt(plaintext, padding.OAEP(mask, algorithm or hashes.SHA256(), label))


def pkcs1(plaintext: bytes, key: rsa.RSAPublicKey) -> bytes:
    """RSA with the padding of PKCS#1 v1.5, which KSeF does not take."""
    return key.encrypt(plaintext, padding.PKCS1v15())


def ecies(
    plaintext: bytes,
    key: ec.EllipticCurvePublicKey,
    layout: Layout = Layout.JAVA,
    *,
    curve: ec.EllipticCurve | None = None,
    damaged: bool = False,
) -> bytes:
    """An ephemeral public key in front of nonce, ciphertext and tag in the order of the layout.

    Args:
        curve: of the ephemeral key; with another one than the published key's nothing can be opened.
        damaged: flip a bit of the tag.
    """
    ephemeral = ec.generate_private_key(curve or key.curve)
    secret = ephemeral.exchange(ec.ECDH(), key) if curve is None else os.urandom(32)
    aes_key = hashlib.sha256(secret).digest() if layout.hashed else secret
    nonce = os.urandom(12)
    sealed = AESGCM(aes_key).encrypt(nonce, plaintext, None)
    if damaged:
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    if layout.tag_first:
        sealed = sealed[-_TAG:] + sealed[:-_TAG]
    spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki + nonce + sealed
