"""The journal: each request with what the mock decided and why. Secrets appear masked or not at all."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPMethod
from typing import Any, NamedTuple, TypeAlias

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core.errors import BadRequest, KsefError
from ksef_mock.core.exchange import Exchange, Outcome
from ksef_mock.core.expected import one_of, wrong
from ksef_mock.core.paths import api_path
from ksef_mock.core.text import Allowance
from ksef_mock.core.wire import Wire

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
    """What is kept of an error."""

    code: int | None
    details: tuple[str, ...]
    reason: str


class _Kept(msgspec.Struct, array_like=True):
    """One request and its answer as they are kept, in one piece of MessagePack.

    Of some hundred small objects a request each would cost when it is let go of, long after it was last
    looked at, and each time the collector looks for garbage.
    """

    started_at: Instant
    trace_id: str
    client_ip: str
    method: str
    path: str
    status: int
    duration_ms: float
    refusal: _Refusal | None
    operation: str | None
    decisions: Sequence[tuple[str, str, str]]
    #: Of the exchange, `Facts`; read again, its members.
    facts: Any
    #: `Wire`, read again by those alone who ask for it; None under /_mock.
    wire: Any

    def entry(self, sequence: int) -> Entry:
        code, details, reason = self.refusal or (None, (), None)
        return Entry(
            sequence=sequence,
            timestamp=iso(self.started_at),
            trace_id=self.trace_id,
            client_ip=self.client_ip,
            method=self.method,
            path=self.path,
            status=self.status,
            duration_ms=round(self.duration_ms, 3),
            code=code,
            details=list(details),
            reason=reason,
            operation=self.operation,
            decisions=[Decision(*decision) for decision in self.decisions],
            facts=self.facts,
        )


class _Read(_Kept, array_like=True):
    wire: msgspec.Raw


class _Whole(_Kept, array_like=True):
    wire: Wire | None


_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(_Read).decode
_decode_whole = msgspec.msgpack.Decoder(_Whole).decode

#: Octets that entries with what was on the wire may take together: of the oldest it is forgotten then.
_WHOLE = 4 * 1_048_576

#: The number of an entry, and the entry as it is kept.
Row: TypeAlias = tuple[int, bytes]


class Journal:
    """The last requests, the oldest dropped first. Written by the server, readable from any thread.

    That of a mock with a remote store (`stored_journal`) has the requests of all of its processes.
    """

    def __init__(self, size: int) -> None:
        self._rows: deque[Row] = deque(maxlen=size)
        self._sequence = 0
        # Of how many of the oldest rows what was on the wire is forgotten, and the octets of the others.
        self._forgotten = 0
        self._held = 0
        self._buffer = bytearray()
        #: Counts the calls of `clear`.
        self.epoch = 0

    async def record(
        self, exchange: Exchange, status: int, error: KsefError | None, duration_ms: float
    ) -> None:
        """Note a request that is about to be answered with `status`."""
        self._sequence += 1
        rows = self._rows
        if not rows.maxlen:
            return
        if len(rows) == rows.maxlen:
            if self._forgotten:
                self._forgotten -= 1
            else:
                self._held -= len(rows[0][1])
        row = self._kept(exchange, exchange.wire, status, error, duration_ms)
        rows.append((self._sequence, row))
        self._held += len(row)
        while self._held > _WHOLE:
            self._forget()

    def _kept(
        self, exchange: Exchange, wire: Wire | None, status: int, error: KsefError | None, duration_ms: float
    ) -> bytes:
        kept = _Kept(
            exchange.started_at,
            exchange.trace_id,
            exchange.client_ip,
            exchange.method,
            exchange.path,
            status,
            duration_ms,
            None if error is None else _refusal(error),
            exchange.operation,
            exchange.decisions,
            exchange.facts,
            wire,
        )
        # One buffer for all: msgspec would begin with a small one each time, and keep a third too much.
        _encoder.encode_into(kept, self._buffer)
        return bytes(self._buffer)

    def _forget(self) -> None:
        """What was on the wire of the oldest request of which it is kept."""
        sequence, row = self._rows[self._forgotten]
        self._held -= len(row)
        whole = _decode_whole(row)
        if whole.wire is not None:
            whole.wire.forget()
            self._rows[self._forgotten] = sequence, _encoder.encode(whole)
        self._forgotten += 1

    def clear(self) -> None:
        self._rows.clear()
        self._forgotten = self._held = 0
        self._sequence = 0
        self.epoch += 1

    def get(self, number: int | str) -> tuple[Entry, Wire | None]:
        """The entry of this number, or of this trace id, and what was on the wire; None under /_mock.

        Raises:
            LookupError: there is none, or not any more.
        """
        for row in self._after(number - 1 if isinstance(number, int) else 0):
            entry = _entry(row)
            if number in (entry.sequence, entry.trace_id):
                return entry, _decode_whole(row[1]).wire
        raise LookupError(f"the journal has no request {number}")

    def entries(
        self, *, path: str | None = None, operation: str | None = None, after: int = 0
    ) -> list[Entry]:
        """Entries in order of arrival; the arguments are those of `Query`."""
        return self.find(Query(path=path, operation=operation, after=after))

    def find(self, query: Query) -> list[Entry]:
        """The entries that the query asks for, in order of arrival."""
        found = [entry for entry in map(_entry, self._after(query.after)) if query.admits(entry)]
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
        for row in reversed(self._after(0)):
            entry = _entry(row)
            if path is None or entry.path.endswith(path):
                return entry
        raise LookupError(f"the journal has no request{f' to {path}' if path else ''}")

    def _after(self, number: int) -> list[Row]:
        """The rows numbered above this."""
        return [row for row in list(self._rows) if row[0] > number]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())


def _entry(row: Row) -> Entry:
    return _decode(row[1]).entry(row[0])


def _refusal(error: KsefError) -> _Refusal:
    allowance = Allowance(_REFUSAL)
    reason = allowance.take(error.reason)
    if isinstance(error, BadRequest):
        details = tuple(allowance.take(detail) for detail in error.details[:_MOST_DETAILS])
        return _Refusal(int(error.code), details, reason)
    return _Refusal(None, (allowance.take(error.detail),) if error.detail else (), reason)
