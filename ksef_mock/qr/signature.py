"""The signature of KOD II, and what went wrong where it does not hold. Pure.

RSASSA-PSS (SHA-256, MGF1 with SHA-256, salt of 32 octets) or ECDSA (SHA-256; both halves side by side, or
DER) over the link without `https://` and without a slash at the end (kody-qr.md). A mistake is named only
where undoing it makes the signature hold.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from ksef_mock.qr.links import FORMER_HOSTS, HOSTS, CertificateLink, base64_of, base64url

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

#: More mistakes at once are not looked for.
_MOST_MISTAKES = 3
#: Characters: twice Base64 of the longest signature that anybody has, RSA with 4096 bits, in hex.
_LONGEST = 4_096
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SHA1 = hashes.SHA1()  # noqa: S303  # nothing is accepted with it
#: What is hashed with, and the mistake that it is.
_HASHES: tuple[tuple[hashes.HashAlgorithm, tuple[str, ...]], ...] = (
    (hashes.SHA256(), ()),
    (_SHA1, ("SHA-1 was used instead of SHA-256",)),
    (hashes.SHA384(), ("SHA-384 was used instead of SHA-256",)),
    (hashes.SHA512(), ("SHA-512 was used instead of SHA-256",)),
)


def form_of(signature: bytes, key: PublicKey) -> str:
    """How a signature is written, for people."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RSASSA-PSS, SHA-256, salt of 32 octets"
    return f"ECDSA, SHA-256, {'r and s side by side' if len(signature) == 2 * _size(key) else 'DER'}"


def expectation(signature: bytes, key: PublicKey) -> str:
    """What the signature has, and what the certificate's key makes."""
    if isinstance(key, rsa.RSAPublicKey):
        made = f"RSA of {key.key_size} bits makes {key.key_size // 8}"
    else:
        made = f"{key.curve.name} makes {2 * _size(key)}, or DER"
    return f"the signature has {len(signature)} octets; the certificate's key, {made}"


def holds(key: PublicKey, signature: bytes, text: str) -> bool:
    """Whether this is the signature of the text."""
    algorithm = hashes.SHA256()
    return _Attempt(key, signature, _digest(algorithm, text.encode()), algorithm, _pss(32)).holds()


def explain(
    key: PublicKey,
    link: CertificateLink,
    right: Sequence[str],
    other_keys: Mapping[str, PublicKey],
) -> str | None:
    """What was done wrong, with the fewest mistakes that explain it; None: no known ones do.

    Args:
        right: the texts that may be signed.
        other_keys: of the holder's other certificates, by what the explanation is to say of them.
    """
    if len(link.signature) > _LONGEST:
        return None
    digests = [
        (digest.octets, algorithm, (*text.mistakes, *by_hash, *digest.mistakes))
        for text in _texts(link, right)
        for algorithm, by_hash in _HASHES
        if len(text.mistakes) + len(by_hash) <= _MOST_MISTAKES
        for digest in _digests(algorithm, text.octets)
    ]
    attempts = [
        _Attempt(holder, octets, digest, algorithm, scheme, mistakes)
        for holder, of_key, most in _keys(key, other_keys)
        for octets, of_writing in writings(link.signature)
        for scheme, by_scheme in _schemes(holder)
        for digest, algorithm, of_digest in digests
        if len(mistakes := (*of_writing, *of_key, *of_digest, *by_scheme)) <= most
    ]
    attempts.sort(key=lambda attempt: len(attempt.mistakes))
    proved = next((attempt for attempt in attempts if attempt.holds()), None)
    return None if proved is None else "; and ".join(proved.mistakes) or None


