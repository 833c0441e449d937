"""Sliding windows: how many requests of one kind were admitted in the last second, minute and hour.

A window keeps the moments of the requests in it, never more than its limit, and drops what has left it. Logs
that nobody has used for an hour leave memory. Both cost O(1) for each request, amortised. The windows belong
to one process: several processes on a common store each count their own requests.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TypeAlias

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.errors import TooManyRequests

#: Whose requests are counted together: the context (or ""), the IP address, the group of operations.
Key: TypeAlias = tuple[str, str, str]

_LONGEST: Instant = 3_600 * SECOND
_UNITS = {SECOND: "sekundę", 60 * SECOND: "minutę", _LONGEST: "godzinę"}


class RateLimiter:
    """Counts admitted requests, each key by itself. Refused requests do not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logs: OrderedDict[Key, _Log] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        """Keys held in memory."""
        return len(self._logs)

    def clear(self) -> None:
        self._logs.clear()

    def admit(self, key: Key, windows: Iterable[tuple[int, Instant]]) -> None:
        """Count a request.

        Args:
            windows: (number of requests, length) of each window; lengths of a second, a minute, an hour.

        Raises:
            TooManyRequests: a window is full; of several, the one that stays so the longest.
        """
        now = self._clock.now()
        self._drop_idle(now)
        log = self._logs.setdefault(key, _Log())
        self._logs.move_to_end(key)
        wait, limit, length = max(log.wait(limit, length, now) for limit, length in windows)
        if wait > 0:
            seconds = -(-wait // SECOND)
            raise TooManyRequests(
                f"Przekroczono limit {limit} żądań na {_UNITS[length]}. "
                f"Spróbuj ponownie po {seconds} {'sekundzie' if seconds == 1 else 'sekundach'}.",
                seconds,
                reason=f"rate limit: {limit} in {length // SECOND} s, {' '.join(filter(None, key))}",
            )
        log.add(now)

    def _drop_idle(self, now: Instant) -> None:
        while self._logs:
            key, log = next(iter(self._logs.items()))
            if log.last is not None and now - _LONGEST < log.last:
                return
            del self._logs[key]


class _Log:
    """The admitted requests of one key: for each window their moments, in order."""

    __slots__ = ("_moments", "last")

    def __init__(self) -> None:
        self._moments: dict[Instant, deque[Instant]] = {}
        self.last: Instant | None = None

    def wait(self, limit: int, length: Instant, now: Instant) -> tuple[Instant, int, Instant]:
        """Until the window has room again (0: it has), for which limit, in which window."""
        moments = self._moments.setdefault(length, deque())
        if moments and moments[-1] > now:
            moments.clear()  # the clock was set back
        while moments and moments[0] <= now - length:
            moments.popleft()
        excess = len(moments) - limit  # above 0 if the limit was lowered meanwhile
        return (moments[excess] + length - now if excess >= 0 else 0), limit, length

    def add(self, now: Instant) -> None:
        self.last = now
        for moments in self._moments.values():
            moments.append(now)
