"""Pobieranie faktur: the search for metadata, a file by its KSeF number."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.documents import xml
from ksef_mock.api.http import answer, caller, query_choice, query_integer, read_json, system_of
from ksef_mock.ksef.invoices import bodies as wire_invoices

_LAST_PAGE = 2**31 - 1


async def query_metadata(request: Request) -> Response:
    """POST /invoices/query/metadata."""
    actor = await caller(request)
    order = query_choice(request, "sortOrder", "Asc", "Desc")
    offset = query_integer(request, "pageOffset", default=0, minimum=0, maximum=_LAST_PAGE)
    size = query_integer(request, "pageSize", default=10, minimum=10, maximum=250)
    system = system_of(request)
    now = system.clock.now()
    query = (await read_json(request, wire_invoices.InvoiceQueryFilters, prefix="filters.")).query(now)
    found = await system.invoices.find(
        actor.context, query, ascending=order == "Asc", offset=offset, size=size
    )
    return answer(wire_invoices.QueryInvoicesMetadataResponse.of(found, query, now))


async def invoice(request: Request) -> Response:
    """GET /invoices/ksef/{ksefNumber}."""
    actor = await caller(request)
    system = system_of(request)
    return xml(await system.invoices.downloaded(request.path_params["number"], actor.context))


ROUTES = [
    Route("/invoices/ksef/{number}", invoice, methods=["GET"]),
    Route("/invoices/query/metadata", query_metadata, methods=["POST"]),
]
