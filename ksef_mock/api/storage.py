"""/storage: what signed links lead to. No bearer, no rate limit; KSeF serves it from the host of its API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from email.utils import formatdate
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ksef_mock.api.documents import asked_range, xml
from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import SECOND, Instant
from ksef_mock.ksef.batch.batches import TooMuch
from ksef_mock.ksef.invoices import export_rules
from ksef_mock.ksef.invoices.exports import Export, Part
from ksef_mock.ksef.sending.storage import Link, Refusal, Storage
from ksef_mock.system.system import System

_INVOICE = re.compile(r"/\d\d/(?P<session>[0-9a-z-]{36})/invoice-upo/upo_(?P<number>[0-9A-Z-]{35,36})\.xml")
_UPLOADED = re.compile(
    r"/\d\d/(?P<session>[0-9a-z-]{36})/batch-parts/(?P<ordinal>\d{1,5})\.(?:zip|tar\.gz)\.enc"
)
_PAGE = re.compile(r"/\d\d/(?P<session>[0-9a-z-]{36})/session-upo/upo_(?P<index>\d{2,5})\.xml")
_PART = re.compile(r"/\d\d/(?P<export>[0-9a-z-]{36})/invoice-part/(?P<name>[0-9A-Za-z.-]{1,100})")

#: Status, code and message of Azure's answers (the first two messages seen, the last its documentation's).
_REFUSALS = {
    Refusal.SIGNATURE: (
        401,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature.",
    ),
    Refusal.EXPIRED: (
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature.",
    ),
}
_NO_BLOB_TYPE = (
    400,
    "MissingRequiredHeader",
    "An HTTP header that's mandatory for this request is not specified.",
)
_TOO_MUCH = (
    413,
    "RequestBodyTooLarge",
    "The request body is too large and exceeds the maximum permissible limit.",
)
_NOT_FOUND = (404, "BlobNotFound", "The specified blob does not exist.")
_BAD_RANGE = (416, "InvalidRange", "The range specified is invalid for the current size of the resource.")


async def download(request: Request) -> Response:
    """GET of a signed link."""
    system, exchange = system_of(request), exchange_of(request)
    path = "/" + request.path_params["path"]
    refusal = system.storage.check(path, request.query_params, system.clock.now())
    if refusal is not None:
        exchange.failed("link", f"{refusal.name.lower()}: the link is not ours, was changed, or has expired")
        return _refused(*_REFUSALS[refusal])
    part = _PART.fullmatch(path)
    if part is not None:
        return await _part(request, system, part["export"].upper(), part["name"])
    found = _INVOICE.fullmatch(path) or _PAGE.fullmatch(path)
    session = None if found is None else await system.sessions.find(found["session"].upper())
    if found is None or session is None:
        return _refused(*_NOT_FOUND)
    if found.re is _INVOICE:
        return xml(await system.confirmations.of_number(session, found["number"]), request)
    return xml(await system.confirmations.of_page(session, session.pages[int(found["index"])]), request)


async def upload(request: Request) -> Response:
    """PUT of a signed link: a part of a package. Whoever holds the link needs no bearer, nor may send one."""
    system, exchange = system_of(request), exchange_of(request)
    path = "/" + request.path_params["path"]
    refusal = system.storage.check(path, request.query_params, system.clock.now(), "w")
    if refusal is None and "authorization" in request.headers:
        exchange.failed("link", "an Authorization header was sent: the link alone authorizes")
        refusal = Refusal.SIGNATURE
    elif refusal is not None:
        exchange.failed("link", f"{refusal.name.lower()}: the link is not ours, was changed, or has expired")
    if refusal is not None:
        return _refused(*_REFUSALS[refusal])
    if request.headers.get("x-ms-blob-type", "").lower() != "blockblob":
        exchange.failed("headers", "x-ms-blob-type: BlockBlob is not there, as partUploadRequests says")
        return _refused(*_NO_BLOB_TYPE)
    found = _UPLOADED.fullmatch(path)
    if found is None:
        return _refused(*_NOT_FOUND)
    reference, ordinal = found["session"].upper(), int(found["ordinal"])
    try:
        taken = await system.batches.receive(reference, ordinal, request.stream())
    except TooMuch as error:
        exchange.failed("part", str(error))
        return _refused(*_TOO_MUCH)
    if not taken:
        exchange.failed("part", f"{reference} is not open any more")
        return _refused(*_REFUSALS[Refusal.EXPIRED])
    exchange.noted("part", f"{ordinal} of {reference} has come")
    return Response(status_code=201)


def link_to_part(storage: Storage, base: str, export: Export, number: int, now: Instant) -> Link:
    """A signed link to a part of a package; `base`: scheme and host of the mock."""
    path = f"/00/{export.reference.lower()}/invoice-part/{export.part_name(number)}"
    return storage.link(base, path, now, export_rules.LINK_LIFETIME)


async def _part(request: Request, system: System, reference: str, name: str) -> Response:
    """A part of a package, or a range of its octets."""
    found = await system.exports.part(reference, name)
    if found is None:
        return _refused(*_NOT_FOUND)
    export, part = found
    headers = {
        "Accept-Ranges": "bytes",
        "x-ms-meta-hash": part.sealed_hash,
        "x-ms-blob-type": "BlockBlob",
        "Last-Modified": formatdate(export.completed_at // SECOND, usegmt=True),
    }
    size = part.sealed.size
    wanted = asked_range(request, size)
    if wanted is None:
        return _streamed(system, part, 0, size, 200, headers)
    first, last = wanted
    if first > last:
        return _refused(*_BAD_RANGE, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return _streamed(system, part, first, last + 1, 206, headers)


def _streamed(
    system: System, part: Part, first: int, end: int, status: int, headers: dict[str, str]
) -> Response:
    async def octets() -> AsyncIterator[bytes]:
        place = 0
        async for piece in system.exports.octets(part):
            wanted = piece[max(first - place, 0) : max(end - place, 0)]
            place += len(piece)
            if wanted:
                yield wanted
            if place >= end:
                return

    headers["Content-Length"] = str(end - first)
    return StreamingResponse(octets(), status, headers, "application/octet-stream")


def _refused(status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> Response:
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error>"
    )
    return Response(body, status, headers, media_type="application/xml")


ROUTES = [
    Route("/storage/{path:path}", download, methods=["GET"]),
    Route("/storage/{path:path}", upload, methods=["PUT"]),
]
