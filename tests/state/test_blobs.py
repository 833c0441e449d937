"""Large octets in a store: in pieces, whole or not at all."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator

import pytest

from ksef_mock.clock import SECOND, Clock
from ksef_mock.state import Dump, MemoryStore, Store
from ksef_mock.state.blobs import PIECE, PIECES, Blob, BlobGone, Blobs, file_pieces
from ksef_mock.state.spool import Spool, Spooled
from tests.state.conftest import Loop

#: Three pieces, the last of them shorter, no two of them equal.
OCTETS = bytes(range(251)) * (2 * PIECE // 251 + 100)


async def some(octets: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


async def whole(blobs: Blobs, blob: Blob) -> bytes:
    return b"".join([piece async for piece in blobs.read(blob)])


@pytest.mark.parametrize("size", [1_000, 65_536, PIECE, 3 * PIECE])
def test_blob_is_read_as_it_was_written(store: Store, run: Loop, size: int) -> None:
    blobs = Blobs(store)
    blob = run(blobs.write(some(OCTETS, size), None))
    assert (blob.size, blob.digest) == (len(OCTETS), hashlib.sha256(OCTETS).digest())
    assert run(whole(blobs, blob)) == OCTETS


def test_blob_may_be_empty(store: Store, run: Loop) -> None:
    blob = run(Blobs(store).write(some(b"", 1), None))
    assert (blob.size, run(whole(Blobs(store), blob))) == (0, b"")


def test_files_are_written_from_their_place_on(store: Store, run: Loop) -> None:
    file = io.BytesIO(b"before" + OCTETS)
    file.seek(6)
    blob = run(Blobs(store).write(file_pieces(file), None))
    assert run(whole(Blobs(store), blob)) == OCTETS


def test_two_of_the_same_do_not_mix(store: Store, run: Loop) -> None:
    blobs = Blobs(store)
    first, second = run(blobs.write(some(OCTETS, 999), None)), run(blobs.write(some(OCTETS, 999), None))
    run(blobs.remove(first))
    assert run(whole(blobs, second)) == OCTETS
    with pytest.raises(BlobGone):
        run(whole(blobs, first))
    run(blobs.remove(first))  # nothing is left of it, and that is well


def test_what_is_cut_off_leaves_nothing(store: Store, run: Loop) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield OCTETS
        raise ConnectionError

    with pytest.raises(ConnectionError):
        run(Blobs(store).write(broken(), None))
    assert run(store.count(PIECES)) == 0


def test_blob_expires(store: Store, clock: Clock, run: Loop) -> None:
    blobs = Blobs(store)
    blob = run(blobs.write(some(OCTETS, 999), clock.now() + SECOND))
    clock.advance(1)
    with pytest.raises(BlobGone):
        run(whole(blobs, blob))


def test_blob_survives_a_snapshot(store: Store, clock: Clock, run: Loop) -> None:
    blob = run(Blobs(store).write(some(OCTETS, 999), None))
    dump: Dump = run(store.dump())
    run(store.clear())
    run(store.restore(dump))
    assert run(whole(Blobs(store), blob)) == OCTETS


def test_memory_uses_the_places_of_what_is_gone_again(clock: Clock, run: Loop) -> None:
    store = MemoryStore(clock)
    run.stores.append(store)
    blobs = Blobs(store)
    for turn in range(5):
        expiring = run(blobs.write(some(OCTETS, 9_999), clock.now() + SECOND))
        removed = run(blobs.write(some(OCTETS[turn:], 9_999), None))
        run(blobs.remove(removed))
        clock.advance(1)
        run(blobs.remove(expiring))
        run(Blobs(store).write(some(b"drops what is due", 20), None))
        run(Blobs(store).write(some(b"drops what is due", 20), None))
    assert store._spool._end < 3 * len(OCTETS)


@pytest.mark.parametrize("cleared", [False, True])
def test_spool_is_read_between_additions(cleared: bool) -> None:
    spool = Spool()
    kept: dict[Spooled, bytes] = {}
    for number in range(6):
        if cleared and number == 3:
            spool.clear()
            kept.clear()
        octets = bytes([number]) * (100 + number)
        kept[spool.add(octets)] = octets
        assert {spooled: spool.read(spooled) for spooled in kept} == kept
    spool.close()


def test_spool_gives_back_what_was_added() -> None:
    spool = Spool()
    kept = {
        spool.add(bytes([number]) * length): (number, length) for number, length in enumerate((3, 3, 70_000))
    }
    gone = spool.add(b"x" * 69_000)
    spool.remove(gone)
    again = spool.add(b"y" * 69_001)
    assert again.place == gone.place
    assert spool.read(again) == b"y" * 69_001
    for spooled, (number, length) in kept.items():
        assert spool.read(spooled) == bytes([number]) * length
    spool.close()
