"""The sending sessions, interactive and batch, and each of them with its invoices and its UPO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.clock import Instant, to_datetime
from ksef_mock.core.bodies import StatusInfo
from ksef_mock.core.errors import BadRequest
from ksef_mock.dashboard.formats import date_time
from ksef_mock.dashboard.forms import as_context
from ksef_mock.dashboard.frame import ROWS, framed, guarded, message
from ksef_mock.dashboard.logins import Outcome, Tone
from ksef_mock.dashboard.render import Redirect, attachment
from ksef_mock.dashboard.xml_view import xml_view
from ksef_mock.ksef.sending import bodies
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import Kind, SentInvoice, Session
from ksef_mock.ksef.sending.sessions import Counts
from ksef_mock.system.system import System

LIST = "/_mock/ui/sending"
_NO_COUNTS = Counts(0, 0, 0)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session, as a list shows it."""

    session: Session
    at: datetime
    outcome: Outcome
    #: None as long as invoices are being processed.
    counts: Counts | None


@dataclass(frozen=True, slots=True)
class SessionList:
    """Sessions of one kind, the newest first."""

    rows: Sequence[SessionRow]
    kind: Kind
    words: str
    #: Of the next page; None on the last one.
    continuation: str | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice that was sent, as a list shows it."""

    invoice: SentInvoice
    at: datetime
    outcome: Outcome
    #: The check that failed, and why.
    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session in full."""

    row: SessionRow
    counts: Counts
    facts: Sequence[tuple[str, str]]
    #: Why it came to nothing, where that is known.
    reason: str
    invoices: Sequence[InvoiceRow]
    #: Whether those are the refused ones only.
    failed: bool
    continuation: str | None
    is_first: bool


def outcome_of(status: StatusInfo | bodies.InvoiceStatusInfo) -> Outcome:
    """A status of the API: its tone, and what KSeF says."""
    tone = Tone.GOOD if status.code == 200 else Tone.WAIT if status.code < 200 else Tone.BAD
    return Outcome(tone, str(status.code), status.description, "; ".join(status.details or ()))


def invoice_row(system: System, invoice: SentInvoice) -> InvoiceRow:
    """An invoice with what KSeF says of it now, and the reason, which is known from the start."""
    now = system.clock.now()
    shown = bodies.SessionInvoiceStatusResponse.of(
        invoice, now, lambda good: system.confirmations.link_to_invoice("", good)
    )
    check, reason = next(iter(invoice.failures), ("", ""))
    return InvoiceRow(invoice, to_datetime(invoice.invoiced_at), outcome_of(shown.status), check, reason)


def session_row(system: System, session: Session) -> SessionRow:
    """A session as it is now."""
    settled = system.clock.now() >= session.settles_at
    status = bodies.SessionsQueryResponseItem.of(session, _NO_COUNTS).status
    return SessionRow(
        session,
        to_datetime(session.created_at),
        outcome_of(status),
        Counts(session.sent, session.good, session.bad) if settled else None,
    )


@guarded
async def sessions(request: Request) -> Response:
    """GET /_mock/ui/sending. `q`: a context; or the number of a session or an invoice, to go to its page."""
    query, system = request.query_params, system_of(request)
    words = query.get("q", "").strip()[:100]
    kind = Kind.BATCH if query.get("kind") == Kind.BATCH else Kind.ONLINE
    context = as_context(words)
    if words and context is None:
        named = await _named(system, words)
        if named is not None:
            return Redirect(named, 303)
        return await message(
            request,
            404,
            "Nothing of that number",
            f"There is no session and no invoice {words}, and it is no identifier of a context.",
            section="sending",
            back=LIST,
        )
    continuation = query.get("page")
    page = await system.sessions.of_anybody(context, kind, ROWS, continuation)
    rows = [session_row(system, session) for session in page.items]
    listed = SessionList(rows, kind, words, page.continuation, continuation is None)
    return await framed(request, "sending", "sending.html", list=listed)


async def _named(system: System, words: str) -> str | None:
    if await system.sessions.find(words) is not None:
        return address_of(words)
    invoice = await system.sessions.sent(words)
    if invoice is not None:
        return address_of(invoice.session, invoice.reference)
    return f"/_mock/ui/invoices/{words}" if await system.invoices.get(words) is not None else None


