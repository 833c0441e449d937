"""The sessions of one mock, and what is sent in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.references import Kind as Numbered
from ksef_mock.core.references import new_reference
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices.forms import Form
from ksef_mock.ksef.sending import rules, upo
from ksef_mock.ksef.sending import session as machine
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import (
    NUMBERS,
    SENT,
    SESSIONS,
    Kind,
    NotOpen,
    NumberGiven,
    Plan,
    SentInvoice,
    Session,
)
from ksef_mock.state.paging import Page, members, page
from ksef_mock.state.store import Index, Insert, Store, Swap, Write
from ksef_mock.state.update import committed, update


@dataclass(frozen=True, slots=True)
class Login:
    """What a session keeps of the login that opened it."""

    context: Identifier
    subject: Identifier
    token: str | None
    document_hash: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Invoices of a session, as far as their results show."""

    sent: int
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sessions are asked for: those that satisfy whatever is given. Bounds are included."""

    reference: str | None = None
    created: tuple[Instant | None, Instant | None] = (None, None)
    closed: tuple[Instant | None, Instant | None] = (None, None)
    modified: tuple[Instant | None, Instant | None] = (None, None)
    statuses: frozenset[SessionStatus] | None = None

    def admits(self, session: Session) -> bool:
        return (
            self.reference in (None, session.reference)
            and _within(session.created_at, self.created)
            and _within(session.closed_at, self.closed)
            and _within(session.updated_at, self.modified)
            and (self.statuses is None or session.status in self.statuses)
        )


#: What is found of an invoice, given its ordinal number, and the writes of its acceptance.
Attempt: TypeAlias = Callable[[int], Awaitable[tuple[SentInvoice, Sequence[Write]]]]


class Sessions:
    """Opens, closes, lists; takes invoices."""

    def __init__(self, store: Store, clock: Clock, delay: Delay) -> None:
        """`delay`: how long an invoice is processed, a closed session, and the key of an open one."""
        self._store = store
        self._clock = clock
        self._delay = delay
        #: Called with the reference number of a batch session that somebody finds being processed.
        self.on_processing: Callable[[str], object] = lambda _: None

    async def open(
        self,
        login: Login,
        form: Form,
        key: bytes | None,
        iv: bytes,
        *,
        validates_identifiers: bool = False,
        plan: Plan | None = None,
    ) -> Session:
        """A new session.

        Args:
            key: AES-256; None if what was sent could not be decrypted: the session will come to nothing.
            plan: of a batch session.
        """
        now = self._clock.now()
        opened = Session(
            reference=new_reference(Numbered.ONLINE_SESSION if plan is None else Numbered.BATCH_SESSION, now),
            kind=Kind.ONLINE if plan is None else Kind.BATCH,
            plan=plan,
            context=login.context,
            opened_by=login.subject,
            token=login.token,
            document_hash=login.document_hash,
            system_code=form.code.system_code,
            schema_version=form.code.schema_version,
            form_value=form.code.value,
            key=key,
            iv=iv,
            validates_identifiers=validates_identifiers,
            created_at=now,
            valid_until=now + rules.LIFETIME * SECOND,
            updated_at=now,
            wait=self._delay.begin(now),
        )
        await self._store.commit(
            Insert(SESSIONS, opened.reference, opened, None),
            *(Index(name, opened.reference, now, None) for name in _indexes_of(opened)),
        )
        return opened

    async def find(self, reference: str) -> Session | None:
        """The session as of now."""
        session = await update(self._store, SESSIONS, reference, self.settled)
        if session is not None and session.status is SessionStatus.PROCESSING and session.outcome is None:
            self.on_processing(reference)
        return session

    async def seen(self, reference: str, actor: Actor) -> Session:
        """The session that an actor asks for.

        Raises:
            BadRequest: 21173, there is none.
            Forbidden: insufficient-resource-access.
        """
        session = await self.find(reference)
        if session is None:
            raise rules.no_session(reference)
        rules.require_sight(actor, session.ownership)
        return session

    async def used(self, reference: str, actor: Actor, refusal: str, *, kind: Kind = Kind.ONLINE) -> Session:
        """The open session that an actor sends to or closes.

        Args:
            refusal: the detail of 21180.

        Raises:
            BadRequest: 21173, there is none; 21180, it takes nothing any more; 21208, its time has passed.
            Forbidden: insufficient-resource-access.
        """
        session = await self.find(reference)
        if session is None or session.kind is not kind:
            raise rules.no_session(reference, sending=kind is Kind.ONLINE)
        rules.require_use(actor, session.ownership)
        if session.status is not SessionStatus.OPEN:
            raise rules.not_open(session.status, session.details, refusal)
        return session

    async def poll(self, session: Session) -> Session:
        """What a status poll sees, which uses up a poll of the delay."""
        now = self._clock.now()
        step = partial(machine.poll, now=now)
        return await update(self._store, SESSIONS, session.reference, step) or session

    async def close(self, session: Session) -> None:
        """
        Raises:
            BadRequest: 21180, somebody else has closed it meanwhile.
        """
        now = self._clock.now()

        def step(found: Session) -> Session:
            return self.settled(machine.close(self.settled(found), now, self._delay))

        try:
            await update(self._store, SESSIONS, session.reference, step)
        except NotOpen:
            present = await self.find(session.reference)
            assert present is not None
            raise rules.wrong_status(present.status, rules.CLOSE_REFUSAL) from None

    async def take(self, session: Session, limit: int, attempt: Attempt) -> SentInvoice:
        """Keep an invoice that was sent: with the session's counters and whatever follows, in one step.

        Args:
            limit: invoices that the session may have.
            attempt: what is found of the invoice as number so-and-so of the session, and the writes that its
                acceptance consists in; asked again if somebody was faster.

        Raises:
            BadRequest: 21155, the session is full; 21180, it was closed meanwhile.
        """

        async def once() -> tuple[SentInvoice, Sequence[Write]]:
            found = await self._store.get(SESSIONS, session.reference)
            if found is None:  # forgotten by a reset
                raise rules.no_session(session.reference, sending=True)
            settled = self.settled(found)
            if settled.sent >= limit:
                raise BadRequest(
                    Code.TOO_MANY_INVOICES,
                    f"Sesja o numerze referencyjnym {found.reference} osiągnęła dozwolony limit liczby "
                    f"faktur {limit}.",
                )
            invoice, writes = await attempt(settled.sent + 1)
            try:
                following = machine.took(settled, invoice)
            except NotOpen:
                raise rules.wrong_status(settled.status, rules.SEND_REFUSAL) from None
            return invoice, (
                Swap(SESSIONS, found.reference, found, following, None),
                *insertion(invoice),
                *writes,
            )

        return await committed(self._store, once)

    def new_invoice(self) -> tuple[str, Instant, Wait]:
        """The reference number of an invoice that is sent now, this moment, and for how long it waits."""
        now = self._clock.now()
        return new_reference(Numbered.INVOICE, now), now, self._delay.begin(now)

    async def invoice(self, session: Session, reference: str) -> SentInvoice | None:
        """The invoice of a session; of a batch session once its package is processed."""
        if session.status is SessionStatus.PROCESSING:
            return None
        found = await self._sent(session, reference)
        return found if found is not None and found.session == session.reference else None

    async def _sent(self, session: Session, reference: str) -> SentInvoice | None:
        found = await self._store.get(SENT, reference)
        return None if found is None else machine.shown_in(session, found)

    async def by_number(self, session: Session, ksef_number: str) -> SentInvoice | None:
        """The invoice of a session that was given this KSeF number."""
        given = await self._store.get(NUMBERS, ksef_number)
        return None if given is None else await self.invoice(session, given.reference)

    async def poll_invoice(self, invoice: SentInvoice) -> SentInvoice:
        """What a status poll sees, which uses up a poll of the delay."""
        now = self._clock.now()

        def step(found: SentInvoice) -> SentInvoice:
            polled = found.wait.polled(now)
            return found if polled is found.wait else msgspec.structs.replace(found, wait=polled)

        if invoice.wait.is_over(now):
            return invoice
        return await update(self._store, SENT, invoice.reference, step, known=invoice) or invoice

    async def invoices(
        self, session: Session, size: int, continuation: str | None, *, failed: bool = False
    ) -> Page[SentInvoice]:
        """A page of the session's invoices (that failed), in the order in which they were sent.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        if session.status is SessionStatus.PROCESSING:
            return Page([], None)
        now = self._clock.now()

        async def shown(reference: str) -> SentInvoice | None:
            invoice = await self._sent(session, reference)
            return invoice if invoice is not None and not (failed and not invoice.wait.is_over(now)) else None

        index = _failed_of(session.reference) if failed else _invoices_of(session.reference)
        return await page(self._store, index, size, continuation, shown)

    async def accepted(self, session: Session) -> list[SentInvoice]:
        """The good invoices of a session whose results show, in the order in which they were sent."""
        now = self._clock.now()
        found = [
            await self._sent(session, reference)
            for reference in await members(self._store, _invoices_of(session.reference))
        ]
        return [each for each in found if each is not None and each.is_good and each.wait.is_over(now)]

    async def of_actor(
        self, actor: Actor, kind: Kind, wanted: Filter, size: int, continuation: str | None
    ) -> Page[Session]:
        """A page of the sessions that the actor sees in its context, newest first.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        everything = rules.sees_all(actor)

        async def shown(reference: str) -> Session | None:
            session = await self.find(reference)
            if session is None or not (everything or session.opened_by in actor.identities):
                return None
            return session if wanted.admits(session) else None

        return await page(self._store, _of_context(actor.context, kind), size, continuation, shown)

    async def of_anybody(
        self, context: Identifier | None, kind: Kind, size: int, continuation: str | None
    ) -> Page[Session]:
        """A page of the sessions of a context, or of all, newest first; for people, not for clients.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        return await page(self._store, _of_context(context, kind), size, continuation, self.find)

    async def sent(self, name: str) -> SentInvoice | None:
        """An invoice by its reference number or its KSeF number, whichever session it came in."""
        given = await self._store.get(NUMBERS, name)
        return await self._store.get(SENT, name if given is None else given.reference)

    async def counts(self, session: Session) -> Counts:
        """What shows of the session's invoices."""
        if session.status is SessionStatus.PROCESSING:
            return Counts(0, 0, 0)
        now = self._clock.now()
        if now >= session.settles_at:
            return Counts(session.sent, session.good, session.bad)
        shown = [
            invoice
            for reference in await members(self._store, _invoices_of(session.reference))
            if (invoice := await self._store.get(SENT, reference)) is not None and invoice.wait.ends_at <= now
        ]
        good = sum(invoice.is_good for invoice in shown)
        return Counts(session.sent, good, len(shown) - good)

    def settled(self, session: Session) -> Session:
        """A session of the store as of now."""
        return machine.settle(session, self._clock.now(), self._delay, self._new_pages)

    def _new_pages(self, session: Session) -> tuple[str, ...]:
        pages = -(-session.good // upo.PAGE)
        return tuple(new_reference(Numbered.UPO, session.updated_at) for _ in range(pages))


def insertion(invoice: SentInvoice) -> list[Write]:
    """What an invoice in a session consists in, beside the session's counters."""
    # Lists are in order of ordinal number, indexes from the highest position down.
    position = -invoice.ordinal
    writes: list[Write] = [
        Insert(SENT, invoice.reference, invoice, None),
        Index(_invoices_of(invoice.session), invoice.reference, position, None),
    ]
    if invoice.ksef_number is not None:
        writes.append(Insert(NUMBERS, invoice.ksef_number, NumberGiven(invoice.reference), None))
    else:
        writes.append(Index(_failed_of(invoice.session), invoice.reference, position, None))
    return writes


def _within(moment: Instant | None, bounds: tuple[Instant | None, Instant | None]) -> bool:
    first, last = bounds
    if moment is None:
        return first is None and last is None
    return (first is None or moment >= first) and (last is None or moment <= last)


def _indexes_of(session: Session) -> tuple[str, str]:
    return _of_context(session.context, session.kind), _of_context(None, session.kind)


def _of_context(context: Identifier | None, kind: Kind) -> str:
    return f"sessions:{context or '*'}:{kind}"


def _invoices_of(session: str) -> str:
    return f"session-invoices:{session}"


def _failed_of(session: str) -> str:
    return f"session-failed:{session}"
