"""/storage: what signed links lead to. No bearer, no rate limit; KSeF serves it from the host of its API."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.documents import xml
from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.ksef.sending.storage import Refusal

_INVOICE = re.compile(r"/\d\d/(?P<session>[0-9a-z-]{36})/invoice-upo/upo_(?P<number>[0-9A-Z-]{35,36})\.xml")
_PAGE = re.compile(r"/\d\d/(?P<session>[0-9a-z-]{36})/session-upo/upo_(?P<index>\d{2,5})\.xml")

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
_NOT_FOUND = (404, "BlobNotFound", "The specified blob does not exist.")


async def download(request: Request) -> Response:
    """GET of a signed link."""
    system, exchange = system_of(request), exchange_of(request)
    path = "/" + request.path_params["path"]
    refusal = system.storage.check(path, request.query_params, system.clock.now())
    if refusal is not None:
        exchange.failed("link", f"{refusal.name.lower()}: the link is not ours, was changed, or has expired")
        return _refused(*_REFUSALS[refusal])
    found = _INVOICE.fullmatch(path) or _PAGE.fullmatch(path)
    session = None if found is None else await system.sessions.find(found["session"].upper())
    if found is None or session is None:
        return _refused(*_NOT_FOUND)
    if found.re is _INVOICE:
        return xml(await system.confirmations.of_number(session, found["number"]))
    return xml(await system.confirmations.of_page(session, session.pages[int(found["index"])]))


def _refused(status: int, code: str, message: str) -> Response:
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error>"
    )
    return Response(body, status, media_type="application/xml")


ROUTES = [Route("/storage/{path:path}", download, methods=["GET"])]