def address_of(session: str, invoice: str | None = None) -> str:
    """Of the page of a session, or of an invoice in it. Both are numbers that the mock has given."""
    return f"{LIST}/{session}" if invoice is None else f"{LIST}/{session}/invoices/{invoice}"


@guarded
async def one(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}: its counters and invoices; `failed` shows the refused ones only."""
    system = system_of(request)
    session = await system.sessions.find(request.path_params["session"])
    if session is None:
        return await no_session(request)
    failed, continuation = bool(request.query_params.get("failed")), request.query_params.get("page")
    page = await system.sessions.invoices(session, ROWS, continuation, failed=failed)
    view = SessionView(
        row=session_row(system, session),
        counts=await system.sessions.counts(session),
        facts=_facts(session),
        reason=_reason_of(session),
        invoices=[invoice_row(system, invoice) for invoice in page.items],
        failed=failed,
        continuation=page.continuation,
        is_first=continuation is None,
    )
    return await framed(request, "sending", "sending_session.html", view=view)


async def no_session(request: Request) -> Response:
    """The page for who has mistyped the number of a session."""
    named = request.path_params["session"][:64]
    return await message(
        request, 404, "No such session", f"There is no sending session {named}.", section="sending", back=LIST
    )


def _reason_of(session: Session) -> str:
    if session.key is None:
        return "the symmetric key that was sent could not be decrypted"
    is_over = session.status not in (SessionStatus.OPEN, SessionStatus.PROCESSING)
    return session.reason if is_over else ""


def _facts(session: Session) -> list[tuple[str, str]]:
    rows = [
        ("Context", f"{session.context.type} {session.context.value}"),
        ("Opened by", f"{session.opened_by.type} {session.opened_by.value}"),
        ("KSeF token", session.token or ""),
        ("Form", f"{session.system_code}, {session.schema_version}"),
        ("Opened", moment_of(session.created_at)),
        ("Valid until", moment_of(session.valid_until)),
        ("Closed", "" if session.closed_at is None else moment_of(session.closed_at)),
        ("Updated", moment_of(session.updated_at)),
        ("Identifiers", "checked (subject-identifier-validation)" if session.validates_identifiers else ""),
    ]
    return [(name, value) for name, value in [*rows, *_package(session)] if value]


def _package(session: Session) -> list[tuple[str, str]]:
    plan = session.plan
    if plan is None:
        return []
    uploaded = sum(part.blob is not None for part in plan.parts)
    # What was uploaded is let go of once it is processed.
    parts = f"{uploaded} of {len(plan.parts)} uploaded" if session.closed_at is None else str(len(plan.parts))
    return [
        ("Package", f"{'TarGz' if plan.is_tar else 'Zip'}, {plan.size} octets"),
        ("Parts", parts),
        ("Mode", "Offline" if plan.offline else ""),
    ]


def moment_of(instant: Instant) -> str:
    """For a table of facts."""
    return date_time(to_datetime(instant))


async def _upo(request: Request) -> bytes | Response:
    system = system_of(request)
    session = await system.sessions.find(request.path_params["session"])
    if session is None:
        return await no_session(request)
    try:
        return await system.confirmations.of_page(session, request.path_params["upo"])
    except BadRequest:
        back = address_of(session.reference)
        return await message(
            request, 404, "No such UPO", "The session has no such page.", section="sending", back=back
        )


@guarded
async def upo(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}/upo/{upo}: a page of the UPO of a session."""
    document = await _upo(request)
    if isinstance(document, Response):
        return document
    back, number = address_of(request.path_params["session"]), request.path_params["upo"]
    return await framed(
        request,
        "sending",
        "xml.html",
        title=f"UPO {number}",
        view=xml_view(document),
        back=back,
        download=f"{back}/upo/{number}/document",
    )


@guarded
async def upo_document(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}/upo/{upo}/document: the same as a file."""
    document = await _upo(request)
    if isinstance(document, Response):
        return document
    return attachment(document, f"upo-{request.path_params['upo']}.xml")


ROUTES = [
    Route("/ui/sending", sessions, methods=["GET"]),
    Route("/ui/sending/{session}", one, methods=["GET"]),
    Route("/ui/sending/{session}/upo/{upo}", upo, methods=["GET"]),
    Route("/ui/sending/{session}/upo/{upo}/document", upo_document, methods=["GET"]),
]
