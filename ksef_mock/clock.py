"""The one clock of a mock. Everything that depends on time asks it; tests move it instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import msgspec

#: A moment: nanoseconds since 1970-01-01T00:00:00Z. `datetime` stops at microseconds, KSeF shows 100 ns.
Instant: TypeAlias = int

SECOND: Instant = 1_000_000_000
MILLISECOND: Instant = 1_000_000
#: Where a mock's clock can be moved to: JWTs know no time before; what ends later still fits into 64 bits.
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2250, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Within 64 bits, with a year to spare for what is added: 1678-01-01 and 2262-01-01.
_FIRST: Instant = -9_214_560_000 * SECOND
_LAST: Instant = 9_214_646_400 * SECOND
_TICK: Instant = 100  # the resolution of .NET's DateTimeOffset, which KSeF's timestamps come from


class ClockState(msgspec.Struct, frozen=True, gc=False):
    """How a clock's time follows from real time."""

    #: What is added to real time ...
    offset: Instant = 0
    #: ... unless the clock stands still: then the moment at which it does.
    frozen: Instant | None = None

    def now(self) -> Instant:
        """The current moment, not yet rounded to a tick."""
        return time.time_ns() + self.offset if self.frozen is None else self.frozen

    def advanced(self, seconds: float) -> ClockState:
        delta = round(seconds * SECOND)
        if self.frozen is None:
            return ClockState(self.offset + delta)
        return ClockState(self.offset, self.frozen + delta)

    def at(self, moment: datetime) -> ClockState:
        target = from_datetime(moment)
        if self.frozen is None:
            return ClockState(target - time.time_ns())
        return ClockState(self.offset, target)

    def stopped(self) -> ClockState:
        return ClockState(self.offset, self.now()) if self.frozen is None else self

    def running(self) -> ClockState:
        return self if self.frozen is None else ClockState(self.frozen - time.time_ns())


RUNNING = ClockState()

#: Changes a clock's state by a step that may have to be repeated.
Mover: TypeAlias = Callable[[Callable[[ClockState], ClockState]], object]


class Clock:
    """Wall-clock time plus an offset, or a frozen moment. Safe to move from any thread.

    The clock of a mock whose store is shared moves for all of its processes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._move: Mover = self._move_alone
        self.state = RUNNING

    def now(self) -> Instant:
        """The current moment in ns since the epoch, a whole number of 100 ns ticks."""
        state = self.state
        moment = state.frozen
        if moment is None:
            moment = time.time_ns() + state.offset
        return moment - moment % _TICK

    def share(self, move: Mover) -> None:
        """From now on `move` changes the state, and whoever shares it sets `state`."""
        self._move = move

    def advance(
        self,
        by: timedelta | float = 0,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> None:
        """Move forward (or, if negative, back); works on a frozen clock too.

        Args:
            by: a timedelta, or seconds; what the others say comes on top.

        Raises:
            TypeError: an argument is something else; the message says what it may be.
        """
        try:
            # Not by timedelta, which stops at microseconds: KSeF's ticks are finer.
            distance = by.total_seconds() if isinstance(by, timedelta) else by + 0.0
            distance += ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        except TypeError:
            raise TypeError(
                "advance takes a timedelta, a number of seconds, or days=, hours=, minutes=, seconds="
            ) from None
        self._move(lambda state: state.advanced(distance))

    def set(self, moment: date | str) -> None:
        """Jump to `moment`. A running clock goes on running from there.

        Args:
            moment: a datetime (naive means UTC), a date (its midnight in UTC), or either as ISO 8601 text.

        Raises:
            TypeError, ValueError: it is none of them; the message says so.
        """
        try:
            at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        except ValueError:
            raise ValueError(f"set takes ISO 8601 such as 2026-03-01T12:00:00Z, not {moment!r}") from None
        if not isinstance(at, date):
            raise TypeError(f"set takes a datetime, a date or ISO 8601 text, not {type(moment).__name__}")
        at = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC)
        self._move(lambda state: state.at(at))

    def freeze(self) -> None:
        """Stop at the current moment until `resume`."""
        self._move(ClockState.stopped)

    def resume(self) -> None:
        """Run on from the moment at which the clock stands."""
        self._move(ClockState.running)

    def reset(self) -> None:
        """Back to real time, running."""
        self._move(lambda _: RUNNING)

    def _move_alone(self, step: Callable[[ClockState], ClockState]) -> None:
        with self._lock:
            self.state = step(self.state)


def in_utc(moment: datetime) -> datetime:
    """`moment` (naive means UTC) as an aware UTC datetime."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def from_datetime(moment: datetime) -> Instant:
    """`moment` (naive means UTC) as an `Instant`, exact to the microsecond.

    What is before 1678 or after 2261 comes to the ends of those: stores keep moments in 64 bits. No clock of
    a mock gets there, so whether it has passed is told rightly all the same.
    """
    delta = moment.replace(tzinfo=UTC) - _EPOCH if moment.tzinfo is None else moment - _EPOCH
    exact = ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000
    return min(max(exact, _FIRST), _LAST)


def to_datetime(moment: Instant) -> datetime:
    """`moment` as an aware UTC datetime, truncated to the microsecond."""
    seconds, nanoseconds = divmod(moment, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1_000)


def iso(moment: Instant) -> str:
    """A date and time as KSeF writes it: the round trip of .NET's DateTimeOffset, at UTC.

    Up to 7 fractional digits, zeros at their end dropped, no fraction at whole seconds (recorded on TEST).
    """
    seconds, nanoseconds = divmod(moment, SECOND)
    ticks = nanoseconds // _TICK
    fraction = f".{ticks:07}".rstrip("0") if ticks else ""
    return f"{_to_the_second(seconds)}{fraction}+00:00"


def iso_utc(moment: Instant) -> str:
    """The other way in which KSeF writes a moment, in legacy errors alone: always 7 digits, then `Z`."""
    seconds, nanoseconds = divmod(moment, SECOND)
    return f"{_to_the_second(seconds)}.{nanoseconds // _TICK:07}Z"


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
