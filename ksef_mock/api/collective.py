"""Identyfikatory zbiorcze: generate one, list them, list their invoices, list those of an invoice."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import (
    answer,
    caller,
    continuation_token,
    exchange_of,
    query_integer,
    read_json,
    system_of,
    together,
)
from ksef_mock.core.bodies import invalid
from ksef_mock.core.validation import FORMAT
from ksef_mock.ksef.collective import bodies as wire
from ksef_mock.ksef.invoices.metadata import KSEF_NUMBER


async def generate(request: Request) -> Response:
    """POST /collective-identifiers."""
    actor = await caller(request)
    system = system_of(request)
    most = (await system.limits.of_context(actor.context)).collective_identifier.max_invoices
    order = await read_json(
        request, wire.GenerateCollectiveIdentifierRequest, limit=wire.largest_request(most)
    )
    made = await system.collective_identifiers.create(
        actor.context, [invoice.named for invoice in order.invoices], most
    )
    exchange_of(request).noted("collective identifier", f"{made.number} of {made.invoice_count} invoices")
    return answer(wire.GenerateCollectiveIdentifierResponse(made.number), 201)


async def query(request: Request) -> Response:
    """POST /collective-identifiers/query."""
    actor = await caller(request)
    with together(request):
        size = query_integer(request, "pageSize", default=10, minimum=10, maximum=200)
        wanted = (await read_json(request, wire.CollectiveIdentifiersQueryRequest)).query
    found = await system_of(request).collective_identifiers.of_context(
        actor.context, wanted, size, continuation_token(request)
    )
    return answer(wire.CollectiveIdentifiersQueryResponse.of(found, actor.context, with_count=True))


async def invoices(request: Request) -> Response:
    """POST /collective-identifiers/invoices."""
    actor = await caller(request)
    with together(request):
        size = query_integer(request, "pageSize", default=10, minimum=10, maximum=500)
        order = await read_json(request, wire.CollectiveIdentifierInvoicesQueryRequest)
    found = await system_of(request).collective_identifiers.invoices(
        order.collective_identifier_numbers, actor.context, size, continuation_token(request)
    )
    return answer(wire.CollectiveIdentifierInvoicesQueryResponse.of(found))


async def of_invoice(request: Request) -> Response:
    """GET /collective-identifiers/ksef/{ksefNumber}."""
    actor = await caller(request)
    number: str = request.path_params["number"]
    with together(request):
        size = query_integer(request, "pageSize", default=10, minimum=10, maximum=200)
        if re.fullmatch(KSEF_NUMBER, number) is None:
            raise invalid("ksefNumber", FORMAT)
    found = await system_of(request).collective_identifiers.naming(number, size, continuation_token(request))
    return answer(wire.CollectiveIdentifiersQueryResponse.of(found, actor.context, with_count=False))


ROUTES = [
    Route("/collective-identifiers", generate, methods=["POST"]),
    Route("/collective-identifiers/query", query, methods=["POST"]),
    Route("/collective-identifiers/invoices", invoices, methods=["POST"]),
    Route("/collective-identifiers/ksef/{number}", of_invoice, methods=["GET"]),
]
