"""/_mock/invoices: invoices that KSeF is to know, by their metadata or documents; all of them, out and in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, query_text, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.ksef.invoices.bodies import SeedInvoicesRequest, SeedInvoicesResponse
from ksef_mock.ksef.invoices.portable import (
    LARGEST_ORDER,
    Importer,
    ImportOrder,
    carried_page,
)
from ksef_mock.ksef.invoices.seeding import add_document


async def seed_invoices(request: Request) -> Response:
    """Make KSeF know these invoices, in this order; those before a wrong one stay."""
    body = await read_order(request, SeedInvoicesRequest)
    system = system_of(request)
    numbers: list[str] = []
    for seed in body.invoices:
        invoice = seed.invoice(system.clock.now())
        number = invoice.content.ksef_number
        if not await system.invoices.add(invoice):
            raise BadRequest(Code.VALIDATION, f"there is an invoice {number} already")
        numbers.append(number)
    for place, document in enumerate(body.documents):
        try:
            added = await add_document(system.invoices, system.schemas, document.encode(), system.clock.now())
        except ValueError as error:
            raise BadRequest(Code.VALIDATION, f"documents[{place}]: {error}") from None
        numbers.append(added.content.ksef_number)
    return answer(SeedInvoicesResponse(numbers), 201)


async def export(request: Request) -> Response:
    """GET: all invoices, page by page."""
    return answer(await carried_page(system_of(request).invoices, query_text(request, "after")))


async def import_(request: Request) -> Response:
    """POST: what another mock has exported."""
    order = await read_order(request, ImportOrder, limit=LARGEST_ORDER)
    system = system_of(request)
    importer = Importer(system.invoices, system.schemas)
    return answer(await importer.import_all(order.invoices, dry_run=order.dry_run))


ROUTES = [
    Route("/invoices", seed_invoices, methods=["POST"]),
    Route("/invoices/export", export, methods=["GET"]),
    Route("/invoices/import", import_, methods=["POST"]),
]
