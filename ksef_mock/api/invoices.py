"""Pobieranie faktur: the search for metadata, a file by its KSeF number, exports of packages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.documents import xml
from ksef_mock.api.http import (
    answer,
    caller,
    exchange_of,
    path_reference,
    public_address,
    query_choice,
    query_page,
    read_json,
    system_of,
    together,
)
from ksef_mock.api.storage import link_to_part
from ksef_mock.clock import Instant
from ksef_mock.ksef.invoices import bodies as wire_invoices
from ksef_mock.ksef.invoices import export_bodies as wire_exports
from ksef_mock.ksef.invoices import export_rules
from ksef_mock.ksef.invoices.exports import Export, Order
from ksef_mock.ksef.invoices.packing import Compression
from ksef_mock.ksef.keys.symmetric_key import received
from ksef_mock.system.system import System


async def query_metadata(request: Request) -> Response:
    """POST /invoices/query/metadata."""
    actor = await caller(request)
    system = system_of(request)
    now = system.clock.now()
    hwm = _high_water_mark(system, now)
    with together(request):
        order = query_choice(request, "sortOrder", "Asc", "Desc")
        page = query_page(request, most=250)
        filters = await read_json(request, wire_invoices.InvoiceQueryFilters, prefix="filters.")
    export_rules.require_available(filters.is_beyond(hwm))
    query = filters.query(now, hwm)
    found = await system.invoices.find(
        actor.context, query, ascending=order == "Asc", offset=page.offset, size=page.size
    )
    return answer(wire_invoices.QueryInvoicesMetadataResponse.of(found, query, hwm))


async def invoice(request: Request) -> Response:
    """GET /invoices/ksef/{ksefNumber}."""
    actor = await caller(request)
    system = system_of(request)
    return xml(await system.invoices.downloaded(request.path_params["number"], actor.context), request)


async def export(request: Request) -> Response:
    """POST /invoices/exports."""
    actor = await caller(request)
    system, exchange = system_of(request), exchange_of(request)
    now = system.clock.now()
    hwm = _high_water_mark(system, now)
    body = await read_json(request, wire_exports.InvoiceExportRequest)
    query = body.filters.query(now, hwm)
    encryption = body.encryption
    key = received(
        encryption.wrapped_key,
        encryption.public_key_id,
        await system.keys.published(),
        exchange,
        system.keys.withdrawn(),
    )
    ordered = await system.exports.order(
        actor,
        Order(
            query=query,
            hwm=hwm,
            is_beyond=body.filters.is_beyond(hwm),
            only_metadata=body.only_metadata,
            compression=body.compression_type or Compression.ZIP,
            key=key,
            iv=encryption.iv,
        ),
        exchange,
    )
    exchange.noted("export", f"ordered {ordered.reference}")
    return answer(wire_exports.ExportInvoicesResponse(ordered.reference), 201)


async def export_status(request: Request) -> Response:
    """GET /invoices/exports/{referenceNumber}."""
    actor = await caller(request)
    system = system_of(request)
    found = await system.exports.poll(path_reference(request), actor.context)
    base, now = public_address(request), system.clock.now()

    def link(export: Export, number: int) -> tuple[str, Instant]:
        made = link_to_part(system.storage, base, export, number, now)
        return made.url, made.expires_at

    return answer(wire_exports.InvoiceExportStatusResponse.of(found, now, link))


def _high_water_mark(system: System, now: Instant) -> Instant:
    return export_rules.high_water_mark(now, system.settings.hwm_lag)


ROUTES = [
    Route("/invoices/ksef/{number}", invoice, methods=["GET"]),
    Route("/invoices/query/metadata", query_metadata, methods=["POST"]),
    Route("/invoices/exports", export, methods=["POST"]),
    Route("/invoices/exports/{reference}", export_status, methods=["GET"]),
]
