"""The one clock of a mock. Everything that depends on time asks it; tests move it instead of sleeping."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

#: A moment: nanoseconds since 1970-01-01T00:00:00Z. `datetime` stops at microseconds, KSeF shows 100 ns.
Instant: TypeAlias = int

SECOND: Instant = 1_000_000_000
MILLISECOND: Instant = 1_000_000
_TICK: Instant = 100  # the resolution of .NET's DateTimeOffset, which KSeF's timestamps come from


class Clock:
    """Wall-clock time plus an offset, or a frozen moment. Safe to move from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset: Instant = 0
        self._frozen: Instant | None = None

    def now(self) -> Instant:
        """The current moment in ns since the epoch, a whole number of 100 ns ticks."""
        moment = self._frozen
        if moment is None:
            moment = time.time_ns() + self._offset
        return moment - moment % _TICK

    def advance(self, seconds: float) -> None:
        """Move forward (or, if negative, back) by `seconds`; works on a frozen clock too."""
        with self._lock:
            delta = round(seconds * SECOND)
            if self._frozen is None:
                self._offset += delta
            else:
                self._frozen += delta

    def set(self, moment: datetime) -> None:
        """Jump to `moment` (naive means UTC). A running clock goes on running from there."""
        with self._lock:
            target = from_datetime(moment)
            if self._frozen is None:
                self._offset = target - time.time_ns()
            else:
                self._frozen = target

    def freeze(self) -> None:
        """Stop at the current moment until `resume`."""
        with self._lock:
            if self._frozen is None:
                self._frozen = time.time_ns() + self._offset

    def resume(self) -> None:
        """Run on from the moment at which the clock stands."""
        with self._lock:
            if self._frozen is not None:
                self._offset = self._frozen - time.time_ns()
                self._frozen = None

    def reset(self) -> None:
        """Back to real time, running."""
        with self._lock:
            self._offset = 0
            self._frozen = None


def from_datetime(moment: datetime) -> Instant:
    """`moment` (naive means UTC) as an `Instant`, exact to the microsecond."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000


def to_datetime(moment: Instant) -> datetime:
    """`moment` as an aware UTC datetime, truncated to the microsecond."""
    seconds, nanoseconds = divmod(moment, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1_000)


def iso(moment: Instant) -> str:
    """ISO 8601 with 7 fractional digits and `+00:00`, as KSeF writes every date (OpenAPI examples)."""
    seconds, nanoseconds = divmod(moment, SECOND)
    return f"{_to_the_second(seconds)}.{nanoseconds // _TICK:07}+00:00"


@lru_cache(64)
def _to_the_second(seconds: int) -> str:
    parts = time.gmtime(seconds)
    return (
        f"{parts.tm_year:04}-{parts.tm_mon:02}-{parts.tm_mday:02}"
        f"T{parts.tm_hour:02}:{parts.tm_min:02}:{parts.tm_sec:02}"
    )


def unix_seconds(moment: Instant) -> int:
    """Whole seconds since the epoch, truncated: the unit of JWT claims."""
    return moment // SECOND


def unix_milliseconds(moment: Instant) -> int:
    """Whole milliseconds since the epoch, truncated: the unit of `timestampMs`."""
    return moment // MILLISECOND
