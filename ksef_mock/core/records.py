"""Keys and certificates as records that a store can keep: DER, unencrypted. Secrets of a simulation only."""

from __future__ import annotations

import msgspec

from ksef_mock.clock import Instant


class AuthorityRecord(msgspec.Struct, frozen=True):
    """A CA: its private key (PKCS#8, DER) and its certificate (DER)."""

    key: bytes
    certificate: bytes


class KeyRecord(msgspec.Struct, frozen=True):
    """A published key: its private key (PKCS#8, DER) and its certificate (DER)."""

    key: bytes
    certificate: bytes
    #: A `ksef_mock.crypto.keys.Usage` and an `Algorithm`.
    usage: str
    algorithm: str


class WithdrawnRecord(msgspec.Struct, frozen=True):
    """A key that is published no more, kept to recognise clients that go on using it."""

    record: KeyRecord
    at: Instant
