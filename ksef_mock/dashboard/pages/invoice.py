"""One invoice: the report on it, what its document says, its UPO; and the invoices of a party."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.core.errors import BadRequest
from ksef_mock.dashboard.forms import as_context
from ksef_mock.dashboard.frame import ROWS, framed, guarded, message, newest_entries
from ksef_mock.dashboard.logins import CheckView
from ksef_mock.dashboard.pages.sending import (
    InvoiceRow,
    address_of,
    invoice_row,
    moment_of,
    no_session,
)
from ksef_mock.dashboard.render import Redirect, attachment
from ksef_mock.dashboard.xml_view import xml_view
from ksef_mock.ksef.invoices.documents import Document, read
from ksef_mock.ksef.invoices.lines import Line, lines
from ksef_mock.ksef.invoices.metadata import Buyer, Invoice, SubjectType, ThirdSubject
from ksef_mock.ksef.invoices.report import Check
from ksef_mock.ksef.sending.session import SentInvoice, Session
from ksef_mock.system.system import System
from ksef_mock.xades.parsing import NotWellFormed, parse

_INVOICES = "/_mock/ui/invoices"
#: Lines of an invoice that are shown; there may be 10,000.
_LINES = 100
#: Octets of a document from which it is read in a thread.
_LARGE = 65_536

_PARTS = {
    SubjectType.SELLER: "Seller",
    SubjectType.BUYER: "Buyer",
    SubjectType.THIRD: "Third party",
    SubjectType.AUTHORIZED: "Authorized",
}


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody on an invoice."""

    part: str
    identifier: str
    name: str


@dataclass(frozen=True, slots=True)
class DocumentView:
    """What a document says, for people."""

    facts: Sequence[tuple[str, str]]
    parties: Sequence[Party]
    lines: Sequence[Line]
    #: How many there are, of which `lines` are the first.
    line_count: int
    currency: str
    totals: Sequence[tuple[str, str]]
    length: int


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """One invoice in full."""

    #: None of one that was not sent here.
    sent: InvoiceRow | None
    checks: Sequence[CheckView]
    facts: Sequence[tuple[str, str]]
    #: None if the document is not kept.
    document: DocumentView | None
    #: Address of this page.
    here: str
    has_upo: bool


@dataclass(frozen=True, slots=True)
class InvoiceList:
    """Accepted invoices in which somebody plays a part."""

    rows: Sequence[tuple[Invoice, str]]
    words: str
    part: SubjectType
    parts: Sequence[tuple[SubjectType, str]]
    problem: str
    continuation: str | None
    is_first: bool


async def _document_view(file: bytes) -> DocumentView | None:
    try:
        return _read(file) if len(file) < _LARGE else await asyncio.to_thread(_read, file)
    except NotWellFormed:  # seeded by somebody who knows better
        return None


def _read(file: bytes) -> DocumentView:
    root: etree._Element = parse(file, to_canonicalize=False).getroot()
    document = read(root)
    shown, count = lines(root, _LINES)
    currency = document.currency or ""
    return DocumentView(
        facts=_present(
            ("Number", document.number),
            ("Issued", document.issue_date),
            ("Kind", document.kind),
            ("Form", document.form.code.system_code if document.form else None),
            ("Self-invoicing", "yes" if document.is_self_invoicing else None),
            ("Attachment", "yes" if document.has_attachment else None),
        ),
        parties=_parties(document),
        lines=shown,
        line_count=count,
        currency=currency,
        totals=_present(
            ("Net", f"{document.net} {currency}"),
            ("VAT", f"{document.vat} PLN"),
            ("Gross", f"{document.gross} {currency}"),
        ),
        length=len(file),
    )


def _parties(document: Document) -> list[Party]:
    seller, authorized = document.seller, document.authorized_subject
    found = [] if seller is None else [Party("Seller", f"Nip {seller.nip}", seller.name or "")]
    found.append(_party("Buyer", document.buyer))
    found += [_party(f"Third party, role {each.role}", each) for each in document.third_subjects[:_LINES]]
    if authorized is not None:
        part = f"Authorized, role {authorized.role}"
        found.append(Party(part, f"Nip {authorized.nip}", authorized.name or ""))
    return found


