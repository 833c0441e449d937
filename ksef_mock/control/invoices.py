"""POST /_mock/invoices: invoices that KSeF is to know, by their metadata or by their documents."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.ksef.invoices.bodies import SeedInvoicesRequest, SeedInvoicesResponse
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
            added = await add_document(system.invoices, document.encode(), system.clock.now())
        except ValueError as error:
            raise BadRequest(Code.VALIDATION, f"documents[{place}]: {error}") from None
        numbers.append(added.content.ksef_number)
    return answer(SeedInvoicesResponse(numbers), 201)


ROUTES = [Route("/invoices", seed_invoices, methods=["POST"])]
