"""Challenges: issued for 10 minutes, good for one accepted login each.

A refused submission leaves its challenge alone, since clients repeat a failed call with the same one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core.codes import Code
from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.references import Kind, issued_at, new_reference
from ksef_mock.state.store import ONCE, Get, Need, Store, Swap, Table


class Challenge(msgspec.Struct, frozen=True, gc=False):
    """A challenge, and by which authentication operation it was used."""

    value: str
    issued_at: Instant
    client_ip: str
    used_by: str | None = None


CHALLENGES: Table[Challenge] = Table(f"{ONCE}challenge", Challenge)


class Challenges:
    """Issues challenges and sees to it that each authenticates once."""

    def __init__(self, store: Store, clock: Clock, lifetimes: Lifetimes) -> None:
        self._store = store
        self._clock = clock
        self._lifetime = lifetimes.challenge * SECOND

    async def issue(self, client_ip: str) -> Challenge:
        while True:
            now = self._clock.now()
            challenge = Challenge(new_reference(Kind.CHALLENGE, now), now, client_ip)
            if await self._store.insert(CHALLENGES, challenge.value, challenge, now + self._lifetime):
                return challenge

    @staticmethod
    def needs(value: str) -> Sequence[Need]:
        """What `find` reads."""
        return (Get(CHALLENGES, value),)

    async def find(self, value: str) -> Challenge:
        """The challenge a login names, if it may still be used.

        Raises:
            BadRequest: 21111, with the cause (malformed, unknown, expired, used) as the journal's reason.
        """
        challenge = await self._store.get(CHALLENGES, value)
        if challenge is None:
            raise BadRequest(Code.INVALID_CHALLENGE, reason=self._why_missing(value))
        if challenge.used_by is not None:
            raise already_used(challenge.used_by)
        return challenge

    def spend(self, challenge: Challenge, operation: str) -> Swap:
        """The write that spends the challenge on an authentication operation, once."""
        used = msgspec.structs.replace(challenge, used_by=operation)
        return Swap(CHALLENGES, challenge.value, challenge, used, challenge.issued_at + self._lifetime)

    def _why_missing(self, value: str) -> str:
        moment = issued_at(value, Kind.CHALLENGE)
        if moment is None:
            return "challenge: malformed, or its checksum is wrong"
        age = (self._clock.now() - moment) // SECOND
        if age * SECOND >= self._lifetime:
            return f"challenge: expired, issued {age} s ago, lives {self._lifetime // SECOND} s"
        return "challenge: never issued by this mock (or forgotten by its reset)"


def already_used(operation: str) -> BadRequest:
    """21111 for a challenge that `operation` has used."""
    return BadRequest(Code.INVALID_CHALLENGE, reason=f"challenge: already used by {operation}")