def _party(part: str, party: Buyer | ThirdSubject) -> Party:
    identifier = party.identifier
    return Party(part, f"{identifier.type} {identifier.value or ''}".strip(), party.name or "")


def _present(*rows: tuple[str, str | None]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in rows if value]


async def _checks(system: System, sent: SentInvoice) -> list[CheckView]:
    """What failed, which the record keeps; and what passed, as long as the journal has its request."""
    failed = [CheckView(check, "failed", reason) for check, reason in sent.failures]
    path, told = f"/sessions/online/{sent.session}/invoices", f"{sent.reference}: "
    for entry in await newest_entries(system):
        if entry.path.endswith(path) and any(each.reason.startswith(told) for each in entry.decisions):
            passed = next((each.reason for each in entry.decisions if each.check == "verification"), "")
            names, _, ground = passed.partition("; ")
            reasons = {Check.RIGHT: ground}
            return failed + [
                CheckView(check, "passed", reasons.get(check, ""))
                for check in Check
                if check in names.split(", ")
            ]
    return failed


async def _view(system: System, sent: SentInvoice | None, invoice: Invoice | None, here: str) -> InvoiceView:
    file = None if invoice is None else await system.invoices.file(invoice.content.ksef_number)
    row = None if sent is None else invoice_row(system, sent)
    facts: list[tuple[str, str | None]] = []
    if sent is not None:
        facts += [
            ("Reference", sent.reference),
            ("In the session", f"invoice {sent.ordinal}"),
            ("File", sent.file_name),
            ("Sent", moment_of(sent.invoiced_at)),
            ("Declared hash", sent.hash),
            ("Number", sent.number),
            ("Issued", sent.issue_date),
            ("Seller", sent.seller_nip),
        ]
    if invoice is not None:
        content = invoice.content
        facts += [
            ("KSeF number", content.ksef_number),
            ("Mode", content.invoicing_mode),
            ("Accepted", moment_of(invoice.acquired_at)),
            ("Stored", moment_of(invoice.stored_at) if system.invoices.is_stored(invoice) else "not yet"),
            ("Corrects the file", content.hash_of_corrected_invoice),
        ]
        if sent is None:
            facts += [
                ("Number", content.invoice_number),
                ("Seller", f"{content.seller.nip} {content.seller.name or ''}"),
                ("Buyer", f"{content.buyer.identifier.value or ''} {content.buyer.name or ''}"),
                ("Gross", f"{content.gross_amount:.2f} {content.currency}"),
            ]
    return InvoiceView(
        sent=row,
        checks=[] if sent is None else await _checks(system, sent),
        facts=_present(*facts),
        document=None if file is None else await _document_view(file),
        here=here,
        has_upo=row is not None and row.outcome.code == "200",
    )


async def _sent(request: Request) -> tuple[Session, SentInvoice] | Response:
    """The invoice that the path names, or the page that says that there is none."""
    system, named = system_of(request), request.path_params["invoice"]
    session = await system.sessions.find(request.path_params["session"])
    if session is None:
        return await no_session(request)
    invoice = await system.sessions.invoice(session, named)
    if invoice is None:
        back = address_of(session.reference)
        text = f"The session has no invoice {named[:64]}."
        return await message(request, 404, "No such invoice", text, section="sending", back=back)
    return session, invoice


@guarded
async def sent_invoice(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}/invoices/{invoice}."""
    found = await _sent(request)
    if isinstance(found, Response):
        return found
    session, sent = found
    system = system_of(request)
    number = sent.ksef_number if sent.wait.is_over(system.clock.now()) else None
    invoice = None if number is None else await system.invoices.get(number)
    view = await _view(system, sent, invoice, address_of(session.reference, sent.reference))
    back = address_of(session.reference)
    return await framed(request, "sending", "invoice.html", view=view, back=back, crumb="Session")


@guarded
async def sent_document(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}/invoices/{invoice}/document: the file as it was accepted."""
    found = await _sent(request)
    if isinstance(found, Response):
        return found
    number = found[1].ksef_number
    return await _file(request, number) if number is not None else await _no_file(request)


