"""POST /_mock/sign: a document signed by somebody whom KSeF knows, or wrongly on purpose.

The document is the body (`application/xml`) and the order is the query, or both are a JSON body with the
document as the member `xml`.
"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, read_body, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import explained
from ksef_mock.signing.stand_in import SignOrder, sign_as


class DocumentOrder(SignOrder, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The order with the document to sign."""

    xml: str


class SignedDocument(msgspec.Struct):
    """The signed document."""

    xml: str


async def sign(request: Request) -> Response:
    """Sign a document."""
    system = system_of(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    as_json = media_type == "application/json"
    order: SignOrder
    if as_json:
        order = ordered = await read_order(request, DocumentOrder)
        xml = ordered.xml.encode()
    else:
        xml = await read_body(request, system.settings.max_body)
        try:
            order = msgspec.convert(dict(request.query_params), SignOrder, strict=False)
        except msgspec.ValidationError as error:
            raise BadRequest(
                Code.VALIDATION, explained(error, dict(request.query_params), SignOrder)
            ) from None
    try:
        signed = await asyncio.to_thread(sign_as, xml, order, system.pki, system.clock.now())
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    if as_json:
        return answer(SignedDocument(signed.decode()))
    return Response(signed, media_type="application/xml")


ROUTES = [Route("/sign", sign, methods=["POST"])]
