"""Decryption of `<ksef token>|<timestampMs>`: RSA-OAEP, and the EC layouts that clients really send.

RSA (documented): OAEP with SHA-256 for both the label hash and MGF1, empty label.
EC (official clients): an ephemeral P-256 key as SubjectPublicKeyInfo, ECDH, AES-256-GCM with a 12-byte nonce
and a 16-byte tag. The Java client writes nonce | ciphertext | tag and uses the shared secret as the AES key;
the C# client writes nonce | tag | ciphertext and hashes the secret with SHA-256; third parties mix the two.
Nothing in the bytes says which it is, so each of the four is tried: the tag tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ksef_mock.ksef.keys.keys import PrivateKey, PublishedKey

_NONCE = 12
_TAG = 16


class Scheme(StrEnum):
    """How a token was encrypted."""

    RSA_OAEP = "RSA-OAEP-SHA256"
    EC_JAVA = "EC, Java layout (nonce|ciphertext|tag), raw shared secret"
    EC_CSHARP = "EC, C# layout (nonce|tag|ciphertext), SHA-256 of the shared secret"
    EC_CSHARP_RAW = "EC, C# layout (nonce|tag|ciphertext), raw shared secret"
    EC_JAVA_HASHED = "EC, Java layout (nonce|ciphertext|tag), SHA-256 of the shared secret"


@dataclass(frozen=True, slots=True)
class Decrypted:
    """What came out, and by which key and scheme."""

    plaintext: bytes
    key: PublishedKey
    scheme: Scheme


class Undecryptable(Exception):
    """No key and scheme opens the ciphertext; the message says what was tried and what may be wrong."""


def decrypt(ciphertext: bytes, keys: Sequence[PublishedKey]) -> Decrypted:
    """Open `ciphertext` with the first of `keys` that fits.

    Raises:
        Undecryptable: none does.
    """
    failures = []
    for key in keys:
        try:
            plaintext, scheme = _open(ciphertext, key.private_key)
        except _Mismatch as mismatch:
            failures.append(f"{key.algorithm} key {key.public_key_id[:8]}…: {mismatch}")
        else:
            return Decrypted(plaintext, key, scheme)
    raise Undecryptable("; ".join(failures) or "no key to decrypt with")


def diagnose(ciphertext: bytes, keys: Sequence[PublishedKey]) -> str | None:
    """Which usual mistake explains that `ciphertext` could not be opened, where that can be proven.

    `keys` are all published keys, whatever their usage.
    """
    for key in keys:
        if not isinstance(key.private_key, rsa.RSAPrivateKey):
            continue
        for mistake, scheme in RSA_MISTAKES.items():
            try:
                plaintext = key.private_key.decrypt(ciphertext, scheme)
            except (ValueError, UnsupportedAlgorithm):
                continue
            # PKCS#1 v1.5 yields noise instead of failing, so look at what came out.
            if b"|" in plaintext and plaintext.rpartition(b"|")[2].isdigit():
                return f"it decrypts with {mistake}"
    return None


class _Mismatch(Exception):
    """This key does not open the ciphertext."""


def _open(ciphertext: bytes, private_key: PrivateKey) -> tuple[bytes, Scheme]:
    if isinstance(private_key, rsa.RSAPrivateKey):
        return _open_rsa(ciphertext, private_key)
    return _open_ec(ciphertext, private_key)


def _open_rsa(ciphertext: bytes, private_key: rsa.RSAPrivateKey) -> tuple[bytes, Scheme]:
    size = private_key.key_size // 8
    if len(ciphertext) != size:
        raise _Mismatch(
            f"the ciphertext has {len(ciphertext)} bytes, RSA-{private_key.key_size} makes {size}"
        )
    try:
        return private_key.decrypt(ciphertext, OAEP_SHA256), Scheme.RSA_OAEP
    except ValueError:
        raise _Mismatch("not RSA-OAEP with SHA-256 and MGF1-SHA-256 for this key") from None


def _open_ec(ciphertext: bytes, private_key: ec.EllipticCurvePrivateKey) -> tuple[bytes, Scheme]:
    spki, body = _split_spki(ciphertext)
    try:
        ephemeral = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        raise _Mismatch("no readable SubjectPublicKeyInfo in front") from None
    if not isinstance(ephemeral, ec.EllipticCurvePublicKey) or ephemeral.curve.name != private_key.curve.name:
        raise _Mismatch(f"the ephemeral key is not on {private_key.curve.name}")
    if len(body) < _NONCE + _TAG:
        raise _Mismatch(f"{len(body)} bytes after the ephemeral key, fewer than nonce and tag")
    secret = private_key.exchange(ec.ECDH(), ephemeral)
    nonce = body[:_NONCE]
    for scheme, aes_key, data in _layouts(secret, body[_NONCE:]):
        try:
            return AESGCM(aes_key).decrypt(nonce, data, None), scheme
        except InvalidTag:
            continue
    raise _Mismatch("the AES-GCM tag fits none of the four layouts and key derivations")


def _layouts(secret: bytes, sealed: bytes) -> Iterator[tuple[Scheme, bytes, bytes]]:
    """How clients lay out and derive: the scheme, its AES key, ciphertext and tag. The first fits most."""
    yield Scheme.EC_JAVA, secret, sealed
    hashed = hashlib.sha256(secret).digest()
    tag_first = sealed[_TAG:] + sealed[:_TAG]
    yield Scheme.EC_CSHARP, hashed, tag_first
    yield Scheme.EC_CSHARP_RAW, secret, tag_first
    yield Scheme.EC_JAVA_HASHED, hashed, sealed


def _split_spki(data: bytes) -> tuple[bytes, bytes]:
    # The DER header in front tells where the ephemeral key ends: an EC key's length fits in one byte.
    if len(data) < 2 or data[0] != 0x30 or data[1] > 0x7F or len(data) < 2 + data[1]:
        raise _Mismatch("does not begin with the DER form of an EC public key")
    end = 2 + data[1]
    return data[:end], data[end:]


def _oaep(algorithm: hashes.HashAlgorithm, mgf1: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(mgf1), algorithm, label=None)


OAEP_SHA256 = _oaep(hashes.SHA256(), hashes.SHA256())

RSA_MISTAKES: dict[str, padding.AsymmetricPadding] = {
    "OAEP-SHA256 and the certificate of another usage": OAEP_SHA256,
    "OAEP-SHA256 but MGF1-SHA1 (the default of Java's OAEPWithSHA-256AndMGF1Padding)": _oaep(
        hashes.SHA256(),
        hashes.SHA1(),  # noqa: S303 - recognised, never accepted
    ),
    "OAEP-SHA1 (the default of many libraries)": _oaep(hashes.SHA1(), hashes.SHA1()),  # noqa: S303
    "PKCS#1 v1.5 padding instead of OAEP": padding.PKCS1v15(),
}
