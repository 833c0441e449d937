"""Packages are unpacked and their invoices judged, in the background of whichever process has the time.

What is left to do lies in the store, as a `Work`: who does it, until when nobody else need wonder, and how
many invoices are done. A process that dies leaves it there; whoever asks for the session afterwards, or
starts anew, goes on after the last invoice that was kept. Each group of invoices is kept together with the
step of the work in one commit, so that none is kept twice, whoever believes to be doing it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import partial

import msgspec

from ksef_mock.clock import Clock
from ksef_mock.core.errors import StoreUnavailable
from ksef_mock.core.references import Kind as Numbered
from ksef_mock.core.references import new_reference
from ksef_mock.core.threads import begun, in_thread, outcome
from ksef_mock.core.waiting import Wait
from ksef_mock.ksef.batch import rules
from ksef_mock.ksef.batch.archive import BadArchive
from ksef_mock.ksef.batch.crew import Crew
from ksef_mock.ksef.batch.judging import Judged, Order
from ksef_mock.ksef.batch.rules import Rejected
from ksef_mock.ksef.batch.unpacking import unpack
from ksef_mock.ksef.invoices.rules import InvoiceStatus, Rights
from ksef_mock.ksef.invoices.verification import Rules
from ksef_mock.ksef.limits.limits import SessionLimits
from ksef_mock.ksef.sending.outcomes import Outcomes
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import PROCESSED_NOW, SESSIONS, SentInvoice, Session
from ksef_mock.ksef.sending.sessions import Sessions, insertion
from ksef_mock.state.blobs import Blobs
from ksef_mock.state.paging import members
from ksef_mock.state.store import Delete, Store, Swap, Table, Unindex, Write
from ksef_mock.state.update import committed, update

_log = logging.getLogger("ksef_mock")

#: Packages that one process works on at a time.
_AT_ONCE = 2
#: Real seconds, of which each process has the same: for so long a worker may be silent.
_SILENCE = 5.0
_SECOND = 1_000_000_000
#: Invoices that are kept in one step of a store of this process: nobody else has a turn meanwhile.
_LOCAL_STEP = 4


class Work(msgspec.Struct, frozen=True, gc=False):
    """What is left to do of a closed batch session, by its reference number."""

    #: As they were at the close.
    rights: Rights
    limits: SessionLimits
    #: Who is at it, and until when that counts: real time (ns), for the mock's clock may stand still.
    worker: str = ""
    until: int = 0
    #: Invoices that are done, and the good ones among them.
    done: int = 0
    good: int = 0


WORK: Table[Work] = Table("batch-work", Work)


class _Lost(Exception):
    """Somebody else does it by now, or it was forgotten."""


class Processing:
    """Does the work of one process. Used from one event loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sessions: Sessions,
        outcomes: Outcomes,
        rules_of: Callable[[Session, SessionLimits], Rules],
        crew: Crew,
    ) -> None:
        """`rules_of`: what the invoices of a session are judged by; `crew`: who helps with large packages."""
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._outcomes = outcomes
        self._rules = rules_of
        self._crew = crew
        self._blobs = Blobs(store)
        self._worker = secrets.token_hex(8)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def expect(self, session: Session) -> None:
        """Parts of a package have come."""
        if session.plan is not None:
            self._crew.expect(session.plan.size)

    def start(self, reference: str) -> None:
        """See to it that a closed session is processed: here, if nobody else is at it."""
        if reference not in self._tasks:
            # A context of its own: what the present request has read ahead is of no use to the task.
            task = asyncio.get_running_loop().create_task(self._see_to(reference), context=Context())
            self._tasks[reference] = task
            task.add_done_callback(lambda _: self._tasks.pop(reference, None))

    async def resume(self) -> None:
        """Go on with what processes before this one have left."""
        for reference in await members(self._store, PROCESSED_NOW):
            self.start(reference)

    async def close(self) -> None:
        """Stop; what is not finished stays as far as it is."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._crew.close()

    async def _see_to(self, reference: str) -> None:
        try:
            while (pause := await self._turn(reference)) is not None:
                await asyncio.sleep(pause)
        except StoreUnavailable as error:
            _log.warning("batch %s: not processed now: %s", reference, error.reason)

    async def _turn(self, reference: str) -> float | None:
        """Do the work, or tell after how many seconds to look again; None: it is done."""
        async with self._turns:
            work = await self._claimed(reference)
            if work is None:
                return None
            if work.worker != self._worker:
                return max(0.0, (work.until - time.time_ns()) / _SECOND) + 0.1
            beat = asyncio.get_running_loop().create_task(self._beat(reference))
            try:
                await self._do(reference, work)
            except _Lost:
                return None
            except asyncio.CancelledError:
                await self._release(reference)
                raise
            finally:
                beat.cancel()
        return None

    async def _claimed(self, reference: str) -> Work | None:
        """The work: its `worker` tells whose it is."""

        def step(work: Work) -> Work:
            if work.worker not in ("", self._worker) and work.until > time.time_ns():
                return work
            return msgspec.structs.replace(work, worker=self._worker, until=_from_now())

        return await update(self._store, WORK, reference, step)

    async def _beat(self, reference: str) -> None:
        """Say again and again that somebody is at it."""

        def step(work: Work) -> Work:
            return msgspec.structs.replace(work, until=_from_now()) if work.worker == self._worker else work

        while True:
            await asyncio.sleep(_SILENCE / 4)
            with contextlib.suppress(StoreUnavailable):
                await update(self._store, WORK, reference, step)

    async def _release(self, reference: str) -> None:
        def step(work: Work) -> Work:
            return msgspec.structs.replace(work, until=0) if work.worker == self._worker else work

        with contextlib.suppress(StoreUnavailable):
            await update(self._store, WORK, reference, step)

    async def _do(self, reference: str, work: Work) -> None:
        session = await self._store.get(SESSIONS, reference)
        if session is None:  # forgotten by a reset
            raise _Lost
        try:
            count = await self._process(session, work)
        except Rejected as rejected:
            await self._finish(session, rejected.status, rejected.details, rejected.reason, 0)
        except (_Lost, StoreUnavailable):
            raise
        except Exception as error:
            _log.exception("batch %s: processing failed", reference)
            await self._finish(session, SessionStatus.UNKNOWN, (), f"{type(error).__name__}: {error}", 0)
        else:
            await self._finish(session, None, (), "", count)

    async def _process(self, session: Session, work: Work) -> int:
        """Judge and keep all invoices that are not done; their number.

        Raises:
            Rejected: no invoice is taken of this package.
        """
        plan, closed_at = session.plan, session.closed_at
        assert plan is not None
        assert closed_at is not None
        most = work.limits.max_invoices
        order = Order(
            is_tar=plan.is_tar,
            most_files=most,
            rules=self._rules(session, work.limits),
            at=closed_at,
            rights=work.rights,
            done=work.done,
        )
        async with self._crew.judges(plan.size) as judges:
            await unpack(plan, session.key, session.iv, self._blobs, judges.file)
            try:
                count = await in_thread(partial(judges.open, order))
                if count > most:
                    raise rules.too_many(count, most)
                if not count:
                    raise rules.no_invoices()
                groups = judges.judged(order)
                following = begun(partial(next, groups, None))
                try:
                    while (group := await outcome(following)) is not None:
                        # The next ones are judged while these are kept.
                        following = begun(partial(next, groups, None))
                        await self._keep(session, group)
                finally:
                    # The thread reads the file, which must stay open until it is done.
                    with contextlib.suppress(Exception):
                        await outcome(following)
            except BadArchive as error:
                raise rules.bad_archive(str(error)) from None
        return count

    async def _keep(self, session: Session, group: Sequence[Judged]) -> None:
        waiting = list(group)
        most = _LOCAL_STEP if self._store.is_local else len(group)
        while waiting:
            kept = await committed(self._store, lambda: self._attempt(session, waiting[:most]))
            del waiting[:kept]
            await asyncio.sleep(0)

    async def _attempt(self, session: Session, group: Sequence[Judged]) -> tuple[int, Sequence[Write]]:
        """How many of a group can be kept at once, and the writes that this consists in.

        Raises:
            _Lost: these are not the next ones.
        """
        work = await self._store.get(WORK, session.reference)
        # As it is by now: a stop of processing may have been planned or cancelled meanwhile.
        present = await self._store.get(SESSIONS, session.reference)
        if (
            present is None
            or work is None
            or work.worker != self._worker
            or work.done != group[0].ordinal - 1
        ):
            raise _Lost
        plan = session.plan
        assert plan is not None
        wait, now = present.wait, self._clock.now()
        wait = Wait(wait.ends_at, due=wait.due) if wait.ends_at > now else Wait(now)
        writes: list[Write] = []
        numbers = set()
        done = good = 0
        for each in group:
            document = each.report.document
            if each.report.ok and document is not None:
                if document.duplicate_key in numbers:
                    break  # of two alike the second is judged when the first is kept
                numbers.add(document.duplicate_key)
            invoice, accepted = await self._outcomes.of(
                self._sent(session, each, wait), session, each.report, offline=plan.offline
            )
            writes += insertion(invoice)
            writes += accepted
            done += 1
            good += invoice.is_good
        following = msgspec.structs.replace(
            work, done=work.done + done, good=work.good + good, until=_from_now()
        )
        return done, (Swap(WORK, session.reference, work, following, None), *writes)

    def _sent(self, session: Session, each: Judged, wait: Wait) -> SentInvoice:
        return SentInvoice(
            reference=new_reference(Numbered.INVOICE, session.created_at, low=each.ordinal),
            session=session.reference,
            ordinal=each.ordinal,
            hash=each.hash,
            invoiced_at=session.created_at,
            wait=wait,
            code=InvoiceStatus.UNKNOWN_ERROR,  # until its outcome is known
            file_name=each.name,
        )

    async def _finish(
        self, session: Session, status: SessionStatus | None, details: Sequence[str], reason: str, sent: int
    ) -> None:
        """The end of the work: `status`, or what the invoices have come to."""
        reference = session.reference

        async def attempt() -> tuple[None, Sequence[Write]]:
            work = await self._store.get(WORK, reference)
            found = await self._store.get(SESSIONS, reference)
            if work is None or found is None or work.worker != self._worker:
                raise _Lost
            good = work.good if sent else 0
            outcome = status or (SessionStatus.PROCESSED if good else SessionStatus.NONE_GOOD)
            ended = msgspec.structs.replace(
                found,
                outcome=outcome,
                details=tuple(details),
                reason=reason,
                sent=sent,
                good=good,
                updated_at=max(found.updated_at, self._clock.now()),
            )
            return None, (
                Swap(SESSIONS, reference, found, self._sessions.settled(ended), None),
                Delete(WORK, reference),
                Unindex(PROCESSED_NOW, reference),
            )

        await committed(self._store, attempt)
        for part in session.plan.parts if session.plan is not None else ():
            if part.blob is not None:
                await self._blobs.remove(part.blob)


def _from_now() -> int:
    return time.time_ns() + round(_SILENCE * _SECOND)
