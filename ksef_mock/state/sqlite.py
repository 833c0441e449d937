"""A store in a file: one machine's state that outlives its processes, several of which may use it at once.

SQLite in WAL mode with `synchronous=NORMAL`: a commit is in the operating system's hands before it is
answered, so killing the processes loses nothing. (A power failure may lose the last commits, never a part of
one.) A commit takes about as long as the way to a thread and back, a look a tenth of that (`bench.stores`),
so all of it happens in the event loop; only the copying of the WAL back into the database waits for the
disk, and that has a thread.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.core.errors import StoreUnavailable
from ksef_mock.state.remote import RemoteStore, decoded
from ksef_mock.state.store import (
    JITTER,
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
from ksef_mock.state.windows import LONGEST

R = TypeVar("R", bound=msgspec.Struct)

_encode = msgspec.msgpack.Encoder().encode

#: Changes whenever older files cannot be read any more.
_FORMAT = 3
#: Seconds to wait for another process's commit.
_PATIENCE = 5.0
#: Commits of which one removes expired rows, and how many at most: several times what they may add.
_SWEEP_EVERY = 8
_SWEEP = 64
#: Entries of the journal after which those that are too many are removed: each time other pages change.
_TRIM_EVERY = 32
#: Commits after which the WAL is copied back.
_CHECKPOINT_EVERY = 1_000

#: SQLite's largest integer: no moment is later.
_LAST: Instant = 2**63 - 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    "table" TEXT NOT NULL, key TEXT NOT NULL, record BLOB NOT NULL, expires_at INTEGER,
    PRIMARY KEY ("table", key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_due ON record (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS entry (
    "index" TEXT NOT NULL, member TEXT NOT NULL, position INTEGER NOT NULL, expires_at INTEGER,
    PRIMARY KEY ("index", member)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_position ON entry ("index", position, member);
CREATE INDEX IF NOT EXISTS entry_due ON entry (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS request (key TEXT NOT NULL, moment INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS request_key ON request (key, moment);
CREATE INDEX IF NOT EXISTS request_moment ON request (moment);
CREATE TABLE IF NOT EXISTS journal (sequence INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS shared (
    only INTEGER PRIMARY KEY CHECK (only = 1), version TEXT NOT NULL, record BLOB NOT NULL
);
"""


_TABLES = frozenset(("record", "entry", "request", "journal", "shared"))
#: How every SQLite database begins.
_MAGIC = b"SQLite format 3\0"


