"""Decryption of the AES key of a session or an export: RSAES-OAEP, SHA-256, MGF1-SHA-256, empty label.

Source: the documentation of sessions; nobody describes an EC wrapping, so other keys are passed over.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ksef_mock.core.exchange import Exchange
from ksef_mock.ksef.keys.keys import PublishedKey, Usage, Withdrawn, unknown_key
from ksef_mock.ksef.keys.token_cipher import OAEP_SHA256, RSA_MISTAKES

#: Octets of an AES-256 key.
SIZE = 32


class Unwrappable(Exception):
    """No key opens what was sent; the message says which usual mistake it is, where that can be proved."""


def unwrap(wrapped: bytes, keys: Sequence[PublishedKey]) -> tuple[bytes, PublishedKey]:
    """The AES key inside, and the key that opens it.

    Args:
        keys: all that are published; those of the usage SymmetricKeyEncryption are tried.

    Raises:
        Unwrappable: none opens it, or it is no AES-256 key.
    """
    for key in keys:
        if key.usage is Usage.SYMMETRIC_KEY:
            opened = _opened(wrapped, key, OAEP_SHA256)
            if opened is not None:
                if len(opened) != SIZE:
                    raise Unwrappable(f"the decrypted key has {len(opened)} octets, AES-256 needs {SIZE}")
                return opened, key
    raise Unwrappable(_mistake(wrapped, keys))


def received(
    wrapped: bytes,
    key_id: str | None,
    keys: Sequence[PublishedKey],
    exchange: Exchange,
    withdrawn: Sequence[Withdrawn] = (),
) -> bytes | None:
    """The AES key that a request carries; None if nothing opens it, which KSeF finds out later.

    Args:
        key_id: which published key it is encrypted for; None: they are tried.
        withdrawn: keys that explain why nothing opens it.

    Raises:
        BadRequest: 21470, no such key is published for this.
    """
    if key_id is not None:
        exchange.encrypted_for(key_id)
        named = [key for key in keys if key.public_key_id == key_id and key.usage is Usage.SYMMETRIC_KEY]
        if not named:
            raise unknown_key(key_id, keys, withdrawn)
        keys = named
    try:
        key, opener = unwrap(wrapped, keys)
    except Unwrappable as error:
        old = next((each for each in withdrawn if _opened(wrapped, each.key, OAEP_SHA256) is not None), None)
        if old is not None:
            exchange.encrypted_for(old.key.public_key_id)
        exchange.failed("symmetric key", str(error) if old is None else f"it is encrypted for {old}")
        return None
    exchange.encrypted_for(opener.public_key_id)
    exchange.passed("symmetric key", "AES-256, by RSA-OAEP")
    return key


def _mistake(wrapped: bytes, keys: Sequence[PublishedKey]) -> str:
    for name, scheme in RSA_MISTAKES.items():
        for key in keys:
            opened = _opened(wrapped, key, scheme)
            # PKCS#1 v1.5, which comes last, yields noise instead of failing: a key of the right size is
            # hardly an accident.
            if opened is not None and len(opened) == SIZE:
                return f"it decrypts with {name}"
    try:
        once = base64.b64decode(wrapped, validate=True)
    except (binascii.Error, ValueError):
        once = b""
    if once and any(_opened(once, key, OAEP_SHA256) is not None for key in keys):
        return "it was encoded in Base64 twice"
    return f"no published key opens these {len(wrapped)} octets"


def _opened(wrapped: bytes, key: PublishedKey, scheme: padding.AsymmetricPadding) -> bytes | None:
    if not isinstance(key.private_key, rsa.RSAPrivateKey):
        return None
    try:
        return key.private_key.decrypt(wrapped, scheme)
    except (ValueError, UnsupportedAlgorithm):
        return None
