"""PKCS#12 files (RFC 7292) with certificates that `cryptography` cannot parse: KSeF's own.

Its reader refuses the whole file then. Here the certificates' bags are opened, as OpenSSL 3, Java and Windows
encrypt them today; the private key is left to `cryptography`, which reads it whatever stands beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_private_key

from ksef_client_min.certificates import Certificate, load_der_certificate
from ksef_client_min.der import SEQUENCE, Element, element

# Object identifiers, without tag and length.
_DATA, _ENCRYPTED_DATA = bytes.fromhex("2a864886f70d010701"), bytes.fromhex("2a864886f70d010706")
_KEY, _ENCRYPTED_KEY, _CERTIFICATE = (bytes.fromhex(f"2a864886f70d010c0a010{kind}") for kind in (1, 2, 3))
_PBES2, _PBE_3DES = bytes.fromhex("2a864886f70d01050d"), bytes.fromhex("2a864886f70d010c0103")
_HMAC_SHA1 = bytes.fromhex("2a864886f70d0207")
_HMACS: dict[bytes, type[hashes.HashAlgorithm]] = {
    _HMAC_SHA1: hashes.SHA1,
    bytes.fromhex("2a864886f70d0209"): hashes.SHA256,
    bytes.fromhex("2a864886f70d020a"): hashes.SHA384,
    bytes.fromhex("2a864886f70d020b"): hashes.SHA512,
}
#: In CBC mode, with the size of the key in octets.
_CIPHERS: dict[bytes, tuple[Callable[[bytes], BlockCipherAlgorithm], int]] = {
    bytes.fromhex("608648016503040102"): (algorithms.AES, 16),
    bytes.fromhex("608648016503040116"): (algorithms.AES, 24),
    bytes.fromhex("60864801650304012a"): (algorithms.AES, 32),
    bytes.fromhex("2a864886f70d0307"): (TripleDES, 24),
}
#: Rounds of a password's derivation; more is no file that anybody made in earnest.
_MAX_ROUNDS = 10_000_000


def load(file: bytes, password: str) -> tuple[PrivateKeyTypes | None, Certificate | None, list[Certificate]]:
    """The private key, the certificate that it belongs to, and the other certificates of a file.

    Raises:
        ValueError: it cannot be read, or not with this password.
        UnsupportedAlgorithm: its key is of a kind that cannot be read.
    """
    key: PrivateKeyTypes | None = None
    certificates = []
    for kind, value in _bags(file, password):
        if kind == _CERTIFICATE:
            _, wrapped = value.members()
            certificates.append(load_der_certificate(_only(wrapped).content))
        elif kind in (_KEY, _ENCRYPTED_KEY):
            secret = password.encode() if kind == _ENCRYPTED_KEY else None
            key = load_der_private_key(value.octets, secret)
    own = next((each for each in certificates if key and each.public_key() == key.public_key()), None)
    return key, own, [each for each in certificates if each is not own]


def _bags(file: bytes, password: str) -> Iterator[tuple[bytes, Element]]:
    try:
        _, contents = element(file).members()[:2]
        for content in element(_octets_of(contents)).members():
            for bag in element(_decrypted(content, password)).members():
                kind, value = bag.members()[:2]
                yield kind.content, _only(value)
    except (KeyError, IndexError) as error:
        raise ValueError(f"an algorithm or a structure that is not known: {error}") from None


def _only(wrapper: Element) -> Element:
    (inner,) = wrapper.members()
    return inner


def _octets_of(content: Element) -> bytes:
    kind, wrapped = content.members()
    if kind.content != _DATA:
        raise ValueError("neither plain nor encrypted with a password")
    return _only(wrapped).content


def _decrypted(content: Element, password: str) -> bytes:
    kind, wrapped = content.members()
    if kind.content != _ENCRYPTED_DATA:
        return _octets_of(content)
    _, encrypted = _only(wrapped).members()[:2]
    _, algorithm, data = encrypted.members()
    cipher, vector = _cipher(algorithm, password)
    decryptor = Cipher(cipher, modes.CBC(vector)).decryptor()
    unpadder = PKCS7(cipher.block_size).unpadder()
    padded = decryptor.update(data.content) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def _cipher(algorithm: Element, password: str) -> tuple[BlockCipherAlgorithm, bytes]:
    """A cipher with its key, and the initial vector."""
    oid, parameters = algorithm.members()
    first, second = parameters.members()
    if oid.content == _PBE_3DES:
        key, vector = (
            _derived(password, first.content, _rounds(second), purpose, size)
            for purpose, size in ((1, 24), (2, 8))
        )
        return TripleDES(key), vector
    if oid.content != _PBES2:
        raise ValueError("encrypted in a way that is no longer in use")
    _, derivation = first.members()
    name, vector = (each.content for each in second.members())
    make, size = _CIPHERS[name]
    salt, rounds, *more = derivation.members()
    hmac = more[-1].members()[0].content if more and more[-1].tag == SEQUENCE else _HMAC_SHA1
    kdf = PBKDF2HMAC(_HMACS[hmac](), size, salt.content, _rounds(rounds))
    return make(kdf.derive(password.encode())), vector


def _rounds(number: Element) -> int:
    rounds = int.from_bytes(number.content, "big")
    if not 1 <= rounds <= _MAX_ROUNDS:
        raise ValueError(f"{rounds} rounds")
    return rounds


def _derived(password: str, salt: bytes, rounds: int, purpose: int, size: int) -> bytes:
    """A key (purpose 1) or an initial vector (2) by the older derivation with SHA-1 (RFC 7292, B.2)."""
    block, secret = 64, f"{password}\0".encode("utf-16-be")
    material = b"".join((text * block)[: -(-len(text) // block) * block] for text in (salt, secret))
    derived = b""
    while len(derived) < size:
        digest = bytes((purpose,)) * block + material
        for _ in range(rounds):
            digest = hashlib.sha1(digest, usedforsecurity=False).digest()
        derived += digest
        addend = int.from_bytes((digest * 4)[:block], "big") + 1
        numbers = (int.from_bytes(material[at : at + block], "big") for at in range(0, len(material), block))
        material = b"".join(((each + addend) % (1 << 8 * block)).to_bytes(block, "big") for each in numbers)
    return derived[:size]
