"""Keys and certificates as records that a store can keep: DER, unencrypted. Secrets of a simulation only."""

from __future__ import annotations

import msgspec


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
