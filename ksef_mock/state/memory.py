"""The default store: mappings of one process.

Used from one event loop only, so a method without an `await` inside is atomic. Expired entries do not count,
and leave through a heap ordered by expiry: each write drops a few that are due, which costs O(log n) for each
entry over its life, never looks at the entries that stay, and keeps nobody waiting however many are due.
"""

from __future__ import annotations

import bisect
import heapq
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.state.shards import Shards
from ksef_mock.state.spool import Spool, Spooled
from ksef_mock.state.store import (
    Delete,
    Dump,
    Full,
    Index,
    Insert,
    Need,
    Put,
    Row,
    Swap,
    Table,
    Write,
)
from ksef_mock.state.windows import Windows

R = TypeVar("R", bound=msgspec.Struct)

#: Entries that one write drops at most; it adds no more than a few.
_SWEEP = 4
#: Entries of an index that lie in one list.
_RUN = 512
#: Entries of an index that are all looked at to find one.
_FEW = 8
_INDEX = "#index"  # the heap's mark of an index entry; no table is called so


class MemoryStore:
    """Implements `ksef_mock.state.store.Store`."""

    is_local = True
    confirms_version = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shared: tuple[str, bytes] | None = None
        # By table and key: records, and `_Until` of those that expire.
        self._tables: defaultdict[str, Shards[str, Any]] = defaultdict(Shards)
        self._orders: Shards[str, _Order] = Shards()  # by index
        self._due: list[tuple[Instant, str, str, str]] = []  # (expires_at, table, key, index member)
        self._spool = Spool()  # of records that are bulky
        self._log: deque[tuple[int, bytes]] = deque()
        self._sequence = 0
        #: Of the rate limits.
        self.windows = Windows()

    def __len__(self) -> int:
        """Rows and index entries held in memory, expired ones that have not left yet included."""
        rows = sum(map(len, self._tables.values()))
        return rows + sum(len(order) for _, order in self._orders.items())

    async def get(self, table: Table[R], key: str) -> R | None:
        row = self._row(table, key)
        if row is None:
            return None
        found: R = row[0]
        return found

    async def count(self, table: Table[R]) -> int:
        return len(self._tables[table.name])

    async def insert(self, table: Table[R], key: str, record: R, expires_at: Instant | None) -> bool:
        self._drop_due()
        if self._row(table, key) is not None:
            return False
        self._write(table.name, key, self._kept(table, record), expires_at)
        return True

    async def swap(self, table: Table[R], key: str, old: R, new: R, expires_at: Instant | None) -> bool:
        self._drop_due()
        row = self._row(table, key)
        if row is None or (row[0] is not old and row[0] != old):
            return False
        self._write(table.name, key, self._kept(table, new), expires_at, replaced=row[1])
        return True

    async def delete(self, table: Table[R], key: str) -> bool:
        self._drop_due()
        if self._row(table, key) is None:
            return False
        self._drop(table.name, key)
        return True

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        order = self._orders.get(name)
        if order is None:
            return []
        self._drop_due()
        found: list[tuple[Instant, str]] = []
        now = self._clock.now()
        for entry in order.backwards(before):
            if len(found) == limit:
                break
            if len(entry) == 2 or entry[2] > now:
                found.append(entry[:2])
        return found

    async def commit(self, *writes: Write) -> bool:
        self._drop_due()
        for write in writes:
            if not self._is_possible(write):
                return False
        for write in writes:
            # The most frequent first. No `match`, which looks for the members of each tuple by their names.
            if isinstance(write, Index):
                self._index(*write)
            elif isinstance(write, Insert):
                table, key, record, expires_at = write
                self._write(table.name, key, self._kept(table, record), expires_at)
            elif isinstance(write, Put):
                self._place(*write)
            elif isinstance(write, Swap):
                table, key, _, new, expires_at = write
                self._place(table, key, new, expires_at)
            elif isinstance(write, Delete):
                self._drop(write.table.name, write.key)
            else:
                self._unindex(*write)
        return True

    async def prefetch(self, *needs: Need) -> None:
        pass  # nothing is any way off

    async def admit(self, key: str, windows: Sequence[tuple[int, Instant]]) -> Full | None:
        return self.windows.admit(key, windows, self._clock.now())

    async def log(self, entry: bytes, keep: int) -> None:
        self._sequence += 1
        self._log.append((self._sequence, entry))
        while len(self._log) > keep:
            self._log.popleft()

    def logged(self, after: int = 0) -> list[tuple[int, bytes]]:
        return [entry for entry in list(self._log) if entry[0] > after]

    def last_logged(self) -> int:
        return self._sequence

    async def clear(self) -> None:
        self._forget()
        self.windows.clear()
        self._log.clear()
        self._sequence = 0

    async def dump(self) -> Dump:
        now = self._clock.now()
        rows = [
            Row(table, key, self._encoded(record), expires_at)
            for table, kept in self._tables.items()
            for key, (record, expires_at) in ((key, _parted(row)) for key, row in kept.items())
            if expires_at is None or expires_at > now
        ]
        entries = [
            (name, entry[1], entry[0], entry[2] if len(entry) == 3 else None)
            for name, order in self._orders.items()
            for entry in order.backwards(None)
            if len(entry) == 2 or entry[2] > now
        ]
        return Dump(rows, entries)

    async def restore(self, dump: Dump) -> None:
        self._forget()
        for row in dump.rows:
            self._write(row.table, row.key, _Encoded(row.record), row.expires_at)
        for name, member, position, expires_at in dump.entries:
            self._index(name, member, position, expires_at)

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

    async def close(self) -> None:
        self._spool.close()

    def _encoded(self, record: Any) -> bytes:
        if type(record) is Spooled:
            return self._spool.read(record)
        return record.data if type(record) is _Encoded else msgspec.msgpack.encode(record)

    def _forget(self) -> None:
        self._spool.clear()
        self._tables.clear()
        self._orders.clear()
        self._due.clear()

    def _is_possible(self, write: Write) -> bool:
        if isinstance(write, Index):
            return True
        if isinstance(write, Insert):
            return self._row(write.table, write.key) is None
        if isinstance(write, Swap):
            row = self._row(write.table, write.key)
            return row is not None and (row[0] is write.old or row[0] == write.old)
        return not isinstance(write, Delete) or self._row(write.table, write.key) is not None

    def _row(self, table: Table[Any], key: str) -> tuple[Any, Instant | None] | None:
        """A record that is there, and when it expires."""
        kept = self._tables[table.name].get(key)
        if kept is None:
            return None
        record, expires_at = _parted(kept)
        if expires_at is not None and expires_at <= self._clock.now():
            return None
        if type(record) is _Encoded:  # restored, and not read since
            read = msgspec.msgpack.decode(record.data, type=table.record)
            self._tables[table.name][key] = _dated(self._kept(table, read), expires_at)
            return read, expires_at
        if type(record) is Spooled:
            return msgspec.msgpack.decode(self._spool.read(record), type=table.record), expires_at
        return record, expires_at

    def _kept(self, table: Table[Any], record: Any) -> Any:
        """What is kept of a record: its place in a file if it is bulky."""
        return self._spool.add(msgspec.msgpack.encode(record)) if table.bulky else record

    def _place(self, table: Table[Any], key: str, record: Any, expires_at: Instant | None) -> None:
        """Replace a record, or add it."""
        _, replaced = _parted(self._tables[table.name].get(key))
        self._write(table.name, key, self._kept(table, record), expires_at, replaced)

    def _write(
        self, table: str, key: str, record: Any, expires_at: Instant | None, replaced: Instant | None = None
    ) -> None:
        rows = self._tables[table]
        if type(record) is Spooled:
            self._let_go(rows.get(key))
        rows[key] = _dated(record, expires_at)
        if expires_at is not None and expires_at != replaced:  # else it is on the heap already
            heapq.heappush(self._due, (expires_at, table, key, ""))

    def _drop(self, table: str, key: str) -> None:
        self._let_go(self._tables[table].pop(key))

    def _let_go(self, row: Any) -> None:
        """Of the place in the file that a record had, if it was bulky."""
        record, _ = _parted(row)
        if type(record) is Spooled:
            self._spool.remove(record)

    def _index(self, name: str, member: str, position: Instant, expires_at: Instant | None) -> None:
        order = self._orders.get(name)
        if order is None:
            order = self._orders[name] = _Order()
        order.put((position, member) if expires_at is None else (position, member, expires_at))
        if expires_at is not None:
            heapq.heappush(self._due, (expires_at, _INDEX, name, member))

    def _unindex(self, name: str, member: str) -> None:
        order = self._orders.get(name)
        if order is not None:
            order.remove(member)
            if not len(order):
                del self._orders[name]

    def _drop_due(self) -> None:
        if not self._due:
            return
        now = self._clock.now()
        if self._due[0][0] > now:
            return
        for _ in range(_SWEEP):
            if not self._due or self._due[0][0] > now:
                return
            expires_at, table, key, member = heapq.heappop(self._due)
            # An entry whose expiry was moved since has another place on the heap.
            if table == _INDEX:
                order = self._orders.get(key)
                entry = None if order is None else order.find(member)
                if entry is not None and entry[2:] == (expires_at,):
                    self._unindex(key, member)
            else:
                _, until = _parted(self._tables[table].get(key))
                if until == expires_at:
                    self._drop(table, key)


