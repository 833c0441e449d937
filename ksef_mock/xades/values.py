"""What a signature value can be found to sign, with one operation of the key for as many octets as possible.

Only the explanations need this: whether a value is right, the library alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from ksef_mock.xades.algorithms import (
    DIGESTS,
    RsaPkcs1,
    RsaPss,
    SignatureMethod,
    digest,
    ecdsa_verifies,
    integer_size,
)
from ksef_mock.xades.budget import Budget

#: Leading zeros that r and s together may lack: each further octet is 256 times less likely.
_MAX_LACKING = 4


class Value(Protocol):
    """A signature value in the light of one key."""

    def signs(self, octets: bytes, *, thorough: bool) -> str | None:
        """How the value signs `octets`: "" if as the method says, else in which way; None if it does not.

        `thorough`: by any hash; else ECDSA is tried with the method's own.

        Raises:
            Spent: the budget's end.
        """


def read_value(
    key: CertificatePublicKeyTypes, method: SignatureMethod, value: bytes, budget: Budget
) -> Value | None:
    """`value` as a signature by `key`; None if it cannot be one.

    Raises:
        Spent: the budget's end.
    """
    if isinstance(key, rsa.RSAPublicKey):
        return _RsaValue(key, method, value, budget) if len(value) * 8 == key.key_size else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _EcValue(key, method, value, budget)
    return None


# ---- RSA: opened once, then only hashes are compared


class _RsaValue:
    def __init__(self, key: rsa.RSAPublicKey, method: SignatureMethod, value: bytes, budget: Budget) -> None:
        budget.operate(key)
        numbers = key.public_numbers()
        opened = pow(int.from_bytes(value), numbers.e, numbers.n)
        encoded = opened.to_bytes(len(value))
        self._method, self._budget = method, budget
        self.pkcs1 = _digest_info(encoded)
        self._pss = list(_salted(encoded, key.key_size))

    def signs(self, octets: bytes, *, thorough: bool) -> str | None:
        del thorough
        if self.pkcs1 is not None:
            return self._signs_pkcs1(octets, *self.pkcs1)
        for salted in self._pss:
            self._budget.read(len(octets))
            if salted.is_of(octets):
                return self._describe(salted)
        return None

    def _signs_pkcs1(self, octets: bytes, algorithm: hashes.HashAlgorithm, signed: bytes) -> str | None:
        self._budget.read(len(octets))
        if digest(algorithm, octets) != signed:
            return None
        if isinstance(self._method, RsaPkcs1) and self._method.hash.name == algorithm.name:
            return ""
        return f"signed by RSA PKCS#1 v1.5 with {algorithm.name}, which is not what SignatureMethod says"

    def _describe(self, salted: _Salted) -> str:
        method, name = self._method, salted.hash.name
        if isinstance(method, RsaPss) and name == method.hash.name:
            if len(salted.salt) != method.salt_length:
                return (
                    f"RSA-PSS with another salt length ({len(salted.salt)} octets), "
                    f"SignatureMethod means {method.salt_length} octets"
                )
            if salted.mgf_hash.name == method.mgf_hash.name:
                return ""
            return f"RSA-PSS with MGF1 by {salted.mgf_hash.name}, not {method.mgf_hash.name}"
        return f"signed by RSA-PSS with {name}, which is not what SignatureMethod says"


#: DER in front of the digest in an EMSA-PKCS1-v1_5 block (RFC 8017, 9.2).
_DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
    "sha3-256": bytes.fromhex("3031300d060960864801650304020805000420"),
    "sha3-384": bytes.fromhex("3041300d060960864801650304020905000430"),
    "sha3-512": bytes.fromhex("3051300d060960864801650304020a05000440"),
}


def _digest_info(encoded: bytes) -> tuple[hashes.HashAlgorithm, bytes] | None:
    """The hash and the digest in an EMSA-PKCS1-v1_5 block; None if it is none."""
    if not encoded.startswith(b"\0\1\xff"):
        return None
    filler, _, content = encoded[2:].partition(b"\0")
    if filler.strip(b"\xff"):
        return None
    for algorithm in DIGESTS.values():
        prefix = _DIGEST_INFO[algorithm.name]
        if content.startswith(prefix) and len(content) == len(prefix) + algorithm.digest_size:
            return algorithm, content[len(prefix) :]
    return None


class _Salted(msgspec.Struct, frozen=True):
    """An EMSA-PSS block (RFC 8017, 9.1) taken apart."""

    hash: hashes.HashAlgorithm
    mgf_hash: hashes.HashAlgorithm
    salt: bytes
    stated: bytes

    def is_of(self, octets: bytes) -> bool:
        return digest(self.hash, bytes(8) + digest(self.hash, octets) + self.salt) == self.stated


def _salted(encoded: bytes, bits: int) -> Iterator[_Salted]:
    """Every way to read an encoded message as one of EMSA-PSS: one at most, but for chance."""
    if (bits - 1) % 8 == 0:
        encoded = encoded[1:]
    if not encoded.endswith(b"\xbc"):
        return
    unused = 8 * len(encoded) - (bits - 1)
    for algorithm in DIGESTS.values():
        size = algorithm.digest_size
        masked, stated = encoded[: -size - 1], encoded[-size - 1 : -1]
        for mgf_hash in DIGESTS.values():
            mask = _mgf1(mgf_hash, stated, len(masked))
            block = (int.from_bytes(masked) ^ int.from_bytes(mask)) & ((1 << (8 * len(masked) - unused)) - 1)
            filler, mark, salt = block.to_bytes(len(masked)).partition(b"\1")
            if mark and not filler.strip(b"\0"):
                yield _Salted(algorithm, mgf_hash, salt, stated)


def _mgf1(algorithm: hashes.HashAlgorithm, seed: bytes, length: int) -> bytes:
    blocks = range(-(-length // algorithm.digest_size))
    return b"".join(digest(algorithm, seed + number.to_bytes(4)) for number in blocks)[:length]


# ---- ECDSA: every attempt is an operation of the key


class _EcValue:
    def __init__(
        self, key: ec.EllipticCurvePublicKey, method: SignatureMethod, value: bytes, budget: Budget
    ) -> None:
        self._key, self._method, self._budget = key, method, budget
        self._forms = list(_forms(value, integer_size(key)))

    def signs(self, octets: bytes, *, thorough: bool) -> str | None:
        own = self._method.hash
        others = (each for each in DIGESTS.values() if each.name != own.name) if thorough else ()
        for algorithm in (own, *others):
            for der, spelled in self._forms:
                self._budget.operate(self._key)
                self._budget.read(len(octets))
                if ecdsa_verifies(self._key, der, octets, algorithm):
                    hashed = (
                        ""
                        if algorithm.name == own.name
                        else f"ECDSA with {algorithm.name}, SignatureMethod says {own.name}"
                    )
                    return "; ".join(part for part in (spelled, hashed) if part)
        return None


def _forms(value: bytes, size: int) -> Iterator[tuple[bytes, str]]:
    """The readings of an ECDSA value: in DER, with what is wrong about the spelling."""
    if len(value) == 2 * size:
        yield _der(value, size), ""
    try:
        utils.decode_dss_signature(value)
    except ValueError:
        pass
    else:
        yield value, f"the ECDSA value is DER-encoded, it has to be r and s side by side, {2 * size} octets"
    lacking = 2 * size - len(value)
    if 0 < lacking <= _MAX_LACKING:
        for split in range(size - lacking, size + 1):
            yield _der(value, split), f"r or s lacks its leading zeros, each has to have {size} octets"


def _der(value: bytes, split: int) -> bytes:
    return utils.encode_dss_signature(int.from_bytes(value[:split]), int.from_bytes(value[split:]))