class SqliteStore(RemoteStore):
    """Implements `ksef_mock.state.store.Store`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the file, or make it; nobody else may read it, for it has private keys in it.

        Raises:
            OSError: it cannot be opened or made.
            ValueError: it is no database, one of something else, which is left as it is, or one of another
                version of this store.
        """
        self._clock = clock
        self._path = path
        self._lock = threading.RLock()
        self._commits = 0
        # Entries of the journal that count: as yet all that there are.
        self._keep = _LAST
        self._checkpoint: threading.Thread | None = None
        _claim(path)
        try:
            self._connection = self._connect()
            self._prepare()
        except sqlite3.Error as error:
            raise ValueError(f"{path} cannot be used as a store: {error}") from None
        self._reading = _Reading(self._connection, self._lock)
        self._alone = _Alone(self._connection, self._lock, self._committed)
        self._writing = _Writing(self._connection, self._lock, self._committed)

    async def get(self, table: Table[R], key: str) -> R | None:
        with self._reading as connection:
            row = _live(connection, table.name, key, self._clock.now())
        return None if row is None else decoded(row, table)

    async def count(self, table: Table[R]) -> int:
        with self._reading as connection:
            (number,) = connection.execute(
                'SELECT count(*) FROM record WHERE "table" = ?', (table.name,)
            ).fetchone()
        found: int = number
        return found

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        position, member = before or (_LAST, "")
        # Strangers ask for moments that no column holds: they are before or after all that there are.
        position = min(max(position, -_LAST), _LAST)
        with self._reading as connection:
            return connection.execute(
                'SELECT position, member FROM entry WHERE "index" = ?'
                " AND (expires_at IS NULL OR expires_at > ?) AND (position, member) < (?, ?)"
                " ORDER BY position DESC, member DESC LIMIT ?",
                (name, self._clock.now(), position, member, limit),
            ).fetchall()

    async def prefetch(self, *needs: Need) -> None:
        pass  # a file is not far off

    async def commit(self, *writes: Write) -> bool:
        now = self._clock.now()
        sweeps = not self._commits % _SWEEP_EVERY
        try:
            # One statement is a transaction by itself.
            with self._alone if len(writes) == 1 and not sweeps else self._writing as connection:
                for write in writes:
                    _make(connection, write, now)
                if sweeps:
                    _sweep(connection, now)
        except _Impossible:
            return False
        return True

    async def admit(self, key: str, windows: Sequence[tuple[int, Instant]]) -> Full | None:
        now = self._clock.now()
        with self._writing as connection:
            (last,) = connection.execute("SELECT max(moment) FROM request WHERE key = ?", (key,)).fetchone()
            if last is not None and last > now:
                if last - now > JITTER:  # the clock was set back
                    connection.execute("DELETE FROM request WHERE key = ?", (key,))
                else:
                    now = last
            fullest = max(_full(connection, key, limit, length, now) for limit, length in windows)
            if fullest.wait > 0:
                return fullest
            connection.execute("INSERT INTO request VALUES (?, ?)", (key, now))
            connection.execute(
                "DELETE FROM request WHERE rowid IN (SELECT rowid FROM request WHERE moment <= ? LIMIT ?)",
                (now - LONGEST, _SWEEP),
            )
        return None

    async def log(self, entry: bytes, keep: int) -> None:
        with self._alone as connection:
            number = connection.execute("INSERT INTO journal (entry) VALUES (?)", (entry,)).lastrowid
            assert number is not None
            self._keep = keep
            if not number % _TRIM_EVERY:
                connection.execute("DELETE FROM journal WHERE sequence <= ?", (number - keep,))

    def logged(self, after: int = 0) -> list[tuple[int, bytes]]:
        with self._reading as connection:
            rows = connection.execute(
                "SELECT sequence, entry FROM journal WHERE sequence > ? ORDER BY sequence", (after,)
            ).fetchall()
        return rows[-self._keep :] if self._keep else []

    def last_logged(self) -> int:
        with self._reading as connection:
            (number,) = connection.execute("SELECT max(sequence) FROM journal").fetchone()
        return number or 0

    async def clear(self) -> None:
        with self._writing as connection:
            _forget(connection)
            connection.execute("DELETE FROM request")
            connection.execute("DELETE FROM journal")

    async def dump(self) -> Dump:
        now = self._clock.now()
        with self._reading as connection:
            connection.execute("BEGIN")  # both tables as of the same moment
            rows = connection.execute(
                'SELECT "table", key, record, expires_at FROM record'
                " WHERE expires_at IS NULL OR expires_at > ?",
                (now,),
            ).fetchall()
            entries = connection.execute(
                'SELECT "index", member, position, expires_at FROM entry'
                " WHERE expires_at IS NULL OR expires_at > ?",
                (now,),
            ).fetchall()
            connection.execute("COMMIT")
        return Dump([Row(*row) for row in rows], entries)

    async def restore(self, dump: Dump) -> None:
        with self._writing as connection:
            _forget(connection)
            connection.executemany(
                "INSERT INTO record VALUES (?, ?, ?, ?)", map(msgspec.structs.astuple, dump.rows)
            )
            connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", dump.entries)

    async def shared_version(self) -> str | None:
        with self._reading as connection:
            row = connection.execute("SELECT version FROM shared").fetchone()
        return None if row is None else row[0]

    def load_shared(self) -> tuple[str, bytes] | None:
        with self._reading as connection:
            row: tuple[str, bytes] | None = connection.execute(
                "SELECT version, record FROM shared"
            ).fetchone()
        return row

    def swap_shared(self, old: str | None, new: str, record: bytes) -> bool:
        with self._writing as connection:
            row = connection.execute("SELECT version FROM shared").fetchone()
            if (None if row is None else row[0]) != old:
                return False
            connection.execute("INSERT OR REPLACE INTO shared VALUES (1, ?, ?)", (new, record))
        return True

    async def close(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.join()
        with self._lock:
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        (known,) = connection.execute("PRAGMA user_version").fetchone()
        if known not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"it has format {known}, this version of ksef-mock writes {_FORMAT}")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute("COMMIT")

    def _committed(self) -> None:
        """Copy the log into the file now and then, in the background."""
        self._commits += 1
        if self._commits % _CHECKPOINT_EVERY:
            return
        if self._checkpoint is None or not self._checkpoint.is_alive():
            self._checkpoint = threading.Thread(target=self._copy, name="ksef-mock-checkpoint", daemon=True)
            self._checkpoint.start()

    def _copy(self) -> None:
        # Only tidies up: whoever comes next tries again.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _claim(path: Path) -> None:
    """Make the file, or make sure that it is a store; nobody else may read it.

    Raises:
        OSError: it cannot be opened or made.
        ValueError: it is something else's, and nothing of it has been changed.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return
    foreign = _foreign(path)
    if foreign is not None:
        raise ValueError(f"{path} cannot be used as a store: {foreign}")
    descriptor = os.open(path, os.O_RDWR)
    try:
        # Windows has no such modes.
        if os.name == "posix" and stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.chmod(descriptor, 0o600)  # not fchmod, which Windows has not
    finally:
        os.close(descriptor)


def _foreign(path: Path) -> str | None:
    """Why the file is no store, nor about to become one; None if it is."""
    if not path.is_file():
        return "it is no file"
    if path.stat().st_size == 0:
        return None
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "file is not a database"
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        return str(error)
    # None at all: another process is about to make them.
    return "it is the database of something else" if tables and not tables >= _TABLES else None


class _Reading:
    """A context manager for one thread at a time; no generator, of which a login would make dozens.

    Raises:
        StoreUnavailable: for whatever SQLite raises.
    """

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self._connection = connection
        self._lock = lock

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as failure:
            error = failure
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise StoreUnavailable(reason=f"store: {type(error).__name__}: {error}") from error


class _Alone(_Reading):
    """The same for statements of which each is a transaction by itself."""

    def __init__(
        self, connection: sqlite3.Connection, lock: threading.RLock, committed: Callable[[], None]
    ) -> None:
        super().__init__(connection, lock)
        self._committed = committed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if error is None:
            self._committed()


class _Writing(_Alone):
    """The same with one transaction for all, which is committed unless something is raised."""

    def __enter__(self) -> sqlite3.Connection:
        connection = super().__enter__()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            super().__exit__(type(error), error, error.__traceback__)
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                error = failure
        super().__exit__(kind, error, trace)


def _live(connection: sqlite3.Connection, table: str, key: str, now: Instant) -> bytes | None:
    row = connection.execute(
        'SELECT record FROM record WHERE "table" = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)',
        (table, key, now),
    ).fetchone()
    return None if row is None else row[0]


class _Impossible(Exception):
    """A write cannot be made: nothing of its commit is to be."""


def _make(connection: sqlite3.Connection, write: Write, now: Instant) -> None:
    """
    Raises:
        _Impossible: as named.
    """
    match write:
        case Insert(table, key, record, expires_at):
            made = connection.execute(
                'INSERT INTO record VALUES (?, ?, ?, ?) ON CONFLICT ("table", key) DO UPDATE'
                " SET record = excluded.record, expires_at = excluded.expires_at"
                " WHERE record.expires_at <= ?",
                (table.name, key, _encode(record), expires_at, now),
            ).rowcount
            if not made:
                raise _Impossible
        case Swap(table, key, old, new, expires_at):
            # Almost always the record is as it was written and expires as before: no index changes then.
            made = connection.execute(
                'UPDATE record SET record = ? WHERE "table" = ? AND key = ? AND record = ?'
                " AND expires_at IS ? AND (expires_at IS NULL OR expires_at > ?)",
                (_encode(new), table.name, key, _encode(old), expires_at, now),
            ).rowcount
            if not made:
                row = _live(connection, table.name, key, now)
                if row is None or (row != _encode(old) and decoded(row, table) != old):
                    raise _Impossible
                # Still the same: outside of a transaction another process may have been faster.
                made = connection.execute(
                    "UPDATE record SET record = ?, expires_at = ?"
                    ' WHERE "table" = ? AND key = ? AND record = ?',
                    (_encode(new), expires_at, table.name, key, row),
                ).rowcount
                if not made:
                    raise _Impossible
        case Put(table, key, record, expires_at):
            connection.execute(
                "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)",
                (table.name, key, _encode(record), expires_at),
            )
        case Delete(table, key):
            made = connection.execute(
                'DELETE FROM record WHERE "table" = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)',
                (table.name, key, now),
            ).rowcount
            if not made:
                raise _Impossible
        case Index(name, member, position, expires_at):
            connection.execute(
                "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", (name, member, position, expires_at)
            )
        case Unindex(name, member):
            connection.execute('DELETE FROM entry WHERE "index" = ? AND member = ?', (name, member))


def _sweep(connection: sqlite3.Connection, now: Instant) -> None:
    for row in connection.execute(
        'SELECT "table", key FROM record WHERE expires_at <= ? ORDER BY expires_at LIMIT ?', (now, _SWEEP)
    ).fetchall():
        connection.execute('DELETE FROM record WHERE "table" = ? AND key = ?', row)
    for row in connection.execute(
        'SELECT "index", member FROM entry WHERE expires_at <= ? ORDER BY expires_at LIMIT ?', (now, _SWEEP)
    ).fetchall():
        connection.execute('DELETE FROM entry WHERE "index" = ? AND member = ?', row)


def _forget(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM record")
    connection.execute("DELETE FROM entry")


def _full(connection: sqlite3.Connection, key: str, limit: int, length: Instant, now: Instant) -> Full:
    # The moment that must leave the window before there is room: the limit-th from the end.
    row = connection.execute(
        "SELECT moment FROM request WHERE key = ? AND moment > ? ORDER BY moment DESC LIMIT 1 OFFSET ?",
        (key, now - length, limit - 1),
    ).fetchone()
    return Full(0 if row is None else row[0] + length - now, limit, length)
