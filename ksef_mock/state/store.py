"""The store protocol: what the mock needs from whatever keeps its state.

Four ideas carry it: tables of immutable records that expire by themselves, sorted indexes for lists with
continuation, commits that change several of them at once or nothing at all, and one record that all
processes share. Any key-value database has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from ksef_mock.clock import SECOND, Instant

R = TypeVar("R", bound=msgspec.Struct)

#: The moments of a rate limit's log may be out of order by this much: several processes count together.
JITTER: Instant = SECOND


#: So begin the names of tables whose records say what must not happen again: a store that may have lost the
#: last writes drops all of them.
ONCE = "once/"


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A named set of records of one type; the type lets a remote store decode what it keeps."""

    name: str
    record: type[R]
    #: Records are large and seldom read: memory alone keeps them in a file.
    bulky: bool = False


class Insert(NamedTuple):
    """Add a record; the key must be free."""

    table: Table[Any]
    key: str
    record: msgspec.Struct
    expires_at: Instant | None


class Swap(NamedTuple):
    """Replace `old` by `new`; the record must still be equal to `old`."""

    table: Table[Any]
    key: str
    old: msgspec.Struct
    new: msgspec.Struct
    expires_at: Instant | None


class Put(NamedTuple):
    """Add a record or replace the one that is there, whatever it says: the last one to come counts."""

    table: Table[Any]
    key: str
    record: msgspec.Struct
    expires_at: Instant | None


class Delete(NamedTuple):
    """Remove a record; there must be one."""

    table: Table[Any]
    key: str


class Index(NamedTuple):
    """Put `member` at `position` of the named index."""

    name: str
    member: str
    position: Instant
    expires_at: Instant | None


class Unindex(NamedTuple):
    """Take `member` out of the named index, if it is there."""

    name: str
    member: str


Write: TypeAlias = Insert | Swap | Put | Delete | Index | Unindex


class Get(NamedTuple):
    """`Store.get` of a record."""

    table: Table[Any]
    key: str


class Newest(NamedTuple):
    """`Store.newest` of an index, from its end on."""

    name: str
    limit: int
    before: tuple[Instant, str] | None = None


Need: TypeAlias = Get | Newest


class Full(NamedTuple):
    """A sliding window that has no room for another request."""

    #: Until it has (ns).
    wait: Instant
    #: Its number of requests, and its length (ns).
    limit: int
    length: Instant


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A record of a table in a dump, encoded as MessagePack."""

    table: str
    key: str
    record: bytes
    expires_at: Instant | None


class Dump(msgspec.Struct, frozen=True, rename="camel"):
    """Everything in the tables and indexes of a store. Requests counted and journaled are no part of it."""

    rows: list[Row]
    #: (index, member, position, expires_at) of each index entry.
    entries: list[tuple[str, str, Instant, Instant | None]]


class Store(Protocol):
    """Records never change in place: `swap` replaces the one that was read by its successor.

    `expires_at` is an `Instant` of the mock's clock; from that moment on the record does not exist. Whatever
    has been answered is in the store, and each call is one step to every process that uses it.

    All methods of a remote store raise `StoreUnavailable` if it cannot be reached; then a change may have
    been made or not. The methods that are no coroutines can be called from any thread.
    """

    #: Whether the state is in this process alone: then no call waits for anything.
    is_local: bool
    #: Whether the first call of a request confirms the shared record's version (`ksef_mock.state.look`).
    confirms_version: bool

    async def get(self, table: Table[R], key: str) -> R | None:
        """The record, or None if there is none or it has expired."""

    async def count(self, table: Table[R]) -> int:
        """How many records there are, some that have expired perhaps included. Costs O(n) in memory."""

    async def insert(self, table: Table[R], key: str, record: R, expires_at: Instant | None) -> bool:
        """Add a record; False (and nothing changed) if the key is taken."""

    async def swap(self, table: Table[R], key: str, old: R, new: R, expires_at: Instant | None) -> bool:
        """Replace `old` by `new` in one step; False if the record is no longer equal to `old`."""

    async def delete(self, table: Table[R], key: str) -> bool:
        """Remove a record; False if there was none."""

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        """Up to `limit` (position, member) pairs in descending order, all strictly below `before`."""

    async def prefetch(self, *needs: Need) -> None:
        """Read ahead what the request at hand will probably ask for, in one round trip."""

    async def commit(self, *writes: Write) -> bool:
        """Make all changes in one step; False, and nothing changed, unless each of them is possible.

        No two writes of a commit may be of the same record.
        """

    async def admit(self, key: str, windows: Sequence[tuple[int, Instant]]) -> Full | None:
        """Count a request of `key` now, unless a window has no room for it; the one full for the longest.

        Args:
            windows: (number of requests, length in ns) of each sliding window.
        """

    async def log(self, entry: bytes, keep: int) -> None:
        """Append to the journal of all processes, which keeps its last `keep` entries."""

    def logged(self, after: int = 0) -> list[tuple[int, bytes]]:
        """The journal's entries numbered above `after`, in order; the first ever made has the number 1."""

    def last_logged(self) -> int:
        """The number of the journal's newest entry; 0 if there is none."""

    async def clear(self) -> None:
        """Forget everything but the shared record."""

    async def dump(self) -> Dump:
        """All tables and indexes as they are at one moment."""

    async def restore(self, dump: Dump) -> None:
        """Replace all tables and indexes by those of a dump, of this store or of another kind."""

    async def shared_version(self) -> str | None:
        """The version of the shared record (see `ksef_mock.shared`), a text; None if there is none."""

    def load_shared(self) -> tuple[str, bytes] | None:
        """The shared record with its version; None if there is none."""

    def swap_shared(self, old: str | None, new: str, record: bytes) -> bool:
        """Replace the shared record of version `old` (None: there is none); False if that is not there."""

    async def close(self) -> None:
        """Let go of connections and files; the state stays where it is."""
