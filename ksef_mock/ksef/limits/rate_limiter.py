"""Rate limits: requests are counted in sliding windows, by all processes of a mock together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.errors import TooManyRequests
from ksef_mock.state.store import Store

#: Whose requests are counted together: the context (or ""), the IP address, the group of operations.
Key: TypeAlias = tuple[str, str, str]

_UNITS = {SECOND: "sekundę", 60 * SECOND: "minutę", 3_600 * SECOND: "godzinę"}


class RateLimiter:
    """Counts admitted requests, each key by itself. Refused requests do not count."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def admit(self, key: Key, windows: Sequence[tuple[int, Instant]]) -> None:
        """Count a request.

        Args:
            windows: (number of requests, length) of each window; lengths of a second, a minute, an hour.

        Raises:
            TooManyRequests: a window is full; of several, the one that stays so the longest.
        """
        full = await self._store.admit("\n".join(key), windows)
        if full is not None:
            seconds = -(-full.wait // SECOND)
            whose = " ".join(filter(None, key))
            raise TooManyRequests(
                f"Przekroczono limit {full.limit} żądań na {_UNITS[full.length]}. "
                f"Spróbuj ponownie po {seconds} {'sekundzie' if seconds == 1 else 'sekundach'}.",
                seconds,
                reason=f"rate limit: {full.limit} in {full.length // SECOND} s, {whose}",
            )