@guarded
async def known_invoice(request: Request) -> Response:
    """GET /_mock/ui/invoices/{number}: an accepted invoice by its KSeF number, sent here or seeded."""
    system, number = system_of(request), request.path_params["number"]
    sent = await system.sessions.sent(number)
    if sent is not None:
        return Redirect(address_of(sent.session, sent.reference), 303)
    invoice = await system.invoices.get(number)
    if invoice is None:
        text = f"KSeF has no invoice {number[:64]}."
        return await message(request, 404, "No such invoice", text, section="invoices", back=_INVOICES)
    view = await _view(system, None, invoice, f"{_INVOICES}/{number}")
    return await framed(request, "invoices", "invoice.html", view=view, back=_INVOICES, crumb="Invoices")


@guarded
async def known_document(request: Request) -> Response:
    """GET /_mock/ui/invoices/{number}/document: its file."""
    return await _file(request, request.path_params["number"])


async def _file(request: Request, number: str) -> Response:
    file = await system_of(request).invoices.file(number)
    # A number that has a file is one of the mock's making, and so fit for the name of another.
    return await _no_file(request) if file is None else attachment(file, f"{number}.xml")


async def _no_file(request: Request) -> Response:
    text = "Of refused invoices, and of those that were seeded by their metadata, no document is kept."
    return await message(request, 404, "No document", text, section="invoices", back=_INVOICES)


async def _upo(request: Request) -> tuple[bytes, str] | Response:
    found = await _sent(request)
    if isinstance(found, Response):
        return found
    session, invoice = found
    back = address_of(session.reference, invoice.reference)
    try:
        document = await system_of(request).confirmations.of_invoice(session, invoice, invoice.reference)
    except BadRequest:
        text = "There is no UPO of this invoice, or not yet."
        return await message(request, 404, "No UPO", text, section="sending", back=back)
    return document, back


@guarded
async def upo(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}/invoices/{invoice}/upo."""
    found = await _upo(request)
    if isinstance(found, Response):
        return found
    document, back = found
    download = f"{back}/upo/document"
    return await framed(
        request, "sending", "xml.html", title="UPO", view=xml_view(document), back=back, download=download
    )


@guarded
async def upo_document(request: Request) -> Response:
    """GET /_mock/ui/sending/{session}/invoices/{invoice}/upo/document: the same as a file."""
    found = await _upo(request)
    if isinstance(found, Response):
        return found
    return attachment(found[0], f"upo-{request.path_params['invoice']}.xml")


@guarded
async def invoices(request: Request) -> Response:
    """GET /_mock/ui/invoices. `q`: whose, or a KSeF number; `as`: the part that they play."""
    query, system = request.query_params, system_of(request)
    words = query.get("q", "5265877635").strip()[:100]
    part = _part(query.get("as", ""))
    party = as_context(words)
    if party is None and await system.invoices.get(words) is not None:
        return Redirect(f"{_INVOICES}/{words}", 303)
    continuation, rows, following = query.get("page"), [], None
    if party is not None:
        page = await system.invoices.of_party(party, part, ROWS, continuation)
        rows = [(invoice, moment_of(invoice.acquired_at)) for invoice in page.items]
        following = page.continuation
    problem = "" if party is not None else f"{words[:40]!r} is neither an identifier nor a KSeF number"
    listed = InvoiceList(rows, words, part, list(_PARTS.items()), problem, following, continuation is None)
    return await framed(request, "invoices", "invoices.html", list=listed)


def _part(text: str) -> SubjectType:
    try:
        return SubjectType(text)
    except ValueError:
        return SubjectType.SELLER


ROUTES = [
    Route("/ui/sending/{session}/invoices/{invoice}", sent_invoice, methods=["GET"]),
    Route("/ui/sending/{session}/invoices/{invoice}/document", sent_document, methods=["GET"]),
    Route("/ui/sending/{session}/invoices/{invoice}/upo", upo, methods=["GET"]),
    Route("/ui/sending/{session}/invoices/{invoice}/upo/document", upo_document, methods=["GET"]),
    Route("/ui/invoices", invoices, methods=["GET"]),
    Route("/ui/invoices/{number}", known_invoice, methods=["GET"]),
    Route("/ui/invoices/{number}/document", known_document, methods=["GET"]),
]
