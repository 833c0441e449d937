"""The journal: each request with what the mock decided and why. Secrets appear masked or not at all."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPMethod
from typing import Any, NamedTuple, TypeAlias

import msgspec

from ksef_mock.clock import iso
from ksef_mock.core.errors import BadRequest, KsefError, StoreUnavailable
from ksef_mock.core.exchange import Exchange, Outcome
from ksef_mock.core.expected import one_of, wrong
from ksef_mock.core.paths import api_path
from ksef_mock.core.text import Allowance
from ksef_mock.core.wire import Wire
from ksef_mock.state.store import Store
from ksef_mock.trail.wire import for_storage

_log = logging.getLogger("ksef_mock")

#: Octets that are kept of an error's reason and details, and how many of the latter.
_REFUSAL = 2_500
_MOST_DETAILS = 32


class Decision(msgspec.Struct, frozen=True):
    """One check of a request: its name, `passed`, `failed` or `noted`, and the reason in English."""

    check: str
    outcome: str
    reason: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One request and its answer."""

    sequence: int
    timestamp: str
    trace_id: str
    client_ip: str
    method: str
    path: str
    status: int
    #: How long the answer took, in ms of real time.
    duration_ms: float
    #: Exception code of a 400 answer.
    code: int | None = None
    #: What a refusal told the client, in Polish: the details of a 400, the one `detail` of other statuses.
    details: list[str] = []
    #: Why the request was refused: the true cause, which KSeF itself would not tell.
    reason: str | None = None
    #: Reference number of the authentication operation.
    operation: str | None = None
    decisions: list[Decision] = []
    facts: dict[str, Any] = {}

    @property
    def failed(self) -> bool:
        """Whether an error was answered, or a check failed behind a good answer."""
        return self.status >= 400 or any(decision.outcome == Outcome.FAILED for decision in self.decisions)


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries are asked for: those that satisfy whatever is given."""

    #: End of the path; with a `*` in it, a pattern for the path without the prefix of the API.
    path: str | None = None
    method: str | None = None
    #: `404`, or `4xx` for all of a hundred.
    status: str | None = None
    #: Exception code.
    code: int | None = None
    #: Whether an error was answered, or a check failed behind a good answer.
    failed: bool | None = None
    #: Reference number of an authentication operation.
    operation: str | None = None
    #: IP address.
    client: str | None = None
    #: Numbered above this.
    after: int = 0
    #: The newest of them, at most so many.
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.status is not None and not re.fullmatch(r"[1-5](?:\d\d|xx)", self.status):
            raise ValueError(wrong("status", "a status such as 404, or a class such as 4xx", self.status))
        if self.method is not None and self.method.upper() not in list(HTTPMethod):
            raise ValueError(wrong("method", one_of(HTTPMethod), self.method))

    def admits(self, entry: Entry) -> bool:
        """Whether an entry is asked for, `after` and `limit` aside."""
        return (
            (self.path is None or self._is_at(entry.path))
            and (self.method is None or self.method.upper() == entry.method)
            and (self.status is None or self._has_status(str(entry.status)))
            and (self.code is None or self.code == entry.code)
            and (self.failed is None or self.failed == entry.failed)
            and (self.operation is None or self.operation == entry.operation)
            and (self.client is None or self.client == entry.client_ip)
        )

    def _is_at(self, path: str) -> bool:
        assert self.path is not None
        if "*" in self.path:
            return fnmatchcase(api_path(path) or path, self.path)
        return path.endswith(self.path)

    def _has_status(self, status: str) -> bool:
        assert self.status is not None
        return status[0] == self.status[0] if self.status.endswith("xx") else status == self.status


class _Refusal(NamedTuple):
    """What is kept of an error. The error itself holds on, by its traceback, to the whole request."""

    code: int | None
    details: tuple[str, ...]
    reason: str


class _Stored(Entry, frozen=True, kw_only=True):
    """An entry as a store keeps it. Who reads it as an `Entry` passes over the rest without decoding it."""

    wire: Wire | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode
_decode_whole = msgspec.msgpack.Decoder(_Stored).decode

#: Octets that what was on the wire may take, all requests together: beyond it the oldest are forgotten.
_WIRES = 3 * 1_048_576
#: Octets of a body that a store keeps, which each reader of the journal fetches.
_LONGEST_STORED = 32_768


_Row: TypeAlias = tuple[int, Exchange, int, _Refusal | None, float]


class Journal:
    """The last requests, the oldest dropped first. Written by the server, readable from any thread.

    That of a mock with a remote store (`StoredJournal`) has the requests of all of its processes.
    """

    def __init__(self, size: int) -> None:
        self._entries: deque[_Row] = deque(maxlen=size)
        self._sequence = 0
        # The newest requests, of which is kept what was on the wire, and how much that is.
        self._wires: deque[Exchange] = deque()
        self._held = 0
        #: Counts the calls of `clear`.
        self.epoch = 0

    async def record(
        self, exchange: Exchange, status: int, error: KsefError | None, duration_ms: float
    ) -> None:
        """Note a request that is about to be answered with `status`."""
        self._sequence += 1
        if not self._entries.maxlen:
            return
        if len(self._entries) == self._entries.maxlen and self._is_kept(self._entries[0][1]):
            self._forgotten()
        self._entries.append((self._sequence, exchange, status, _refusal(error), duration_ms))
        if exchange.wire is not None:
            exchange.pack_wire()
            self._wires.append(exchange)
            self._held += len(exchange.packed)
            while self._held > _WIRES:
                self._forgotten().forget_wire()

    def _is_kept(self, oldest: Exchange) -> bool:
        return bool(self._wires) and self._wires[0] is oldest

    def _forgotten(self) -> Exchange:
        """The oldest request of those whose wire is kept; it does not count as one of them any more."""
        exchange = self._wires.popleft()
        self._held -= len(exchange.packed)
        return exchange

    def clear(self) -> None:
        self._entries.clear()
        self._wires.clear()
        self._held = 0
        self._sequence = 0
        self.epoch += 1

    def get(self, number: int | str) -> tuple[Entry, Wire | None]:
        """The entry of this number, or of this trace id, and what was on the wire; None under /_mock.

        Raises:
            LookupError: there is none, or not any more.
        """
        for row in list(self._entries):
            if number in (row[0], row[1].trace_id):
                return _entry(*row), row[1].packed_wire()
        raise LookupError(f"the journal has no request {number}")

    def entries(
        self, *, path: str | None = None, operation: str | None = None, after: int = 0
    ) -> list[Entry]:
        """Entries in order of arrival; the arguments are those of `Query`."""
        return self.find(Query(path=path, operation=operation, after=after))

    def find(self, query: Query) -> list[Entry]:
        """The entries that the query asks for, in order of arrival."""
        found = [entry for entry in self._after(query.after) if query.admits(entry)]
        return found if query.limit is None else found[len(found) - query.limit :] if query.limit else []

    @property
    def newest(self) -> int:
        """The number of the newest entry; 0 if there is none since the last `clear`."""
        return self._sequence

    async def look(self, query: Query) -> tuple[int, list[Entry]]:
        """What is new: up to which number the journal was looked through, and what the query asks for.

        A number below `query.after` says that the journal was cleared meanwhile. For an event loop that looks
        again and again: it is not kept waiting.
        """
        return self._look(query)

    def _look(self, query: Query) -> tuple[int, list[Entry]]:
        newest = self.newest
        entries = self.find(query) if newest > query.after else []
        return max([newest, *(entry.sequence for entry in entries[-1:])]), entries

    def last(self, path: str | None = None) -> Entry:
        """The newest entry (whose path ends in `path`).

        Raises:
            LookupError: there is none.
        """
        for row in reversed(list(self._entries)):
            if path is None or row[1].path.endswith(path):
                return _entry(*row)
        raise _nothing(path)

    def _after(self, number: int) -> Iterable[Entry]:
        return (_entry(*row) for row in list(self._entries) if row[0] > number)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())


class StoredJournal(Journal):
    """A journal in a remote store. Reading it takes a round trip and raises `StoreUnavailable`."""

    def __init__(self, size: int, store: Store) -> None:
        super().__init__(0)
        self._size = size
        self._store = store

    async def record(
        self, exchange: Exchange, status: int, error: KsefError | None, duration_ms: float
    ) -> None:
        if isinstance(error, StoreUnavailable):
            return
        entry = _entry(0, exchange, status, _refusal(error), duration_ms)
        if exchange.wire is not None:
            wire = for_storage(exchange.wire, _LONGEST_STORED)
            entry = _Stored(**msgspec.structs.asdict(entry), wire=wire)
        try:
            await self._store.log(_encode(entry), self._size)
        except StoreUnavailable as failure:
            # What the request has done is done: its answer must not be lost with the entry.
            _log.warning("trace %s: not in the journal: %s", exchange.trace_id, failure.reason)

    def clear(self) -> None:
        self.epoch += 1  # the store has cleared the rest with everything else

    @property
    def newest(self) -> int:
        return self._store.last_logged()

    def get(self, number: int | str) -> tuple[Entry, Wire | None]:
        after = number - 1 if isinstance(number, int) else 0
        for row in self._store.logged(after):
            entry = _numbered(row)
            if number in (entry.sequence, entry.trace_id):
                return entry, _decode_whole(row[1]).wire
        raise LookupError(f"the journal has no request {number}")

    async def look(self, query: Query) -> tuple[int, list[Entry]]:
        return await asyncio.to_thread(self._look, query)

    def last(self, path: str | None = None) -> Entry:
        for row in reversed(self._store.logged()):
            entry = _numbered(row)
            if path is None or entry.path.endswith(path):
                return entry
        raise _nothing(path)

    def _after(self, number: int) -> Iterable[Entry]:
        return map(_numbered, self._store.logged(number))

    def __len__(self) -> int:
        return len(self._store.logged())


def _numbered(row: tuple[int, bytes]) -> Entry:
    return msgspec.structs.replace(_decode(row[1]), sequence=row[0])


def _nothing(path: str | None) -> LookupError:
    return LookupError(f"the journal has no request{f' to {path}' if path else ''}")


def _refusal(error: KsefError | None) -> _Refusal | None:
    if error is None:
        return None
    allowance = Allowance(_REFUSAL)
    reason = allowance.take(error.reason)
    if isinstance(error, BadRequest):
        details = tuple(allowance.take(detail) for detail in error.details[:_MOST_DETAILS])
        return _Refusal(int(error.code), details, reason)
    return _Refusal(None, (allowance.take(error.detail),) if error.detail else (), reason)


def _entry(
    sequence: int, exchange: Exchange, status: int, refusal: _Refusal | None, duration_ms: float
) -> Entry:
    return Entry(
        sequence=sequence,
        timestamp=iso(exchange.started_at),
        trace_id=exchange.trace_id,
        client_ip=exchange.client_ip,
        method=exchange.method,
        path=exchange.path,
        status=status,
        duration_ms=round(duration_ms, 3),
        code=refusal.code if refusal else None,
        details=list(refusal.details) if refusal else [],
        reason=refusal.reason if refusal else None,
        operation=exchange.operation,
        decisions=[Decision(check, outcome.value, reason) for check, outcome, reason in exchange.decisions],
        facts=exchange.facts.members(),
    )
