"""A file for what is too large for memory and seldom read."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from typing import IO

import msgspec

#: From this length on, places are made a little longer, so that what is let go of fits for others.
_LARGE = 64 * 1024
_GRAIN = 4 * 1024


class Spooled(msgspec.Struct, frozen=True, gc=False):
    """Where something lies."""

    place: int
    length: int


class Spool:
    """A file without a name, made when it is first needed; it ends with the process at the latest.

    Used from one thread. The places of what was removed are used again.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        #: By length.
        self._free: defaultdict[int, list[int]] = defaultdict(list)
        self._end = 0
        #: Where the next write goes: what is added at the end one after the other reaches the file together.
        self._at = 0

    def add(self, octets: bytes) -> Spooled:
        """Write octets at the end, or where something as long has gone.

        Raises:
            OSError: the disk is full, or there is no temporary folder.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="ksef-mock-", buffering=_LARGE)  # noqa: SIM115 - see close()
        room = _room(len(octets))
        free = self._free.get(room)
        place = free.pop() if free else self._end
        if place != self._at:
            self._file.seek(place)
        self._file.write(octets)
        self._at = place + len(octets)
        if place == self._end:
            self._end += room
        return Spooled(place, len(octets))

    def read(self, spooled: Spooled) -> bytes:
        """What was written there."""
        assert self._file is not None
        self._file.seek(spooled.place)
        self._at = spooled.place + spooled.length
        return self._file.read(spooled.length)

    def remove(self, spooled: Spooled) -> None:
        """Let go of what lies there."""
        self._free[_room(spooled.length)].append(spooled.place)

    def clear(self) -> None:
        """Forget everything."""
        self._free.clear()
        self._end = 0
        if self._file is not None:
            self._at = self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _room(length: int) -> int:
    return length if length < _LARGE else -(-length // _GRAIN) * _GRAIN
