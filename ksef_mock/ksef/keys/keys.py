"""The key pairs that clients encrypt to, their certificates, and the three kinds of rotation.

Sources: OpenAPI PublicKeyCertificate; the rotation rules of the documentation. `certificateId` is the
base64 SHA-256 of the certificate, `publicKeyId` that of its public key, so re-certification keeps it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ksef_mock.clock import SECOND, Clock, Instant, from_datetime, iso
from ksef_mock.core.codes import Code
from ksef_mock.core.environment import TokenKey
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import chosen
from ksef_mock.core.records import KeyRecord, WithdrawnRecord
from ksef_mock.crypto.authority import UNBOUNDED, Authority, encryption_usage, load_pkcs8, pkcs8
from ksef_mock.state.shared import Shared, SharedState

_SUBJECT = (
    (NameOID.COUNTRY_NAME, "PL"),
    (NameOID.ORGANIZATION_NAME, "Ministerstwo Finansów"),
    (NameOID.COMMON_NAME, "Ministerstwo Finansów"),
)
_VALID_FOR = timedelta(days=730)
#: How long before its end a certificate is replaced (ns).
_RENEWED_BEFORE: Instant = 30 * 86_400 * SECOND

#: Withdrawn keys that are remembered.
_REMEMBERED = 8

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

    @cached_property
    def valid_from(self) -> Instant:
        return from_datetime(self.certificate.not_valid_before_utc)

    @cached_property
    def valid_to(self) -> Instant:
        return from_datetime(self.certificate.not_valid_after_utc)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A key that is published no more, and since when."""

    key: PublishedKey
    at: Instant

    def __str__(self) -> str:
        name = f"the key {self.key.public_key_id}, withdrawn {iso(self.at)}"
        return f"{name}: the client keeps published keys too long"


