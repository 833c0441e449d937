"""The controls of a mock: everything that changes what all of its processes share.

Each call returns once the change is in the store; every request that begins after that, in whichever
process, sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from ksef_mock.clock import RUNNING, ClockState
from ksef_mock.core.environment import TokenKey
from ksef_mock.core.lighthouse import Board
from ksef_mock.ksef.auth.jwts import new_secret
from ksef_mock.ksef.keys.keys import KeyRing, PublishedKey, Usage
from ksef_mock.state.shared import Shared, SharedState, Step


class Controls:
    """Used from the event loop of a `System`; `system.controls` is its own.

    All methods raise `StoreUnavailable` if a remote store cannot be reached; then nothing is known to have
    changed.
    """

    def __init__(self, shared: SharedState, keys: KeyRing, clear: Callable[[], Awaitable[None]]) -> None:
        """`clear` empties the store's tables, on `reset`."""
        self._shared = shared
        self._keys = keys
        self._clear = clear

    async def change(self, step: Step) -> Shared:
        """Replace the shared record by what `step` makes of it; `step` may be called more than once."""
        return await self._shared.change_soon(step)

    async def advance(self, seconds: float) -> None:
        """Move the clock forward (or, if negative, back) by `seconds`; works on a frozen clock too."""
        await self._move(lambda clock: clock.advanced(seconds))

    async def set_clock(self, moment: datetime) -> None:
        """Jump to `moment` (naive means UTC). A running clock goes on running from there."""
        await self._move(lambda clock: clock.at(moment))

    async def freeze(self) -> None:
        """Stop the clock at the current moment until `resume`."""
        await self._move(ClockState.stopped)

    async def resume(self) -> None:
        """Let the clock run on from the moment at which it stands."""
        await self._move(ClockState.running)

    async def rotate(
        self, usage: Usage = Usage.TOKEN, *, emergency: bool = False
    ) -> tuple[PublishedKey, ...]:
        """New keys for `usage`: beside the old ones or, in an emergency, instead. Returns the new ones."""
        return await asyncio.to_thread(self._keys.rotate, usage, emergency=emergency)

    async def recertify(self, usage: Usage = Usage.TOKEN) -> tuple[PublishedKey, ...]:
        """New certificates for the keys of `usage`, `publicKeyId` stays. Returns the new publications."""
        return await asyncio.to_thread(self._keys.recertify, usage)

    async def withdraw(self, public_key_id: str) -> bool:
        """Stop publishing and accepting a key; False if it was not published."""
        return await asyncio.to_thread(self._keys.withdraw, public_key_id)

    async def publish(self, token_key: TokenKey) -> tuple[PublishedKey, ...]:
        """Publish keys of these algorithms from now on. Returns all that are published then."""
        return await asyncio.to_thread(self._keys.publish, token_key)

    async def warn(self, text: str | None) -> None:
        """Send `text` as `X-System-Warning` with every answer of the API; None: no warning."""
        await self.change(lambda shared: msgspec.structs.replace(shared, warning=text))

    async def reset(self) -> None:
        """Back to the state of the start: nothing stored, no JWT valid, real time, the first keys."""
        await self._clear()
        secret = new_secret()
        await self.change(
            lambda shared: msgspec.structs.replace(
                shared,
                clock=RUNNING,
                secret=secret,
                warning=None,
                token_key=shared.first_token_key,
                keys=shared.first_keys,
                withdrawn=(),
                faults=(),
                lighthouse=Board(),
                stop=None,
            )
        )

    async def _move(self, step: Callable[[ClockState], ClockState]) -> None:
        await self.change(lambda shared: msgspec.structs.replace(shared, clock=step(shared.clock)))
