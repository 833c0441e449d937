"""A session as a state machine, and an invoice that was sent in it.

An interactive session:

    OPEN --close--> CLOSED --settle--> PROCESSED, or NONE_GOOD without a good invoice
     |`---close without invoices--> CANCELLED
     `----settle, its key cannot be decrypted--> KEY

A batch session, whose package is processed when all parts of it have come (`ksef_mock.ksef.batch`):

    OPEN --close--> PROCESSING --settle--> whatever the package came to
     `----settle, nobody has closed it in time--> CANCELLED

Functions here are pure: they take a record and return its successor; the caller swaps one for the other in
the store. What happens by itself (a session closes after 12 hours, what was sent is processed) has happened
for whoever looks after its moment.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.ksef.invoices.rules import InvoiceStatus
from ksef_mock.ksef.sending import rules
from ksef_mock.ksef.sending.rules import Ownership, SessionStatus
from ksef_mock.state.blobs import Blob
from ksef_mock.state.store import Table


class Kind(StrEnum):
    """OpenAPI: SessionType."""

    ONLINE = "Online"
    BATCH = "Batch"


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of a package, as it was declared, and what has come of it."""

    ordinal: int
    #: Octets, encrypted.
    size: int
    #: Base64 SHA-256 of these.
    hash: str
    #: What was uploaded last.
    blob: Blob | None = None


