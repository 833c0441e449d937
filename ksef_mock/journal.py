"""The journal: each request with what the mock decided and why. Secrets appear masked or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from ksef_mock.clock import iso
from ksef_mock.errors import BadRequest, KsefError
from ksef_mock.exchange import Exchange


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


class Journal:
    """The last requests, the oldest dropped first. Written by the server, readable from any thread."""

    def __init__(self, size: int) -> None:
        self._entries: deque[tuple[int, Exchange, int, KsefError | None, float]] = deque(maxlen=size)
        self._sequence = 0

    def record(self, exchange: Exchange, status: int, error: KsefError | None, duration_ms: float) -> None:
        self._sequence += 1
        self._entries.append((self._sequence, exchange, status, error, duration_ms))

    def clear(self) -> None:
        self._entries.clear()
        self._sequence = 0

    def entries(
        self, *, path: str | None = None, operation: str | None = None, after: int = 0
    ) -> list[Entry]:
        """Entries in order of arrival: path ending in `path`, of `operation`, numbered above `after`."""
        return [
            _entry(*row)
            for row in list(self._entries)
            if row[0] > after
            and (path is None or row[1].path.endswith(path))
            and (operation is None or row[1].operation == operation)
        ]

    def last(self, path: str | None = None) -> Entry:
        """The newest entry (whose path ends in `path`).

        Raises:
            LookupError: there is none.
        """
        for row in reversed(list(self._entries)):
            if path is None or row[1].path.endswith(path):
                return _entry(*row)
        raise LookupError(f"the journal has no request{f' to {path}' if path else ''}")

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())


def _entry(
    sequence: int, exchange: Exchange, status: int, error: KsefError | None, duration_ms: float
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
        code=int(error.code) if isinstance(error, BadRequest) else None,
        details=_details(error),
        reason=error.reason if error is not None else None,
        operation=exchange.operation,
        decisions=[Decision(check, outcome.value, reason) for check, outcome, reason in exchange.decisions],
        facts=exchange.facts,
    )


def _details(error: KsefError | None) -> list[str]:
    if error is None:
        return []
    return list(error.details) if isinstance(error, BadRequest) else [error.detail]
