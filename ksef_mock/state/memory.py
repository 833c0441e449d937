"""The default store: mappings of one process.

Used from one event loop only, so a method without an `await` inside is atomic. Expired entries do not count,
and leave through a heap ordered by expiry: each write drops a few that are due, which costs O(log n) for each
entry over its life, never looks at the entries that stay, and keeps nobody waiting however many are due.
"""

from __future__ import annotations

import bisect
import heapq
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

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
    Unindex,
    Write,
)
from ksef_mock.state.windows import Windows

R = TypeVar("R", bound=msgspec.Struct)

#: Entries that one write drops at most; it adds no more than a few.
_SWEEP = 4
#: Entries of an index that lie in one list.
_RUN = 512
_INDEX = "#index"  # the heap's mark of an index entry; no table is called so


class MemoryStore:
    """Implements `ksef_mock.state.store.Store`."""

    is_local = True
    confirms_version = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shared: tuple[str, bytes] | None = None
        self._rows: Shards[tuple[str, str], tuple[Any, Instant | None]] = Shards()  # by table and key
        # By index and member: position and expiry. Beside it, by index, positions and members in order.
        self._members: Shards[tuple[str, str], tuple[Instant, Instant | None]] = Shards()
        self._orders: Shards[str, _Order] = Shards()
        self._due: list[tuple[Instant, str, str, str]] = []  # (expires_at, table, key, index member)
        self._spool = Spool()  # of records that are bulky
        self._log: deque[tuple[int, bytes]] = deque()
        self._sequence = 0
        #: Of the rate limits.
        self.windows = Windows()

    def __len__(self) -> int:
        """Rows and index entries held in memory, expired ones that have not left yet included."""
        return len(self._rows) + len(self._members)

    async def get(self, table: Table[R], key: str) -> R | None:
        row = self._row(table, key)
        if row is None:
            return None
        found: R = row[0]
        return found

    async def count(self, table: Table[R]) -> int:
        wanted = table.name
        return sum(name == wanted for name, _ in self._rows)

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
        self._drop_due()
        order = self._orders.get(name)
        if order is None:
            return []
        found: list[tuple[Instant, str]] = []
        now = self._clock.now()
        for entry in order.backwards(before):
            if len(found) == limit:
                break
            _, expires_at = self._members[name, entry[1]]
            if expires_at is None or expires_at > now:
                found.append(entry)
        return found

    async def commit(self, *writes: Write) -> bool:
        self._drop_due()
        if not all(map(self._is_possible, writes)):
            return False
        for write in writes:
            match write:
                case Insert(table, key, record, expires_at):
                    self._write(table.name, key, self._kept(table, record), expires_at)
                case Put(table, key, record, expires_at):
                    present = self._rows.get((table.name, key))
                    replaced = present[1] if present else None
                    self._write(table.name, key, self._kept(table, record), expires_at, replaced)
                case Swap(table, key, _, new, expires_at):
                    _, replaced = self._rows[table.name, key]
                    self._write(table.name, key, self._kept(table, new), expires_at, replaced)
                case Delete(table, key):
                    self._drop(table.name, key)
                case Index(name, member, position, expires_at):
                    self._index(name, member, position, expires_at)
                case Unindex(name, member):
                    self._unindex(name, member)
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
            for (table, key), (record, expires_at) in self._rows.items()
            if expires_at is None or expires_at > now
        ]
        entries = [
            (name, member, position, expires_at)
            for (name, member), (position, expires_at) in self._members.items()
            if expires_at is None or expires_at > now
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
        self._rows.clear()
        self._members.clear()
        self._orders.clear()
        self._due.clear()

    def _is_possible(self, write: Write) -> bool:
        match write:
            case Insert(table, key):
                return self._row(table, key) is None
            case Swap(table, key, old):
                row = self._row(table, key)
                return row is not None and (row[0] is old or row[0] == old)
            case Delete(table, key):
                return self._row(table, key) is not None
        return True

    def _row(self, table: Table[Any], key: str) -> tuple[Any, Instant | None] | None:
        row = self._rows.get((table.name, key))
        if row is None:
            return None
        if row[1] is not None and row[1] <= self._clock.now():
            return None
        if type(row[0]) is _Encoded:  # restored, and not read since
            record = msgspec.msgpack.decode(row[0].data, type=table.record)
            self._rows[table.name, key] = (self._kept(table, record), row[1])
            return record, row[1]
        if type(row[0]) is Spooled:
            return msgspec.msgpack.decode(self._spool.read(row[0]), type=table.record), row[1]
        return row

    def _kept(self, table: Table[Any], record: Any) -> Any:
        """What is kept of a record: its place in a file if it is bulky."""
        return self._spool.add(msgspec.msgpack.encode(record)) if table.bulky else record

    def _write(
        self, table: str, key: str, record: Any, expires_at: Instant | None, replaced: Instant | None = None
    ) -> None:
        if type(record) is Spooled:
            self._let_go(self._rows.get((table, key)))
        self._rows[table, key] = (record, expires_at)
        if expires_at is not None and expires_at != replaced:  # else it is on the heap already
            heapq.heappush(self._due, (expires_at, table, key, ""))

    def _drop(self, table: str, key: str) -> None:
        self._let_go(self._rows.pop((table, key)))

    def _let_go(self, row: tuple[Any, Instant | None] | None) -> None:
        """Of the place in the file that a record had, if it was bulky."""
        if row is not None and type(row[0]) is Spooled:
            self._spool.remove(row[0])

    def _index(self, name: str, member: str, position: Instant, expires_at: Instant | None) -> None:
        known = self._members.get((name, member))
        self._members[name, member] = (position, expires_at)
        if known is None or known[0] != position:
            order = self._orders.get(name)
            if order is None:
                order = self._orders[name] = _Order()
            elif known is not None:
                order.remove((known[0], member))
            order.add((position, member))
        if expires_at is not None:
            heapq.heappush(self._due, (expires_at, _INDEX, name, member))

    def _unindex(self, name: str, member: str) -> None:
        known = self._members.pop((name, member))
        if known is not None:
            order = self._orders[name]
            order.remove((known[0], member))
            if not order:
                del self._orders[name]

    def _drop_due(self) -> None:
        if not self._due:
            return
        now = self._clock.now()
        for _ in range(_SWEEP):
            if not self._due or self._due[0][0] > now:
                return
            expires_at, table, key, member = heapq.heappop(self._due)
            # An entry whose expiry was moved since has another place on the heap.
            if table == _INDEX:
                entry = self._members.get((key, member))
                if entry is not None and entry[1] == expires_at:
                    self._unindex(key, member)
            else:
                row = self._rows.get((table, key))
                if row is not None and row[1] == expires_at:
                    self._let_go(row)
                    del self._rows[table, key]


class _Encoded(NamedTuple):
    """A restored record; only a reader of its table knows its type."""

    data: bytes


class _Order:
    """Entries (position, member) in order, in runs short enough to insert into and to delete from."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[list[tuple[Instant, str]]] = []  # none of them empty

    def __bool__(self) -> bool:
        return bool(self._runs)

    def add(self, entry: tuple[Instant, str]) -> None:
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

    def remove(self, entry: tuple[Instant, str]) -> None:
        """Take out an entry that is there."""
        at = self._run_of(entry)
        run = self._runs[at]
        del run[bisect.bisect_left(run, entry)]
        if not run:
            del self._runs[at]

    def backwards(self, before: tuple[Instant, str] | None) -> Iterator[tuple[Instant, str]]:
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

    def _run_of(self, entry: tuple[Instant, str]) -> int:
        """The first run that does not end before the entry; their number if all do."""
        if self._runs and entry > self._runs[-1][-1]:  # almost always: what is new comes last
            return len(self._runs)
        return bisect.bisect_left(self._runs, entry, key=_last)


def _last(run: list[tuple[Instant, str]]) -> tuple[Instant, str]:
    return run[-1]
