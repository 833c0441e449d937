"""Sliding windows: how many requests of one kind were admitted in the last second, minute and hour.

A window keeps the moments of the requests in it, never more than its limit, and drops what has left it. Logs
that nobody has used for an hour leave memory. Both cost O(1) for each request, amortised.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from ksef_mock.clock import SECOND, Instant
from ksef_mock.state.store import JITTER, Full

LONGEST: Instant = 3_600 * SECOND


class Windows:
    """The windows of one process. Requests that found no room do not count."""

    def __init__(self) -> None:
        self._logs: OrderedDict[str, _Log] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        """Keys held in memory."""
        return len(self._logs)

    def clear(self) -> None:
        self._logs.clear()

    def admit(self, key: str, windows: Iterable[tuple[int, Instant]], now: Instant) -> Full | None:
        """As `Store.admit`, at the moment `now`."""
        self._drop_idle(now)
        log = self._logs.setdefault(key, _Log())
        self._logs.move_to_end(key)
        if log.last is not None and log.last > now:
            if log.last - now > JITTER:
                log.clear()  # the clock was set back
            else:
                now = log.last
        full = max(log.full(limit, length, now) for limit, length in windows)
        if full.wait > 0:
            return full
        log.add(now)
        return None

    def _drop_idle(self, now: Instant) -> None:
        while self._logs:
            key, log = next(iter(self._logs.items()))
            if log.last is not None and now - LONGEST < log.last:
                return
            del self._logs[key]


class _Log:
    """The admitted requests of one key: for each window their moments, in order."""

    __slots__ = ("_moments", "last")

    def __init__(self) -> None:
        self._moments: dict[Instant, deque[Instant]] = {}
        self.last: Instant | None = None

    def clear(self) -> None:
        self._moments.clear()

    def full(self, limit: int, length: Instant, now: Instant) -> Full:
        """How long the window stays full; 0: it has room."""
        moments = self._moments.setdefault(length, deque())
        while moments and moments[0] <= now - length:
            moments.popleft()
        excess = len(moments) - limit  # above 0 if the limit was lowered meanwhile
        return Full(moments[excess] + length - now if excess >= 0 else 0, limit, length)

    def add(self, now: Instant) -> None:
        self.last = now
        for moments in self._moments.values():
            moments.append(now)
