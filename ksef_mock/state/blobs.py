"""Large octets in a store: parts of packages, whole packages. In pieces, so that no process holds one whole.

A blob is written under a name of its own and cannot be seen until whoever wrote it keeps its `Blob` in a
record: two that write the same thing at once do not mix, and what was cut off halfway expires unseen.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator
from typing import IO

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.state.store import Store, Table

#: Octets of a piece: a step of a store takes a millisecond or two, whichever store it is.
PIECE = 256 * 1024


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """So many octets of a blob."""

    octets: bytes


PIECES: Table[Piece] = Table("blob", Piece, bulky=True)


class Blob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Octets that lie in the store."""

    name: str
    size: int
    #: SHA-256.
    digest: bytes

    @property
    def hash(self) -> str:
        """The digest in Base64, as KSeF writes it."""
        return b64encode(self.digest).decode()


class BlobGone(Exception):
    """A piece has expired, was removed, or was forgotten by a reset."""


class Blobs:
    """Writes, reads and removes them. Each step lets others have their turn."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, octets: AsyncIterable[bytes], expires_at: Instant | None) -> Blob:
        """Keep octets as they come, in pieces of any size. If they end by an error, nothing stays.

        Args:
            expires_at: from this moment on the blob does not exist; None: until it is removed.

        Raises:
            Whatever `octets` raises.
        """
        name = secrets.token_hex(8)
        digest, size, number = hashlib.sha256(), 0, 0
        waiting = bytearray()

        async def put(piece: bytes) -> None:
            nonlocal number
            digest.update(piece)
            await self._store.insert(PIECES, _key(name, number), Piece(piece), expires_at)
            number += 1
            await asyncio.sleep(0)

        try:
            async for some in octets:
                size += len(some)
                waiting += some
                while len(waiting) >= PIECE:
                    piece = bytes(waiting[:PIECE])
                    del waiting[:PIECE]
                    await put(piece)
            if waiting:
                await put(bytes(waiting))
        except BaseException:
            await self._remove(name, number)
            raise
        return Blob(name, size, digest.digest())

    async def read(self, blob: Blob) -> AsyncIterator[bytes]:
        """The octets of a blob, piece by piece.

        Raises:
            BlobGone: it is not there any more, or not all of it.
        """
        for number in range(_pieces(blob.size)):
            piece = await self._store.get(PIECES, _key(blob.name, number))
            if piece is None:
                raise BlobGone(f"piece {number} of a blob of {blob.size} octets is gone")
            yield piece.octets
            await asyncio.sleep(0)

    async def remove(self, blob: Blob) -> None:
        """Forget a blob, or what is left of it."""
        await self._remove(blob.name, _pieces(blob.size))

    async def _remove(self, name: str, pieces: int) -> None:
        for number in range(pieces):
            await self._store.delete(PIECES, _key(name, number))
            await asyncio.sleep(0)


async def file_pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The octets of a file from its present place on, for `Blobs.write`; read in a thread."""
    while piece := await asyncio.to_thread(file.read, PIECE):
        yield piece


def _pieces(size: int) -> int:
    return -(-size // PIECE)


def _key(name: str, number: int) -> str:
    return f"{name}/{number}"
