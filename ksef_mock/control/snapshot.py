"""GET and PUT /_mock/snapshot: the whole state, saved and put back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import read_body, require_media_type, system_of
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.system.snapshots import LARGEST, InvalidSnapshot, restore, take

MEDIA_TYPE = "application/octet-stream"


async def snapshot(request: Request) -> Response:
    """Save or restore, by method."""
    system = system_of(request)
    if request.method != "PUT":
        headers = {"Cache-Control": "no-store"}  # it holds private keys
        return Response(await take(system), media_type=MEDIA_TYPE, headers=headers)
    require_media_type(request, MEDIA_TYPE)
    try:
        await restore(system, await read_body(request, LARGEST))
    except InvalidSnapshot as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    return Response(status_code=204)


ROUTES = [Route("/snapshot", snapshot, methods=["GET", "PUT"])]
