"""The lighthouse as an ASGI application: two static files behind a content delivery network and a firewall.

Integrators' reports say so (CIRFMF/ksef-latarnia, 2026): no parameters, no CORS, and for every other path the
XML of a file store that denies access.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from hashlib import sha256

import msgspec
from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.lighthouse import Breakdown
from ksef_mock.lighthouse.documents import messages_document, status_document

#: Where the mock has it beside its API.
PREFIX = "/latarnia"
_DOCUMENTS = {"/status": status_document, "/messages": messages_document}

_ACCESS_DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
    "<RequestId>{}</RequestId><HostId>{}</HostId></Error>"
)
# The words of these two pages are nobody's recording.
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


class LighthouseApp:
    """ASGI application below its mount: `/status` and `/messages`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        exchange = exchange_of(request)
        # The API's warnings are not its own.
        exchange.of_api = False
        system = system_of(request)
        board = system.lighthouse.board
        if board.slow:
            exchange.noted("lighthouse", f"told to answer {board.slow:g} s late")
            with contextlib.suppress(TimeoutError):  # a mock that stops answers at once
                await asyncio.wait_for(system.closing.wait(), board.slow)
        path = get_route_path(scope)
        cors = system.settings.lighthouse_cors
        if board.breakdown is not None:
            exchange.noted("lighthouse", f"told to be down: {board.breakdown}")
            response = _broken(board.breakdown, exchange)
        elif cors and request.method == "OPTIONS" and path in _DOCUMENTS:
            response = Response(status_code=204, headers=_PREFLIGHT)
        elif request.method in ("GET", "HEAD") and path in _DOCUMENTS:
            document = _DOCUMENTS[path](board, exchange.started_at)
            response = Response(msgspec.json.encode(document), media_type="application/json")
        else:
            exchange.failed("lighthouse", "it has GET /status and GET /messages, and nothing else")
            response = _denied(exchange)
        if cors:
            response.headers["Access-Control-Allow-Origin"] = "*"
        await response(scope, receive, send)


def _denied(exchange: Exchange) -> Response:
    request_id = exchange.trace_id[:16].upper()
    host_id = sha256(exchange.trace_id.encode()).hexdigest()
    return Response(_ACCESS_DENIED.format(request_id, host_id), 403, media_type="application/xml")


def _broken(how: Breakdown, exchange: Exchange) -> Response:
    match how:
        case Breakdown.ACCESS_DENIED:
            return _denied(exchange)
        case Breakdown.FIREWALL:
            body: Mapping[str, object] = {
                "title": "Request blocked",
                "status": 403,
                "detail": "This request was blocked by our security service",
                "security": {"incidentId": exchange.trace_id, "clientIp": exchange.client_ip},
            }
            return Response(msgspec.json.encode(body), 403, media_type="application/json")
        case Breakdown.BAD_GATEWAY:
            return Response(_PAGE.format("502 Bad Gateway"), 502, media_type="text/html")
        case Breakdown.GATEWAY_TIMEOUT:
            return Response(_PAGE.format("504 Gateway Time-out"), 504, media_type="text/html")