@dataclass(frozen=True, slots=True)
class _Guess:
    """A part of a signature as it might have been made, and the mistakes that this would be."""

    octets: bytes
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to look at a signature."""

    key: PublicKey
    signature: bytes
    digest: bytes
    algorithm: hashes.HashAlgorithm
    scheme: padding.AsymmetricPadding | None
    mistakes: tuple[str, ...] = ()

    def holds(self) -> bool:
        """Whether the signature is right, seen so."""
        hashed = Prehashed(self.algorithm)
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                assert self.scheme is not None
                self.key.verify(self.signature, self.digest, self.scheme, hashed)
            else:
                self.key.verify(_der(self.signature, self.key), self.digest, ec.ECDSA(hashed))
        # ValueError: a key too short for this hash and salt.
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def _der(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    size = _size(key)
    if len(signature) != 2 * size:
        return signature
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )


def _size(key: ec.EllipticCurvePublicKey) -> int:
    return (key.curve.key_size + 7) // 8


def _digest(algorithm: hashes.HashAlgorithm, octets: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(octets)
    return digest.finalize()


# -- what may have been done otherwise


def _keys(
    key: PublicKey, others: Mapping[str, PublicKey]
) -> Iterator[tuple[PublicKey, tuple[str, ...], int]]:
    """Each key, the mistake that it is, and how many mistakes are looked for with it."""
    yield key, (), _MOST_MISTAKES
    for mistake, other in others.items():
        yield other, (mistake,), _MOST_MISTAKES - 1


def writings(text: str) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """What octets a text may be meant for, and the mistakes in how it is written then; right ones first."""
    octets = base64url(text)
    if octets is not None:
        yield octets, ()
    if _HEX.fullmatch(text):
        yield bytes.fromhex(text), ("the signature is written in hex instead of Base64URL",)
    wrong = [
        mistake
        for characters, mistake in (("=", "has padding (=)"), ("+/", "has + or / instead of - or _"))
        if any(character in text for character in characters)
    ]
    mended = base64url(_as_base64url(text)) if wrong else None
    if mended is not None:
        yield mended, (f"the Base64URL of the signature {' and '.join(wrong)}",)
    if octets is not None and octets.isascii():
        twice = base64url(_as_base64url(octets.decode()))
        if twice is not None:
            yield twice, ("the signature was written in Base64 twice",)


def _as_base64url(text: str) -> str:
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def _texts(link: CertificateLink, right: Sequence[str]) -> Iterator[_Guess]:
    for text in right:
        yield _Guess(text.encode())
    addresses = {text.removesuffix(f"/{link.path}"): "" for text in right}
    for name, host in HOSTS.items():
        addresses.setdefault(host, f"the host of another environment ({name}, {host}) was signed")
    for host in FORMER_HOSTS.values():
        addresses.setdefault(host, f"the address of the pages until 2025-12 ({host}) was signed")
    for address, of_address in addresses.items():
        for path, of_path in _paths(link):
            for scheme in ("", "https://", "http://"):
                for end, of_end in _ENDS:
                    mistakes = (
                        *((of_address,) if of_address else ()),
                        *((f"the link was signed with {scheme} in front",) if scheme else ()),
                        *of_path,
                        *of_end,
                    )
                    if mistakes:
                        yield _Guess(f"{scheme}{address}/{path}{end}".encode(), mistakes)
    for text in right:
        yield _Guess(text.encode("utf-16-le"), ("the link was signed in UTF-16 instead of UTF-8",))
    yield _Guess(link.path.encode(), ("the link was signed without its host",))
    yield _Guess(f"/{link.path}".encode(), ("the link was signed without its host",))
    yield _Guess(link.hash.encode(), ("the hash of the invoice was signed instead of the link",))
    digest = base64url(link.hash)
    if digest is not None:
        yield _Guess(digest, ("the hash of the invoice was signed instead of the link",))


_ENDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ()),
    ("/", ("the link was signed with a slash at the end",)),
    ("\n", ("the link was signed with a line feed at the end",)),
)


def _paths(link: CertificateLink) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield link.path, ()
    digest = base64_of(link.hash)
    if digest is not None:
        begin = link.path.rpartition("/")[0]
        said = "the link was signed with the hash in {} instead of Base64URL"
        yield f"{begin}/{digest}", (said.format("Base64"),)
        yield f"{begin}/{base64.b64decode(digest).hex()}", (said.format("hex"),)
    yield link.path.lower(), ("the link was signed in lower case",)


def _digests(algorithm: hashes.HashAlgorithm, octets: bytes) -> Iterator[_Guess]:
    digest = _digest(algorithm, octets)
    yield _Guess(digest)
    once = _digest(hashes.SHA256(), octets)
    twice = "the link was hashed twice: {} was given to a function that hashes by itself"
    for given, name in (
        (once, "its SHA-256"),
        (once.hex().encode(), "the hex of its SHA-256"),
        (once.hex().upper().encode(), "the hex of its SHA-256"),
        (base64.b64encode(once), "the Base64 of its SHA-256"),
        (base64.urlsafe_b64encode(once).rstrip(b"="), "the Base64URL of its SHA-256"),
    ):
        yield _Guess(_digest(algorithm, given), (twice.format(name),))


def _pss(
    salt: int | padding._DigestLength | padding._Auto | padding._MaxLength,
    hashed: hashes.HashAlgorithm | None = None,
) -> padding.PSS:
    return padding.PSS(padding.MGF1(hashed or hashes.SHA256()), salt)


def _schemes(key: PublicKey) -> Iterator[tuple[padding.AsymmetricPadding | None, tuple[str, ...]]]:
    if not isinstance(key, rsa.RSAPublicKey):
        yield None, ()
        return
    longest = key.key_size // 8 - 34
    yield _pss(32), ()
    yield padding.PKCS1v15(), ("RSA was padded by PKCS#1 v1.5 instead of PSS",)
    yield _pss(longest), (f"the salt of PSS has the maximum length ({longest} octets) instead of 32",)
    for length in (0, 20, 48, 64):
        yield _pss(length), (f"the salt of PSS has {length} octets instead of 32",)
    yield _pss(padding.PSS.AUTO), ("the salt of PSS has another length than 32 octets",)
    yield _pss(32, _SHA1), ("MGF1 of PSS used SHA-1 instead of SHA-256",)
    yield _pss(20, _SHA1), ("PSS has its defaults: MGF1 with SHA-1, a salt of 20 octets",)
