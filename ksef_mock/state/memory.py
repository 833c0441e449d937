"""The default store: dictionaries of one process.

Used from one event loop only, so a method without an `await` inside is atomic. Expired entries leave through
a heap ordered by expiry: each write drops what is due, which costs O(log n) for each entry over its life and
never looks at the entries that stay.
"""

from __future__ import annotations

import bisect
import heapq
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.state.store import Table

R = TypeVar("R", bound=msgspec.Struct)

_INDEX = "#index"  # the heap's mark of an index entry; no table is called so


class MemoryStore:
    """Implements `ksef_mock.state.store.Store`."""

    is_local = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shared: tuple[str, bytes] | None = None
        self._rows: dict[tuple[str, str], tuple[Any, Instant | None]] = {}
        self._indexes: dict[str, _Index] = {}
        self._due: list[tuple[Instant, str, str, str]] = []  # (expires_at, table, key, index member)

    def __len__(self) -> int:
        """Rows and index entries held in memory, expired ones that have not left yet included."""
        return len(self._rows) + sum(len(index) for index in self._indexes.values())

    async def get(self, table: Table[R], key: str) -> R | None:
        row = self._rows.get((table.name, key))
        if row is None:
            return None
        record, expires_at = row
        if expires_at is not None and expires_at <= self._clock.now():
            return None
        found: R = record
        return found

    async def insert(self, table: Table[R], key: str, record: R, expires_at: Instant | None) -> bool:
        self._drop_due()
        if (table.name, key) in self._rows:
            return False
        self._write(table.name, key, record, expires_at)
        return True

    async def swap(self, table: Table[R], key: str, old: R, new: R, expires_at: Instant | None) -> bool:
        self._drop_due()
        row = self._rows.get((table.name, key))
        if row is None or (row[0] is not old and row[0] != old):
            return False
        if row[1] == expires_at:  # already on the heap
            self._rows[table.name, key] = (new, expires_at)
        else:
            self._write(table.name, key, new, expires_at)
        return True

    async def delete(self, table: Table[R], key: str) -> bool:
        self._drop_due()
        return self._rows.pop((table.name, key), None) is not None

    async def index(self, name: str, member: str, position: Instant, expires_at: Instant | None) -> None:
        self._drop_due()
        self._indexes.setdefault(name, _Index()).put(member, position, expires_at)
        if expires_at is not None:
            heapq.heappush(self._due, (expires_at, _INDEX, name, member))

    async def unindex(self, name: str, member: str) -> None:
        self._drop_due()
        self._unindex(name, member)

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        self._drop_due()
        index = self._indexes.get(name)
        return index.newest(limit, before) if index is not None else []

    async def clear(self) -> None:
        self._rows.clear()
        self._indexes.clear()
        self._due.clear()

    async def shared_version(self) -> str | None:
        shared = self._shared
        return None if shared is None else shared[0]

    def load_shared(self) -> tuple[str, bytes] | None:
        return self._shared

    def swap_shared(self, old: str | None, new: str, record: bytes) -> bool:
        with self._lock:
            if (None if self._shared is None else self._shared[0]) != old:
                return False
            self._shared = (new, record)
            return True

    def _write(self, table: str, key: str, record: Any, expires_at: Instant | None) -> None:
        self._rows[table, key] = (record, expires_at)
        if expires_at is not None:
            heapq.heappush(self._due, (expires_at, table, key, ""))

    def _unindex(self, name: str, member: str) -> None:
        index = self._indexes.get(name)
        if index is not None:
            index.remove(member)
            if not len(index):
                del self._indexes[name]

    def _drop_due(self) -> None:
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            expires_at, table, key, member = heapq.heappop(self._due)
            # An entry whose expiry was moved since has another place on the heap.
            if table == _INDEX:
                index = self._indexes.get(key)
                if index is not None and index.expiry(member) == expires_at:
                    self._unindex(key, member)
            else:
                row = self._rows.get((table, key))
                if row is not None and row[1] == expires_at:
                    del self._rows[table, key]


class _Index:
    """Members sorted by (position, member). Removal marks; the marks are swept once they are the majority."""

    __slots__ = ("_entries", "_members")

    def __init__(self) -> None:
        self._entries: list[tuple[Instant, str]] = []
        self._members: dict[str, tuple[Instant, Instant | None]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def expiry(self, member: str) -> Instant | None:
        entry = self._members.get(member)
        return entry[1] if entry is not None else None

    def put(self, member: str, position: Instant, expires_at: Instant | None) -> None:
        known = self._members.get(member)
        self._members[member] = (position, expires_at)
        if known is None or known[0] != position:
            bisect.insort(self._entries, (position, member))

    def remove(self, member: str) -> None:
        if self._members.pop(member, None) is not None and len(self._entries) > 2 * len(self._members) + 16:
            self._entries = [entry for entry in self._entries if self._is_live(entry)]

    def newest(self, limit: int, before: tuple[Instant, str] | None) -> list[tuple[Instant, str]]:
        found: list[tuple[Instant, str]] = []
        at = len(self._entries) if before is None else bisect.bisect_left(self._entries, before)
        while at > 0 and len(found) < limit:
            at -= 1
            entry = self._entries[at]
            if self._is_live(entry) and (not found or found[-1] != entry):
                found.append(entry)
        return found

    def _is_live(self, entry: tuple[Instant, str]) -> bool:
        known = self._members.get(entry[1])
        return known is not None and known[0] == entry[0]
