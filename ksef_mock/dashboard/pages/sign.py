"""What podpis.gov.pl is to the guide: upload a document, sign it, download it."""

from __future__ import annotations

import asyncio
from email.parser import BytesParser
from email.policy import HTTP

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import read_body, system_of
from ksef_mock.dashboard.forms import Unusable
from ksef_mock.dashboard.frame import framed, guarded
from ksef_mock.dashboard.render import HEADERS
from ksef_mock.signing.mistakes import Mistake
from ksef_mock.signing.stand_in import ALGORITHMS, Service, SignOrder, sign_as


@guarded
async def sign_form(request: Request) -> Response:
    """GET /_mock/ui/sign."""
    return await framed(
        request,
        "sign",
        "sign.html",
        services=list(map(str, Service)),
        algorithms=list(ALGORITHMS),
        mistakes=list(map(str, Mistake)),
    )


@guarded
async def sign(request: Request) -> Response:
    """POST /_mock/ui/sign: multipart/form-data with a `document`; the answer is the signed one."""
    system = system_of(request)
    fields = _parts(
        request.headers.get("content-type", ""), await read_body(request, system.settings.max_body)
    )
    document = fields.pop("document", b"")
    try:
        order = msgspec.convert(
            {name: value.decode() for name, value in fields.items() if value}, SignOrder, strict=False
        )
        signed = await asyncio.to_thread(sign_as, document, order, system.pki, system.clock.now())
    except ValueError as problem:
        raise Unusable(str(problem)) from None
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="signed.xml"'}
    return Response(signed, headers=headers, media_type="application/xml")


def _parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form with a file."""
    if not content_type.lower().startswith("multipart/form-data") or "\n" in content_type:
        raise Unusable("the form comes as multipart/form-data")
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, bytes] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content
    return fields


ROUTES = [
    Route("/ui/sign", sign_form, methods=["GET"]),
    Route("/ui/sign", sign, methods=["POST"]),
]
