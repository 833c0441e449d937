"""Batch sessions of clients: opened with a plan, filled with parts in any order, closed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence

import msgspec

from ksef_mock.clock import SECOND, Clock
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.fault import PACKAGE, Hold, Outcome
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.batch import rules
from ksef_mock.ksef.batch.processing import WORK, Processing, Work
from ksef_mock.ksef.limits.limits import Limits
from ksef_mock.ksef.sending import rules as sending_rules
from ksef_mock.ksef.sending import session as machine
from ksef_mock.ksef.sending.rights import RightsService
from ksef_mock.ksef.sending.session import PROCESSED_NOW, SESSIONS, Kind, NotOpen, Part, Session
from ksef_mock.ksef.sending.sessions import Sessions
from ksef_mock.ksef.sending.storage import Link, Storage
from ksef_mock.state.blobs import Blobs
from ksef_mock.state.store import Index, Insert, Store, Swap, Write
from ksef_mock.state.update import committed, update
from ksef_mock.trail.faults import Faults

#: Folder of the storage, as seen.
_FOLDER = "09"


class TooMuch(Exception):
    """An upload is larger than any part may be."""


class Batches:
    """Takes the parts of batch sessions and closes them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        delay: Delay,
        limits: Limits,
        rights: RightsService,
        sessions: Sessions,
        storage: Storage,
        processing: Processing,
        faults: Faults,
    ) -> None:
        """`delay`: how long a closed session is processed at least."""
        self._store = store
        self._clock = clock
        self._delay = delay
        self._limits = limits
        self._rights = rights
        self._sessions = sessions
        self._storage = storage
        self.processing = processing
        self._faults = faults
        self._blobs = Blobs(store)

    def links(self, base: str, session: Session) -> list[tuple[Part, Link]]:
        """Each part of a session that was just opened, and the signed link that it is uploaded by.

        Args:
            base: scheme and host of the mock as the client knows it.
        """
        assert session.plan is not None
        parts = session.plan.parts
        lifetime = rules.upload_time(len(parts))
        ending = "tar.gz" if session.plan.is_tar else "zip"
        folder = f"/{_FOLDER}/{session.reference.lower()}/batch-parts"
        return [
            (
                part,
                self._storage.link(
                    base,
                    f"{folder}/{part.ordinal}.{ending}.enc",
                    session.created_at,
                    lifetime,
                    permission="w",
                ),
            )
            for part in parts
        ]

    async def receive(self, reference: str, ordinal: int, octets: AsyncIterable[bytes]) -> bool:
        """Keep an uploaded part, in place of what was uploaded for it before.

        Whether the link is good is not asked here: an upload that began in time may end late.

        Returns:
            False if there is no such part of an open session.

        Raises:
            TooMuch: as named.
        """
        session = await self._sessions.find(reference)
        part = None if session is None else _part(session, ordinal)
        if session is None or part is None or session.status is not sending_rules.SessionStatus.OPEN:
            return False
        kept_until = session.valid_until + rules.KEPT_LONGER * SECOND
        blob = await self._blobs.write(_bounded(octets, rules.most_octets(part)), kept_until)
        before = None

        def step(found: Session) -> Session:
            nonlocal before
            following = machine.received(self._sessions.settled(found), ordinal, blob, self._clock.now())
            known = _part(found, ordinal)
            before = known.blob if known is not None else None
            return following

        try:
            taken = await update(self._store, SESSIONS, reference, step)
        except NotOpen:
            taken = None
        if taken is None:
            await self._blobs.remove(blob)
            return False
        self.processing.expect(taken)
        if before is not None:
            await self._blobs.remove(before)
        return True

    async def close(self, reference: str, actor: Actor, exchange: Exchange) -> None:
        """Close a session: its package is processed from now on.

        Raises:
            BadRequest: 21173, there is none; 21180, it was closed before; 21208, its time has passed; 21205,
                a part is missing; 21157, one has the wrong size. The session stays as it is.
            Forbidden: insufficient-resource-access.
        """
        refusal = sending_rules.CLOSE_REFUSAL
        session = await self._sessions.used(reference, actor, refusal, kind=Kind.BATCH)
        work = Work(
            rights=await self._rights.of(actor),
            limits=(await self._limits.of_context(session.context)).batch_session,
        )

        planned: tuple[Outcome | None, Hold] | None = None

        async def attempt() -> tuple[None, Sequence[Write]]:
            nonlocal planned
            found = await self._store.get(SESSIONS, reference)
            if found is None:  # forgotten by a reset
                raise sending_rules.no_session(reference)
            settled = self._sessions.settled(found)
            if settled.status is not sending_rules.SessionStatus.OPEN:
                raise sending_rules.not_open(settled.status, settled.details, refusal)
            assert settled.plan is not None
            now = self._clock.now()
            missing = next((part for part in settled.plan.parts if part.blob is None), None)
            if missing is not None:
                # Before that it can still come.
                if now < rules.upload_ends(settled):
                    raise rules.missing(missing.ordinal)
                return None, (Swap(SESSIONS, reference, found, machine.give_up(settled, now), None),)
            if not any(map(_is_another, settled.plan.parts)):
                # A wrong hash shows in the status, whatever the sizes are (an official client's test).
                rules.require_sizes(settled.plan.parts)
            if planned is None:  # whatever is refused meets no fault
                planned = await self._faults.on_start(PACKAGE, exchange)
            ends, hold = planned
            closed = machine.process(settled, now, self._delay)
            closed = msgspec.structs.replace(closed, wait=closed.wait.held(hold.polls, hold.seconds))
            if ends is not None:
                closed = msgspec.structs.replace(
                    closed, outcome=sending_rules.SessionStatus(ends.status), reason="a fault ends it so"
                )
                return None, (Swap(SESSIONS, reference, found, closed, None),)
            return None, (
                Swap(SESSIONS, reference, found, closed, None),
                Insert(WORK, reference, work, None),
                Index(PROCESSED_NOW, reference, now, None),
            )

        await committed(self._store, attempt)
        closed = await self._sessions.find(reference)
        if closed is not None and closed.status is sending_rules.SessionStatus.CANCELLED:
            raise sending_rules.too_late()
        exchange.noted("session", f"closed {reference}: its package is processed")
        self.processing.start(reference)


def _part(session: Session, ordinal: int) -> Part | None:
    parts = session.plan.parts if session.plan is not None else ()
    return next((part for part in parts if part.ordinal == ordinal), None)


def _is_another(part: Part) -> bool:
    return part.blob is not None and part.blob.hash != part.hash


async def _bounded(octets: AsyncIterable[bytes], most: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in octets:
        size += len(piece)
        if size > most:
            raise TooMuch(f"more than {most} octets")
        yield piece
