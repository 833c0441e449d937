"""A file for what is too large for memory and seldom read."""

from __future__ import annotations

import tempfile
from typing import IO, NamedTuple


class Spooled(NamedTuple):
    """Where something lies."""

    place: int
    length: int


class Spool:
    """A file without a name, made when it is first needed; it ends with the process at the latest.

    Used from one thread. What is overwritten or deleted leaves with `clear` only.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def add(self, octets: bytes) -> Spooled:
        """Write octets at the end.

        Raises:
            OSError: the disk is full, or there is no temporary folder.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="ksef-mock-")  # noqa: SIM115 - closed by close()
        place = self._file.seek(0, 2)
        self._file.write(octets)
        return Spooled(place, len(octets))

    def read(self, spooled: Spooled) -> bytes:
        """What was written there."""
        assert self._file is not None
        self._file.seek(spooled.place)
        return self._file.read(spooled.length)

    def clear(self) -> None:
        """Forget everything."""
        if self._file is not None:
            self._file.truncate(0)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
