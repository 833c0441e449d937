"""Wysyłka interaktywna, Status wysyłki i UPO: interactive sessions, their invoices, the UPO."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.documents import xml
from ksef_mock.api.http import (
    answer,
    caller,
    continuation_token,
    exchange_of,
    features,
    path_reference,
    public_address,
    query_choices,
    query_integer,
    query_moments,
    query_text,
    read_json,
    system_of,
    together,
)
from ksef_mock.core.bodies import invalid
from ksef_mock.core.validation import NOT_EMPTY
from ksef_mock.ksef.sending import bodies as wire
from ksef_mock.ksef.sending import rules
from ksef_mock.ksef.sending.confirmations import Confirmations
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import Kind, SentInvoice, Session
from ksef_mock.ksef.sending.sessions import Filter


async def open_online(request: Request) -> Response:
    """POST /sessions/online."""
    actor = await caller(request)
    body = await read_json(request, wire.OpenOnlineSessionRequest)
    system, exchange = system_of(request), exchange_of(request)
    form = rules.require_form(body.form_code.code, actor.context, system.settings.profile)
    session = await system.reception.open(
        actor,
        form,
        body.encryption.wrapped_key,
        body.encryption.iv,
        body.encryption.public_key_id,
        validates_identifiers=rules.VALIDATE_IDENTIFIERS in features(request),
        exchange=exchange,
    )
    return answer(wire.OpenOnlineSessionResponse.of(session), 201)


async def send(request: Request) -> Response:
    """POST /sessions/online/{referenceNumber}/invoices."""
    actor = await caller(request)
    system = system_of(request)
    body = await read_json(
        request, wire.SendInvoiceRequest, limit=await system.reception.largest_body(actor.context)
    )
    invoice = await system.reception.receive(
        path_reference(request), actor, body.submission(), exchange_of(request)
    )
    return answer(wire.SendInvoiceResponse(invoice.reference), 202)


async def close_online(request: Request) -> Response:
    """POST /sessions/online/{referenceNumber}/close."""
    actor = await caller(request)
    system = system_of(request)
    session = await system.sessions.used(path_reference(request), actor, rules.CLOSE_REFUSAL)
    await system.sessions.close(session)
    return Response(status_code=204)


async def sessions(request: Request) -> Response:
    """GET /sessions."""
    actor = await caller(request)
    with together(request):
        size = query_integer(request, "pageSize", default=10, minimum=10, maximum=1_000)
        statuses = query_choices(request, "statuses", *rules.COMMON)
        wanted = Filter(
            reference=query_text(request, "referenceNumber"),
            created=query_moments(request, "dateCreatedFrom", "dateCreatedTo"),
            closed=query_moments(request, "dateClosedFrom", "dateClosedTo"),
            modified=query_moments(request, "dateModifiedFrom", "dateModifiedTo"),
            statuses=frozenset().union(*(rules.COMMON[each] for each in statuses)) if statuses else None,
        )
        kinds = query_choices(request, "sessionType", *Kind)
        if not kinds:
            raise invalid("sessionType", NOT_EMPTY)
    service = system_of(request).sessions
    page = await service.of_actor(actor, Kind(kinds[0]), wanted, size, continuation_token(request))
    items = [
        wire.SessionsQueryResponseItem.of(session, await service.counts(session)) for session in page.items
    ]
    return answer(wire.SessionsQueryResponse(items, page.continuation))


async def session_status(request: Request) -> Response:
    """GET /sessions/{referenceNumber}."""
    session = await _session(request)
    system = system_of(request)
    pages = system.confirmations.links_to_pages(public_address(request), session)
    shown = wire.SessionStatusResponse.of(session, await system.sessions.counts(session), pages)
    await system.sessions.poll(session)
    if session.reason and session.status is not SessionStatus.PROCESSING:
        exchange_of(request).failed("package", session.reason)
    return answer(shown)


async def invoices(request: Request) -> Response:
    """GET /sessions/{referenceNumber}/invoices."""
    return await _list(request, failed=False)


async def failed_invoices(request: Request) -> Response:
    """GET /sessions/{referenceNumber}/invoices/failed."""
    return await _list(request, failed=True)


async def invoice_status(request: Request) -> Response:
    """GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}."""
    session = await _session(request)
    system = system_of(request)
    invoice = await _invoice(request, session)
    shown = wire.SessionInvoiceStatusResponse.of(invoice, system.clock.now(), _links(request))
    await system.sessions.poll_invoice(invoice)
    return answer(shown)


async def upo_of_invoice(request: Request) -> Response:
    """GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo."""
    session = await _session(request)
    invoice = await _invoice(request, session)
    return xml(
        await system_of(request).confirmations.of_invoice(session, invoice, invoice.reference), request
    )


async def upo_of_number(request: Request) -> Response:
    """GET /sessions/{referenceNumber}/invoices/ksef/{ksefNumber}/upo."""
    session = await _session(request)
    return xml(
        await system_of(request).confirmations.of_number(session, request.path_params["number"]), request
    )


async def upo_of_session(request: Request) -> Response:
    """GET /sessions/{referenceNumber}/upo/{upoReferenceNumber}."""
    session = await _session(request)
    return xml(await system_of(request).confirmations.of_page(session, request.path_params["upo"]), request)


async def _session(request: Request) -> Session:
    actor = await caller(request)
    return await system_of(request).sessions.seen(path_reference(request), actor)


async def _invoice(request: Request, session: Session) -> SentInvoice:
    reference = request.path_params["invoice"]
    found = await system_of(request).sessions.invoice(session, reference)
    if found is None:
        raise rules.no_invoice(reference, session.reference)
    return found


async def _list(request: Request, *, failed: bool) -> Response:
    actor = await caller(request)
    # What is asked for comes before where: a query is read before anything is looked up.
    with together(request):
        size = query_integer(request, "pageSize", default=10, minimum=10, maximum=1_000)
        reference = path_reference(request)
    system = system_of(request)
    session = await system.sessions.seen(reference, actor)
    page = await system.sessions.invoices(session, size, continuation_token(request), failed=failed)
    return answer(wire.SessionInvoicesResponse.of(page, system.clock.now(), _links(request)))


def _links(request: Request) -> wire.InvoiceLink:
    confirmations: Confirmations = system_of(request).confirmations
    base = public_address(request)
    return lambda invoice: confirmations.link_to_invoice(base, invoice)


ROUTES = [
    Route("/sessions", sessions, methods=["GET"]),
    Route("/sessions/online", open_online, methods=["POST"]),
    Route("/sessions/online/{reference}/invoices", send, methods=["POST"]),
    Route("/sessions/online/{reference}/close", close_online, methods=["POST"]),
    Route("/sessions/{reference}", session_status, methods=["GET"]),
    Route("/sessions/{reference}/invoices", invoices, methods=["GET"]),
    Route("/sessions/{reference}/invoices/failed", failed_invoices, methods=["GET"]),
    Route("/sessions/{reference}/invoices/{invoice}", invoice_status, methods=["GET"]),
    Route("/sessions/{reference}/invoices/ksef/{number}/upo", upo_of_number, methods=["GET"]),
    Route("/sessions/{reference}/invoices/{invoice}/upo", upo_of_invoice, methods=["GET"]),
    Route("/sessions/{reference}/upo/{upo}", upo_of_session, methods=["GET"]),
]
