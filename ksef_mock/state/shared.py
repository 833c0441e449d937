"""What all processes of one mock have in common beside its tables: clock, keys, CAs, JWT secret, faults.

It is one immutable record. Whoever changes it replaces it by its successor in one step (compare-and-swap);
every process looks at the start of each request whether somebody has. So a change that was answered holds
for every request that comes after it, whichever process answers that one.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ksef_mock.clock import RUNNING, ClockState
from ksef_mock.core.environment import TokenKey
from ksef_mock.core.fault import DefinedFault
from ksef_mock.core.lighthouse import Board
from ksef_mock.core.records import AuthorityRecord, KeyRecord, WithdrawnRecord
from ksef_mock.core.waiting import Stop
from ksef_mock.state.store import Store


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """The record. Whatever is None or empty has not been needed yet."""

    clock: ClockState = RUNNING
    #: Signs the JWTs.
    secret: bytes
    #: `X-System-Warning` of every answer of the API.
    warning: str | None = None
    #: Which kinds of keys are published, and which a reset goes back to.
    token_key: TokenKey
    first_token_key: TokenKey
    #: The CA of the published keys.
    keys_authority: AuthorityRecord | None = None
    #: The published keys in the order of publication, and those that a reset goes back to.
    keys: tuple[KeyRecord, ...] | None = None
    first_keys: tuple[KeyRecord, ...] | None = None
    #: The keys that were withdrawn last, the latest first.
    withdrawn: tuple[WithdrawnRecord, ...] = ()
    #: The CAs that issue certificates, by their role.
    authorities: dict[str, AuthorityRecord] = {}
    #: What goes wrong on purpose, in the order in which it was added.
    faults: tuple[DefinedFault, ...] = ()
    #: What the lighthouse tells.
    lighthouse: Board = Board()
    #: When KSeF takes work and finishes none.
    stop: Stop | None = None


Step: TypeAlias = Callable[[Shared], Shared]
Listener: TypeAlias = Callable[[Shared], None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Shared).decode


class SharedState:
    """The shared record as this process last saw it. Safe to use from any thread."""

    def __init__(self, store: Store, first: Shared) -> None:
        """`first`: what the record is if the store has none yet."""
        self._store = store
        self._lock = threading.RLock()
        self._version: str | None = None  # None: this process has not looked yet
        self._listeners: list[Listener] = []
        self.value = first
        if store.is_local:
            self._join()

    def on_change(self, listener: Listener) -> None:
        """Call `listener` with each new record, under the lock; now with the present one."""
        with self._lock:
            self._listeners.append(listener)
            listener(self.value)

    def change(self, step: Step) -> Shared:
        """Replace the record by what `step` makes of it; again if another process was faster.

        A step that returns what it was given changes nothing. With a remote store the call takes a round
        trip: an event loop calls `change_soon`.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        with self._lock:
            if self._version is None:
                self._join()
            while True:
                following = step(self.value)
                if following is self.value:
                    return following
                version = secrets.token_hex(8)
                if self._store.swap_shared(self._version, version, _encode(following)):
                    self._adopt(version, following)
                    return following
                self._join()

    async def change_soon(self, step: Step) -> Shared:
        """`change` for an event loop, which it does not keep waiting."""
        return self.change(step) if self._store.is_local else await asyncio.to_thread(self.change, step)

    @property
    def version(self) -> str | None:
        """Of the record as this process last saw it; None: it has not looked yet."""
        return self._version

    async def catch_up(self) -> None:
        """See what other processes have changed.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        version = await self._store.shared_version()
        if version is None or version != self._version:
            await (asyncio.to_thread(self._refresh) if not self._store.is_local else _inline(self._refresh))

    def refresh(self) -> None:
        """`catch_up` for callers in other threads."""
        if not self._store.is_local:
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            self._join()

    def _join(self) -> None:
        # A store that has no record (any more) gets that of the first process to come.
        while True:
            stored = self._store.load_shared()
            if stored is not None:
                version, record = stored
                if version != self._version:
                    self._adopt(version, _decode(record))
                return
            version = secrets.token_hex(8)
            if self._store.swap_shared(None, version, _encode(self.value)):
                self._version = version
                return

    def _adopt(self, version: str, record: Shared) -> None:
        self.value = record
        self._version = version
        for listener in self._listeners:
            listener(record)


async def _inline(work: Callable[[], None]) -> None:
    work()
