"""Keeps a run under the documented rate limits of a target that is not ours.

Source: `x-rate-limits` in the OpenAPI document. KSeF counts by context and IP address in sliding windows;
so does the pacer, which waits before a request that would exceed a limit.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

#: (requests, seconds) of each window.
_AUTHENTICATION = ((60, 1.0),)
_OTHER = ((10, 1.0), (30, 60.0), (120, 3_600.0))
_INVOICES = ((8, 1.0), (16, 60.0), (20, 3_600.0))
#: First segment of the path -> its windows. /auth/sessions is the exception to its segment.
_BY_SEGMENT = {
    "auth": _AUTHENTICATION,
    "security": _AUTHENTICATION,
    "peppol": _AUTHENTICATION,
    "testdata": _AUTHENTICATION,
    "invoices": _INVOICES,
}
_SLOW_PREFIXES = ("/auth/sessions", "/testdata/context", "/testdata/limits", "/testdata/rate-limits")
#: Of each limit this share is used: another program may run from the same address.
_SHARE = 0.8


class Pacer:
    """Waits as long as the windows ask for."""

    def __init__(
        self,
        *,
        share: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`share`: the part of the limits that this process may use, if several run at once."""
        self._share = share * _SHARE
        self._clock = clock
        self._sleep = sleep
        self._sent: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def wait(self, path: str, context: str) -> None:
        """Return once a request to `path` (without its prefix) may be sent in this context; count it."""
        group, windows = _group(path)
        sent = self._sent[context, group]
        delay = max(self._delay(sent, limit, seconds) for limit, seconds in windows)
        if delay > 0:
            self._sleep(delay)
        sent.append(self._clock())
        longest = windows[-1][1]
        while sent and sent[0] <= self._clock() - longest:
            sent.popleft()

    def exhausted(self, context: str) -> bool:
        """Whether the next request of the slow group in this context would wait for more than a minute."""
        sent = self._sent[context, "other"]
        return max(self._delay(sent, limit, seconds) for limit, seconds in _OTHER) > 60

    def _delay(self, sent: deque[float], limit: int, seconds: float) -> float:
        allowed = max(1, int(limit * self._share))
        if len(sent) < allowed:
            return 0.0
        return sent[-allowed] + seconds - self._clock()


def _group(path: str) -> tuple[str, tuple[tuple[int, float], ...]]:
    segment = path.lstrip("/").partition("/")[0]
    if path.startswith(_SLOW_PREFIXES):
        return "other", _OTHER
    windows = _BY_SEGMENT.get(segment, _OTHER)
    return ("other" if windows is _OTHER else segment), windows
