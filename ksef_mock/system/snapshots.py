"""The whole state of a mock as bytes, and back: tables, clock, keys, CAs, JWT secret, faults, warning.

A snapshot restored into another mock makes the tokens and certificates issued by the first one work there,
from the moment at which it was taken. It is compressed MessagePack behind a line that names the format, and
ends with its SHA-256. It holds private keys; what it does not hold are the journal, the requests counted for
rate limits, and the settings of the process.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib

import msgspec

from ksef_mock.clock import ClockState, Instant
from ksef_mock.state.shared import Shared
from ksef_mock.state.store import Dump
from ksef_mock.system.system import System

#: Bytes of a snapshot, and of what it is unpacked to.
LARGEST = 64 * 1024 * 1024
_LARGEST_UNPACKED = 512 * 1024 * 1024

_FORMAT = b"ksef-mock snapshot "
_VERSION = b"2"
_HEAD = _FORMAT + _VERSION + b"\n"
_DIGEST_SIZE = hashlib.sha256().digest_size


class InvalidSnapshot(ValueError):
    """The bytes are no snapshot that this mock can take; the message says why."""


class _Content(msgspec.Struct, frozen=True):
    #: The environment: its name stands in every JWT.
    profile: str
    #: The mock's time.
    taken_at: Instant
    shared: Shared
    dump: Dump


async def take(system: System) -> bytes:
    """The state of this moment.

    Raises:
        StoreUnavailable: a remote store cannot be reached.
    """
    await system.keys.published()  # so that there are some
    shared = system.shared.value
    content = _Content(system.settings.profile, system.clock.now(), shared, await system.store.dump())
    return await asyncio.to_thread(_packed, content)


async def restore(system: System, snapshot: bytes) -> None:
    """Put the state of a snapshot in place of the present one. The clock goes on from the snapshot's moment.

    Raises:
        InvalidSnapshot: it is none, is damaged, or is of another version or profile; nothing has changed.
        StoreUnavailable: a remote store cannot be reached.
    """
    content = await asyncio.to_thread(_unpacked, snapshot)
    if content.profile != system.settings.profile:
        raise InvalidSnapshot(
            f"the snapshot is of profile {content.profile!r}, this mock's is {system.settings.profile!r}"
        )
    shared = content.shared
    if shared.clock.frozen is None:
        clock = ClockState(content.taken_at - time.time_ns())
        shared = msgspec.structs.replace(shared, clock=clock)
    # The clock first: what the snapshot holds must not expire on its way in.
    await system.controls.change(lambda _: shared)
    await system.store.restore(content.dump)


def _packed(content: _Content) -> bytes:
    body = zlib.compress(msgspec.msgpack.encode(content))
    return _HEAD + body + hashlib.sha256(body).digest()


def _unpacked(snapshot: bytes) -> _Content:
    if not snapshot.startswith(_FORMAT):
        raise InvalidSnapshot("this is no snapshot of ksef-mock")
    if not snapshot.startswith(_HEAD):
        version = snapshot[len(_FORMAT) :].partition(b"\n")[0][:20].decode("ascii", "replace")
        raise InvalidSnapshot(f"the snapshot has version {version}, this mock reads {_VERSION.decode()}")
    body, digest = snapshot[len(_HEAD) : -_DIGEST_SIZE], snapshot[-_DIGEST_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        raise InvalidSnapshot("the snapshot is damaged: its SHA-256 is not that of its content")
    decompressor = zlib.decompressobj()
    try:
        packed = decompressor.decompress(body, _LARGEST_UNPACKED)
        if not decompressor.eof:
            raise InvalidSnapshot(
                f"the snapshot is cut off, or unpacks to more than {_LARGEST_UNPACKED:,} bytes"
            )
        return msgspec.msgpack.decode(packed, type=_Content)
    except (zlib.error, msgspec.DecodeError) as error:
        raise InvalidSnapshot(f"the snapshot cannot be read: {error}") from None