class _Encoded(NamedTuple):
    """A restored record; only a reader of its table knows its type."""

    data: bytes


class _Until(msgspec.Struct, frozen=True, gc=False):
    """A record that expires."""

    record: Any
    expires_at: Instant


def _dated(record: Any, expires_at: Instant | None) -> Any:
    """What a table holds."""
    return record if expires_at is None else _Until(record, expires_at)


def _parted(row: Any) -> tuple[Any, Instant | None]:
    """The record of what a table holds, and when it expires; two times None of nothing."""
    return (row.record, row.expires_at) if type(row) is _Until else (row, None)


#: Of an index: position and member, and when it expires if it does.
_Entry: TypeAlias = tuple[Instant, str] | tuple[Instant, str, Instant]


class _Order:
    """Entries of an index in order, in runs short enough to insert into and to delete from."""

    __slots__ = ("_entries", "_runs")

    def __init__(self) -> None:
        self._runs: list[list[_Entry]] = []  # none of them empty
        #: By member; None as long as there are so few that all are looked at.
        self._entries: Shards[str, _Entry] | None = None

    def __len__(self) -> int:
        return sum(map(len, self._runs)) if self._entries is None else len(self._entries)

    def find(self, member: str) -> _Entry | None:
        """The entry of a member."""
        if self._entries is not None:
            return self._entries.get(member)
        return next((entry for run in self._runs for entry in run if entry[1] == member), None)

    def put(self, entry: _Entry) -> None:
        """Add an entry, in place of the one of the same member."""
        member = entry[1]
        known = self.find(member)
        if known is not None:
            self._take(known)
        if self._entries is None and len(self) == _FEW:
            self._entries = Shards()
            for each in self.backwards(None):
                self._entries[each[1]] = each
        if self._entries is not None:
            self._entries[member] = entry
        at = self._run_of(entry)
        if at == len(self._runs):
            if not self._runs or len(self._runs[-1]) >= _RUN:
                self._runs.append([])
            self._runs[-1].append(entry)
            return
        run = self._runs[at]
        bisect.insort(run, entry)
        if len(run) > _RUN:
            self._runs[at : at + 1] = [run[: _RUN // 2], run[_RUN // 2 :]]

    def remove(self, member: str) -> None:
        """Take out the entry of a member, if there is one."""
        entry = self.find(member)
        if entry is not None:
            self._take(entry)

    def _take(self, entry: _Entry) -> None:
        if self._entries is not None:
            self._entries.pop(entry[1])
        at = self._run_of(entry)
        run = self._runs[at]
        del run[bisect.bisect_left(run, entry)]
        if not run:
            del self._runs[at]

    def backwards(self, before: tuple[Instant, str] | None) -> Iterator[_Entry]:
        """The entries before `before`, or all, the last one first."""
        at = len(self._runs) - 1
        if before is not None:
            at = min(self._run_of(before), at)
            if at >= 0:
                run = self._runs[at]
                yield from reversed(run[: bisect.bisect_left(run, before)])
                at -= 1
        for position in range(at, -1, -1):
            yield from reversed(self._runs[position])

    def _run_of(self, entry: _Entry) -> int:
        """The first run that does not end before the entry; their number if all do."""
        if self._runs and entry > self._runs[-1][-1]:  # almost always: what is new comes last
            return len(self._runs)
        return bisect.bisect_left(self._runs, entry, key=_last)


def _last(run: list[_Entry]) -> _Entry:
    return run[-1]
