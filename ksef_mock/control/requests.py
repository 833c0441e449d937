"""GET /_mock/requests/{number}: one request and its answer as they were on the wire, secrets masked."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, exchange_of, system_of
from ksef_mock.core.errors import NotFound
from ksef_mock.core.wire import Wire
from ksef_mock.gateway.gateway import base_url
from ksef_mock.trail.journal import Entry
from ksef_mock.trail.wire import Recorded, is_document, recorded, without_secrets

#: Digits of the largest number.
_LONGEST_NUMBER = 10


class RequestDelivery(msgspec.Struct, rename="camel", omit_defaults=True):
    """An entry of the journal, and what was on the wire; nothing of that of a request under /_mock."""

    entry: Entry
    wire: Recorded | None = None


async def find(request: Request) -> tuple[Entry, Wire | None]:
    """The entry that the path names, by its number or its trace id.

    Raises:
        NotFound: the journal has none such, or not any more.
    """
    system = system_of(request)
    named: str = request.path_params["number"]
    key = int(named) if named.isascii() and named.isdigit() and len(named) <= _LONGEST_NUMBER else named
    try:
        if system.store.is_local:
            return system.journal.get(key)
        return await asyncio.to_thread(system.journal.get, key)
    except LookupError:
        kept = system.settings.journal_size
        raise NotFound(
            reason=f"the journal has no request {named[:64]!r}: it keeps the last {kept}, until a reset"
        ) from None


def recorded_of(request: Request, entry: Entry, wire: Wire | None) -> Recorded | None:
    """What may be shown of a request: `recorded` with the addresses of this mock."""
    if wire is None:
        return None
    base = base_url(request.scope)
    document = f"{base}/_mock/requests/{entry.sequence}/document"
    return recorded(wire, entry.method, entry.status, base, document)


def document_of(entry: Entry, wire: Wire | None) -> Response:
    """The body of a request as it came: a signed document octet by octet, other texts without secrets.

    Raises:
        NotFound: it had none, or not all of it is kept.
    """
    if wire is None or not wire.length:
        raise NotFound(reason=f"request {entry.sequence} had no body")
    if wire.missing:
        kept = f"only the first {len(wire.body)} of its {wire.length} octets are kept"
        raise NotFound(reason=f"request {entry.sequence}: {kept}")
    body, document = wire.body, is_document(wire.body)
    if not document:
        with contextlib.suppress(UnicodeDecodeError):
            body = without_secrets(body.decode()).encode()
    name = f"request-{entry.sequence}.{'xml' if document else 'bin'}"
    # Whatever a client has sent is never shown as a page of the mock's.
    return Response(
        body,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


async def one(request: Request) -> Response:
    """GET /_mock/requests/{number}, by number or trace id."""
    exchange_of(request).recorded = False
    entry, wire = await find(request)
    return answer(RequestDelivery(entry, recorded_of(request, entry, wire)))


async def document(request: Request) -> Response:
    """GET /_mock/requests/{number}/document: the body that was sent, to be kept in a file."""
    exchange_of(request).recorded = False
    return document_of(*await find(request))


ROUTES = [
    Route("/requests/{number}", one, methods=["GET"]),
    Route("/requests/{number}/document", document, methods=["GET"]),
]
