"""The journal of a mock whose processes share a store: there, without the secrets of what was on the wire."""

from __future__ import annotations

import asyncio
import logging

from ksef_mock.core.errors import KsefError, StoreUnavailable
from ksef_mock.core.exchange import Exchange
from ksef_mock.state.store import Store
from ksef_mock.trail.journal import Entry, Journal, Query, Row
from ksef_mock.trail.wire import for_storage

_log = logging.getLogger("ksef_mock")

#: Octets of a body that a store keeps, which each reader of the journal fetches.
_LONGEST_STORED = 32_768


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
        wire = None if exchange.wire is None else for_storage(exchange.wire, _LONGEST_STORED)
        try:
            await self._store.log(self._kept(exchange, wire, status, error, duration_ms), self._size)
        except StoreUnavailable as failure:
            # What the request has done is done: its answer must not be lost with the entry.
            _log.warning("trace %s: not in the journal: %s", exchange.trace_id, failure.reason)

    def clear(self) -> None:
        self.epoch += 1  # the store has cleared the rest with everything else

    @property
    def newest(self) -> int:
        return self._store.last_logged()

    async def look(self, query: Query) -> tuple[int, list[Entry]]:
        return await asyncio.to_thread(self._look, query)

    def _after(self, number: int) -> list[Row]:
        return self._store.logged(number)

    def __len__(self) -> int:
        return len(self._store.logged())
