"""The store protocol: what the mock needs from whatever keeps its state.

Three ideas carry it: tables of immutable records that expire by themselves, compare-and-swap for everything
that may happen only once, and sorted indexes for lists with continuation. Any key-value database has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from ksef_mock.clock import Instant

R = TypeVar("R", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A named set of records of one type; the type lets a remote store decode what it keeps."""

    name: str
    record: type[R]


class Store(Protocol):
    """Records never change in place: `swap` replaces the one that was read by its successor.

    `expires_at` is an `Instant` of the mock's clock; from that moment on the record does not exist.

    Beside the tables the store keeps one shared record (see `ksef_mock.shared`) with a version, a text that
    never occurs again. The two methods that are no coroutines can be called from any thread.
    """

    #: Whether the state is in this process: then no call waits for anything.
    is_local: bool

    async def get(self, table: Table[R], key: str) -> R | None:
        """The record, or None if there is none or it has expired."""

    async def insert(self, table: Table[R], key: str, record: R, expires_at: Instant | None) -> bool:
        """Add a record; False (and nothing changed) if the key is taken."""

    async def swap(self, table: Table[R], key: str, old: R, new: R, expires_at: Instant | None) -> bool:
        """Replace `old` by `new` in one step; False if the record is no longer equal to `old`."""

    async def delete(self, table: Table[R], key: str) -> bool:
        """Remove a record; False if there was none."""

    async def index(self, name: str, member: str, position: Instant, expires_at: Instant | None) -> None:
        """Put `member` at `position` of the named index."""

    async def unindex(self, name: str, member: str) -> None:
        """Take `member` out of the named index; nothing happens if it is not there."""

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        """Up to `limit` (position, member) pairs in descending order, all strictly below `before`."""

    async def clear(self) -> None:
        """Forget everything but the shared record."""

    async def shared_version(self) -> str | None:
        """The version of the shared record; None if there is none."""

    def load_shared(self) -> tuple[str, bytes] | None:
        """The shared record with its version; None if there is none."""

    def swap_shared(self, old: str | None, new: str, record: bytes) -> bool:
        """Replace the shared record of version `old` (None: there is none); False if that is not there."""
