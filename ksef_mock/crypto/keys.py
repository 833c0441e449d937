"""The key pairs that clients encrypt to, their certificates, and the three kinds of rotation.

Sources: OpenAPI PublicKeyCertificate; the rotation rules of the documentation. `certificateId` is the
base64 SHA-256 of the certificate, `publicKeyId` that of its public key, so re-certification keeps it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ksef_mock.clock import Clock, Instant, from_datetime
from ksef_mock.crypto.authority import UNBOUNDED, Authority, encryption_usage
from ksef_mock.settings import TokenKey

_SUBJECT = (
    (NameOID.COUNTRY_NAME, "PL"),
    (NameOID.ORGANIZATION_NAME, "Ministerstwo Finansów"),
    (NameOID.COMMON_NAME, "Ministerstwo Finansów"),
)
_VALID_FOR = timedelta(days=730)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Usage(StrEnum):
    """OpenAPI: PublicKeyCertificateUsage."""

    TOKEN = "KsefTokenEncryption"
    SYMMETRIC_KEY = "SymmetricKeyEncryption"


class Algorithm(StrEnum):
    """Kinds of key pairs."""

    RSA = "RSA-2048"
    EC = "P-256"


# The order of publication: some clients take the first of the list, and some know only RSA. Nobody wraps AES
# keys for an EC key (the documentation defines RSA-OAEP alone), so that usage is never without an RSA key.
_PUBLISHED: dict[TokenKey, tuple[tuple[Usage, Algorithm], ...]] = {
    "rsa": ((Usage.TOKEN, Algorithm.RSA), (Usage.SYMMETRIC_KEY, Algorithm.RSA)),
    "ec": ((Usage.TOKEN, Algorithm.EC), (Usage.SYMMETRIC_KEY, Algorithm.RSA)),
    "both": (
        (Usage.TOKEN, Algorithm.RSA),
        (Usage.TOKEN, Algorithm.EC),
        (Usage.SYMMETRIC_KEY, Algorithm.RSA),
        (Usage.SYMMETRIC_KEY, Algorithm.EC),
    ),
}


@dataclass(frozen=True)
class PublishedKey:
    """A key pair with the certificate under which it is published."""

    private_key: PrivateKey
    certificate: x509.Certificate
    usage: Usage
    algorithm: Algorithm

    @cached_property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def certificate_id(self) -> str:
        return _sha256(self.certificate_der)

    @cached_property
    def public_key_id(self) -> str:
        spki = self.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _sha256(spki)

    @property
    def valid_from(self) -> Instant:
        return from_datetime(self.certificate.not_valid_before_utc)

    @property
    def valid_to(self) -> Instant:
        return from_datetime(self.certificate.not_valid_after_utc)


class KeyRing:
    """All keys published at the moment. Key pairs are generated in the background from the start on.

    An RSA key takes some 30 ms of a core, without the interpreter lock, so the server answers other
    requests meanwhile; only those that need a key wait for it.
    """

    def __init__(self, clock: Clock, token_key: TokenKey) -> None:
        self._clock = clock
        self._wanted = _PUBLISHED[token_key]
        self.authority = Authority.create("KSeF Mock Root CA", validity=UNBOUNDED)
        self._initial = self._generate(self._wanted)
        # What is published: nothing until somebody has waited for the initial keys.
        self._published: tuple[PublishedKey, ...] | None = None

    async def published(self) -> tuple[PublishedKey, ...]:
        """The keys of GET /security/public-key-certificates, in the order of the answer."""
        if self._published is None:
            await asyncio.gather(*map(asyncio.wrap_future, self._initial))
        return self.current()

    def current(self) -> tuple[PublishedKey, ...]:
        """The same, for callers outside of the event loop: waits for keys that are still being made."""
        if self._published is None:
            self._published = tuple(key.result() for key in self._initial)
        return self._published

    def reset(self) -> None:
        """Undo all rotations: the keys of the start are published again."""
        self._published = None

    def recertify(self, usage: Usage = Usage.TOKEN) -> tuple[PublishedKey, ...]:
        """Same keys, new certificates: `publicKeyId` stays. Returns the new publications of `usage`."""
        renewed = {
            key.certificate_id: replace(key, certificate=self._certify(key.private_key))
            for key in self.current()
            if key.usage is usage
        }
        self._published = tuple(renewed.get(key.certificate_id, key) for key in self.current())
        return tuple(renewed.values())

    def rotate(self, usage: Usage = Usage.TOKEN, *, emergency: bool = False) -> tuple[PublishedKey, ...]:
        """New keys for `usage`. Planned: beside the old ones, until those are withdrawn; emergency: instead.

        Returns the new publications.
        """
        old = self.current()
        wanted = [(key.usage, key.algorithm) for key in old if key.usage is usage] or [
            wish for wish in self._wanted if wish[0] is usage
        ]
        new = tuple(key.result() for key in self._generate(dict.fromkeys(wanted)))
        kept = tuple(key for key in old if not (emergency and key.usage is usage))
        self._published = new + kept
        return new

    def withdraw(self, public_key_id: str) -> bool:
        """Stop publishing and accepting a key; False if it was not published."""
        old = self.current()
        self._published = tuple(key for key in old if key.public_key_id != public_key_id)
        return len(self._published) < len(old)

    def _generate(self, wanted: Iterable[tuple[Usage, Algorithm]]) -> list[Future[PublishedKey]]:
        wishes = list(wanted)
        pool = ThreadPoolExecutor(max_workers=max(1, len(wishes)), thread_name_prefix="ksef-mock-keys")
        futures = [pool.submit(self._make, usage, algorithm) for usage, algorithm in wishes]
        pool.shutdown(wait=False)
        return futures

    def _make(self, usage: Usage, algorithm: Algorithm) -> PublishedKey:
        private_key: PrivateKey = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048)
            if algorithm is Algorithm.RSA
            else ec.generate_private_key(ec.SECP256R1())
        )
        return PublishedKey(private_key, self._certify(private_key), usage, algorithm)

    def _certify(self, private_key: PrivateKey) -> x509.Certificate:
        return self.authority.issue(
            _SUBJECT,
            private_key.public_key(),
            self._clock.now(),
            valid_for=_VALID_FOR,
            key_usage=encryption_usage(),
        )


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