class Plan(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the client of a batch session has declared."""

    is_tar: bool
    #: Octets of the package, before it was cut into parts and encrypted.
    size: int
    #: Base64 SHA-256 of these.
    hash: str
    #: By ordinal number: 1, 2, 3, …
    parts: tuple[Part, ...]
    offline: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session, and what its invoices came to."""

    reference: str
    kind: Kind = Kind.ONLINE
    context: Identifier
    opened_by: Identifier
    #: Reference number of the KSeF token of the login; None for a login with a signed document.
    token: str | None = None
    #: Base64 SHA-256 of the signed AuthTokenRequest of the login.
    document_hash: str | None = None
    system_code: str
    schema_version: str
    form_value: str
    #: None: what the client sent could not be decrypted.
    key: bytes | None
    iv: bytes
    #: X-KSeF-Feature: subject-identifier-validation.
    validates_identifiers: bool = False
    created_at: Instant
    valid_until: Instant
    updated_at: Instant
    closed_at: Instant | None = None
    status: SessionStatus = SessionStatus.OPEN
    #: Of an open session: until its key is looked at. Of a closed one: until it is processed.
    wait: Wait
    #: Invoices sent so far, and what is (or will be) found of them.
    sent: int = 0
    good: int = 0
    #: From this moment on what was found of them shows.
    settles_at: Instant = 0
    #: Reference numbers of the pages of its UPO, once it is processed.
    pages: tuple[str, ...] = ()
    #: Of a batch session.
    plan: Plan | None = None
    #: What the package of a batch session has come to; shows when the wait is over.
    outcome: SessionStatus | None = None
    #: Of that status; and the reason for it, in English.
    details: tuple[str, ...] = ()
    reason: str = ""

    @property
    def ownership(self) -> Ownership:
        return Ownership(self.context, self.opened_by)

    @property
    def bad(self) -> int:
        return self.sent - self.good


class SentInvoice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An invoice that was sent, and what was found of it."""

    reference: str
    session: str
    ordinal: int
    #: Base64 SHA-256 of the file, as the client declared it.
    hash: str
    invoiced_at: Instant
    #: The result shows when this is over: 150 until then.
    wait: Wait
    code: InvoiceStatus
    details: tuple[str, ...] = ()
    extensions: dict[str, str] | None = None
    #: P_2, where it could be read.
    number: str | None = None
    #: P_1, as YYYY-MM-DD.
    issue_date: str | None = None
    seller_nip: str | None = None
    ksef_number: str | None = None
    mode: str | None = None
    stored_at: Instant | None = None
    #: Name of its file in a batch.
    file_name: str | None = None
    #: Why it was refused, in English: each check that failed, and the reason.
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def is_good(self) -> bool:
        return self.code is InvoiceStatus.SUCCESS

    @property
    def acquired_at(self) -> Instant:
        """When it was given its number."""
        return self.wait.ends_at


class NumberGiven(msgspec.Struct, frozen=True, gc=False):
    """Leads from a KSeF number to the invoice as it was sent."""

    reference: str


SESSIONS: Table[Session] = Table("session", Session)
SENT: Table[SentInvoice] = Table("sent-invoice", SentInvoice)
NUMBERS: Table[NumberGiven] = Table("sent-invoice-number", NumberGiven)
#: Index of the batch sessions whose packages are being processed.
PROCESSED_NOW = "sessions-processed-now"


class Event(StrEnum):
    """What can happen to a session."""

    CLOSE = "close"
    CLOSE_EMPTY = "close without invoices"
    REJECT_KEY = "reject its key"
    PROCESS = "process its package"
    GIVE_UP = "give up waiting for it"
    SUCCEED = "succeed"
    FAIL = "fail"


_TRANSITIONS: dict[tuple[SessionStatus, Event], SessionStatus] = {
    (SessionStatus.OPEN, Event.CLOSE): SessionStatus.CLOSED,
    (SessionStatus.OPEN, Event.CLOSE_EMPTY): SessionStatus.CANCELLED,
    (SessionStatus.OPEN, Event.REJECT_KEY): SessionStatus.KEY,
    (SessionStatus.OPEN, Event.PROCESS): SessionStatus.PROCESSING,
    (SessionStatus.OPEN, Event.GIVE_UP): SessionStatus.CANCELLED,
    (SessionStatus.CLOSED, Event.SUCCEED): SessionStatus.PROCESSED,
    (SessionStatus.CLOSED, Event.FAIL): SessionStatus.NONE_GOOD,
}


class NotOpen(Exception):
    """The session takes nothing any more."""


def settle(
    session: Session, now: Instant, delay: Delay, new_pages: Callable[[Session], tuple[str, ...]]
) -> Session:
    """The session as of `now`: what waited has happened if its time has come.

    Args:
        delay: how long a session that closes by itself is then processed.
        new_pages: makes the reference numbers of the pages of a processed session's UPO.
    """
    if session.plan is not None:
        return _settled_batch(session, now, new_pages)
    if session.status is SessionStatus.OPEN:
        if session.key is None and session.wait.is_over(now):
            return _after(session, Event.REJECT_KEY, session.wait.ends_at)
        if now < session.valid_until:
            return session
        # Closed by itself, whenever somebody notices.
        session = close(session, session.valid_until, delay)
    if session.status is SessionStatus.CLOSED and now >= session.settles_at and session.wait.is_over(now):
        moment = max(session.settles_at, session.wait.ends_at)
        if not session.good:
            return _after(session, Event.FAIL, moment)
        processed = _after(session, Event.SUCCEED, moment)
        return msgspec.structs.replace(processed, pages=new_pages(processed))
    return session


def _settled_batch(
    session: Session, now: Instant, new_pages: Callable[[Session], tuple[str, ...]]
) -> Session:
    if session.status is SessionStatus.OPEN and now >= session.valid_until:
        return give_up(session, session.valid_until)
    if session.status is SessionStatus.PROCESSING and session.outcome and session.wait.is_over(now):
        moment = max(session.updated_at, session.wait.ends_at)
        ended = msgspec.structs.replace(session, status=session.outcome, updated_at=moment)
        is_good = session.outcome is SessionStatus.PROCESSED
        return msgspec.structs.replace(ended, pages=new_pages(ended)) if is_good else ended
    return session


def poll(session: Session, now: Instant) -> Session:
    """What a status poll of a settled session does: if it finds it unfinished, it uses up a poll."""
    keyless = session.status is SessionStatus.OPEN and session.key is None and session.plan is None
    if keyless or session.status in (SessionStatus.CLOSED, SessionStatus.PROCESSING):
        polled = session.wait.polled(now)
        if polled is not session.wait:
            return msgspec.structs.replace(session, wait=polled)
    return session


def close(session: Session, now: Instant, delay: Delay) -> Session:
    """The session takes nothing any more; what was sent is processed.

    Raises:
        NotOpen: it was closed before, or its key is no key.
    """
    event = Event.CLOSE if session.sent else Event.CLOSE_EMPTY
    closed = _after(session, event, now)
    return msgspec.structs.replace(closed, closed_at=now, wait=delay.begin(now))


def took(session: Session, invoice: SentInvoice) -> Session:
    """The session with one more invoice.

    Raises:
        NotOpen: it takes nothing any more.
    """
    if session.status is not SessionStatus.OPEN:
        raise NotOpen(f"the session is {session.status.name}")
    return msgspec.structs.replace(
        session,
        sent=session.sent + 1,
        good=session.good + invoice.is_good,
        settles_at=max(session.settles_at, invoice.wait.ends_at),
        updated_at=invoice.invoiced_at,
    )


def received(session: Session, ordinal: int, blob: Blob, now: Instant) -> Session:
    """The batch session with an uploaded part, in place of what was uploaded for it before.

    Raises:
        NotOpen: it takes nothing any more.
    """
    if session.status is not SessionStatus.OPEN or session.plan is None:
        raise NotOpen(f"the session is {session.status.name}")
    parts = tuple(
        msgspec.structs.replace(part, blob=blob) if part.ordinal == ordinal else part
        for part in session.plan.parts
    )
    return msgspec.structs.replace(
        session, plan=msgspec.structs.replace(session.plan, parts=parts), updated_at=now
    )


def process(session: Session, now: Instant, delay: Delay) -> Session:
    """The batch session is closed, its package is processed.

    Raises:
        NotOpen: it was closed before.
    """
    closed = _after(session, Event.PROCESS, now)
    return msgspec.structs.replace(closed, closed_at=now, wait=delay.begin(now))


def give_up(session: Session, moment: Instant) -> Session:
    """The batch session whose time has passed.

    Raises:
        NotOpen: it was closed before.
    """
    return msgspec.structs.replace(_after(session, Event.GIVE_UP, moment), details=(rules.TOO_LATE,))


def shown_in(session: Session, invoice: SentInvoice) -> SentInvoice:
    """An invoice as it shows in its session: when that is over, none of them waits for polls any more."""
    if session.status in _UNFINISHED or not invoice.wait.polls:
        return invoice
    return msgspec.structs.replace(invoice, wait=Wait(invoice.wait.ends_at))


_UNFINISHED = frozenset((SessionStatus.OPEN, SessionStatus.PROCESSING, SessionStatus.CLOSED))


def _after(session: Session, event: Event, moment: Instant) -> Session:
    target = _TRANSITIONS.get((session.status, event))
    if target is None:
        raise NotOpen(f"the session is {session.status.name}")
    return msgspec.structs.replace(session, status=target, updated_at=max(session.updated_at, moment))