class KeyRing:
    """All keys published at the moment, in whichever process they were made.

    Key pairs are generated in the background. An RSA key takes some 30 ms of a core, without the interpreter
    lock, so the server answers other requests meanwhile; only those that need a key wait for it. Changes
    hold for all processes of the mock and can be made from any thread; with a remote store they raise
    `StoreUnavailable` if that cannot be reached.
    """

    def __init__(self, clock: Clock, shared: SharedState, since: Instant) -> None:
        """`since`: from when on the first keys are valid, whenever they are made."""
        self._clock = clock
        self._since = since
        self._shared = shared
        self._lock = threading.Lock()
        self._authority_lock = threading.Lock()
        self._authority: Authority | None = None
        self._first: list[Future[PublishedKey]] | None = None
        self._known: dict[KeyRecord, PublishedKey] = {}
        # The records of the last call, with what they are as objects.
        self._current: tuple[tuple[KeyRecord, ...], tuple[PublishedKey, ...]] = ((), ())

    def begin(self) -> None:
        """Begin to make the first keys, unless there are some."""
        if self._shared.value.keys is None:
            self._first_keys()

    @property
    def authority(self) -> Authority:
        """The CA of the published keys."""
        record = self._shared.value.keys_authority
        with self._authority_lock:
            known = self._authority
            if known is None and record is None:
                known = Authority.create("KSeF Mock Root CA", validity=UNBOUNDED)
            elif record is not None and (known is None or known.record != record):
                known = Authority.of(record)
            assert known is not None
            self._authority = known
            return known

    async def published(self) -> tuple[PublishedKey, ...]:
        """The keys of GET /security/public-key-certificates, in the order of the answer."""
        records = self._shared.value.keys
        if records is None:
            await asyncio.gather(*map(asyncio.wrap_future, self._first_keys()))
            records = (await self._shared.change_soon(self._publish_first)).keys
        if self._is_late(records):
            records = (await self._shared.change_soon(self._renewed)).keys
        return self._objects(records)

    def current(self) -> tuple[PublishedKey, ...]:
        """The same, for callers outside of the event loop: waits for keys that are still being made."""
        records = self._shared.value.keys
        if records is None:
            for key in self._first_keys():
                key.result()
            records = self._shared.change(self._publish_first).keys
        if self._is_late(records):
            records = self._shared.change(self._renewed).keys
        return self._objects(records)

    def _is_late(self, records: tuple[KeyRecord, ...] | None) -> bool:
        """Whether a certificate is about to expire, has expired, or is not valid yet by the clock."""
        now = self._clock.now()
        return not all(_is_good(key, now) for key in self._objects(records))

    def _renewed(self, shared: Shared) -> Shared:
        """In time, as documented: the newest key of each kind certified again, others gone as they expire."""
        now, kinds, records = self._clock.now(), set(), []
        for record, key in zip(shared.keys or (), self._objects(shared.keys), strict=True):
            kind = key.usage, key.algorithm
            if kind in kinds:
                if key.valid_to > now:
                    records.append(record)
                continue
            kinds.add(kind)  # the newest stands first
            if not _is_good(key, now):
                record = self._record(replace(key, certificate=self._certify(key.private_key, now)))
            records.append(record)
        return self._with_keys(shared, records)

    def recertify(self, usage: Usage = Usage.TOKEN) -> tuple[PublishedKey, ...]:
        """Same keys, new certificates: `publicKeyId` stays. Returns the new publications of `usage`.

        Raises:
            ValueError: there is no such usage.
        """
        usage = chosen(Usage, usage)
        renewed: dict[KeyRecord, KeyRecord] = {}

        def step(shared: Shared) -> Shared:
            old = shared.keys or ()
            for record, key in zip(old, self._objects(old), strict=True):
                if key.usage is usage and record not in renewed:
                    certificate = self._certify(key.private_key, self._clock.now())
                    renewed[record] = self._record(replace(key, certificate=certificate))
            return self._with_keys(shared, [renewed.get(record, record) for record in old])

        self.current()
        published = self._objects(self._shared.change(step).keys)
        new = set(renewed.values())
        return tuple(key for key in published if self._record(key) in new)

    def rotate(self, usage: Usage = Usage.TOKEN, *, emergency: bool = False) -> tuple[PublishedKey, ...]:
        """New keys for `usage`. Planned: beside the old ones, until those are withdrawn; emergency: instead.

        Returns the new publications.

        Raises:
            ValueError: there is no such usage.
        """
        usage = chosen(Usage, usage)
        old = self.current()
        wanted = [(key.usage, key.algorithm) for key in old if key.usage is usage] or [
            wish for wish in _PUBLISHED[self._shared.value.token_key] if wish[0] is usage
        ]
        new = self._made(dict.fromkeys(wanted))
        records = [self._record(key) for key in new]
        self._shared.change(
            lambda shared: self._with_keys(
                shared,
                [
                    *records,
                    *(key for key in shared.keys or () if not (emergency and key.usage == usage.value)),
                ],
            )
        )
        return new

    def withdraw(self, public_key_id: str) -> bool:
        """Stop publishing and accepting a key; False if it was not published."""
        found = False

        def step(shared: Shared) -> Shared:
            nonlocal found
            old = shared.keys or ()
            kept = [
                record
                for record, key in zip(old, self._objects(old), strict=True)
                if key.public_key_id != public_key_id
            ]
            found = len(kept) < len(old)
            return self._with_keys(shared, kept) if found else shared

        self.current()
        self._shared.change(step)
        return found

    def publish(self, token_key: TokenKey) -> tuple[PublishedKey, ...]:
        """Publish keys of these algorithms from now on: what is missing is made, what is not wanted goes.

        Returns all that are published then, in the order in which a new mock would list them.
        """
        wanted = _PUBLISHED[token_key]
        present = {(key.usage, key.algorithm) for key in self.current()}
        made = [self._record(key) for key in self._made(wish for wish in wanted if wish not in present)]

        def step(shared: Shared) -> Shared:
            candidates = [*made, *(shared.keys or ())]
            keys = [
                record
                for usage, algorithm in wanted
                for record in candidates
                if (record.usage, record.algorithm) == (usage.value, algorithm.value)
            ]
            return msgspec.structs.replace(self._with_keys(shared, keys), token_key=token_key)

        return self._objects(self._shared.change(step).keys)

    def withdrawn(self) -> tuple[Withdrawn, ...]:
        """The keys that were withdrawn last, the latest first."""
        return tuple(Withdrawn(self._object(each.record), each.at) for each in self._shared.value.withdrawn)

    def _with_keys(self, shared: Shared, keys: Iterable[KeyRecord]) -> Shared:
        present = tuple(keys)
        kept = {record.key for record in present}
        # A key that was certified again is the same key.
        gone = {record.key: record for record in shared.keys or () if record.key not in kept}
        now = self._clock.now()
        withdrawn = (*(WithdrawnRecord(record, now) for record in gone.values()), *shared.withdrawn)
        return msgspec.structs.replace(shared, keys=present, withdrawn=withdrawn[:_REMEMBERED])

    def _publish_first(self, shared: Shared) -> Shared:
        if shared.keys is not None:
            return shared
        records = tuple(self._record(key.result()) for key in self._first_keys())
        return msgspec.structs.replace(
            shared, keys=records, first_keys=records, keys_authority=self.authority.record
        )

    def _first_keys(self) -> list[Future[PublishedKey]]:
        with self._lock:
            if self._first is None:
                self._first = self._generate(_PUBLISHED[self._shared.value.token_key], self._since)
            return self._first

    def _made(self, wanted: Iterable[tuple[Usage, Algorithm]]) -> tuple[PublishedKey, ...]:
        return tuple(key.result() for key in self._generate(wanted, self._clock.now()))

    def _generate(
        self, wanted: Iterable[tuple[Usage, Algorithm]], now: Instant
    ) -> list[Future[PublishedKey]]:
        wishes = list(wanted)
        pool = ThreadPoolExecutor(max_workers=max(1, len(wishes)), thread_name_prefix="ksef-mock-keys")
        futures = [pool.submit(self._make, usage, algorithm, now) for usage, algorithm in wishes]
        pool.shutdown(wait=False)
        return futures

    def _make(self, usage: Usage, algorithm: Algorithm, now: Instant) -> PublishedKey:
        private_key: PrivateKey = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048)
            if algorithm is Algorithm.RSA
            else ec.generate_private_key(ec.SECP256R1())
        )
        return PublishedKey(private_key, self._certify(private_key, now), usage, algorithm)

    def _certify(self, private_key: PrivateKey, now: Instant) -> x509.Certificate:
        return self.authority.issue(
            _SUBJECT,
            private_key.public_key(),
            now,
            valid_for=_VALID_FOR,
            key_usage=encryption_usage(),
        )

    def _record(self, key: PublishedKey) -> KeyRecord:
        record = KeyRecord(pkcs8(key.private_key), key.certificate_der, key.usage.value, key.algorithm.value)
        self._known[record] = key
        return record

    def _objects(self, records: tuple[KeyRecord, ...] | None) -> tuple[PublishedKey, ...]:
        known, objects = self._current
        if records is known:
            return objects
        records = records or ()
        objects = tuple(map(self._object, records))
        self._current = records, objects
        return objects

    def _object(self, record: KeyRecord) -> PublishedKey:
        key = self._known.get(record)
        if key is None:
            key = self._known[record] = PublishedKey(
                load_pkcs8(record.key),
                x509.load_der_x509_certificate(record.certificate),
                Usage(record.usage),
                Algorithm(record.algorithm),
            )
        return key


def unknown_key(key_id: str, published: Iterable[PublishedKey], withdrawn: Iterable[Withdrawn]) -> BadRequest:
    """21470: no key of this id is published for what the client uses it for."""
    old = next((each for each in withdrawn if each.key.public_key_id == key_id), None)
    if any(key.public_key_id == key_id for key in published):
        why = f"{key_id} is published for another usage"
    elif old is not None:
        why = f"it is {old}"
    else:
        why = f"{key_id} is unknown or withdrawn"
    return BadRequest(
        Code.UNKNOWN_PUBLIC_KEY,
        f"Klucz o identyfikatorze {key_id} nie jest wspierany.",
        reason=f"public key: {why}",
    )


def _is_good(key: PublishedKey, now: Instant) -> bool:
    return key.valid_from <= now < key.valid_to - _RENEWED_BEFORE


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
