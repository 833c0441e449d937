"""PUT and DELETE /_mock/system-warning: the `X-System-Warning` that every answer of the API carries."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.bodies import WarningText


class SystemWarning(msgspec.Struct, forbid_unknown_fields=True):
    """The header's value; it is sent folded to ASCII."""

    warning: WarningText


async def set_warning(request: Request) -> Response:
    """Warn from now on."""
    body = await read_order(request, SystemWarning)
    await system_of(request).controls.warn(body.warning)
    return Response(status_code=204)


async def clear_warning(request: Request) -> Response:
    """Warn no more."""
    await system_of(request).controls.warn(None)
    return Response(status_code=204)


async def system_warning(request: Request) -> Response:
    """Both, by method."""
    return await (set_warning if request.method == "PUT" else clear_warning)(request)


ROUTES = [Route("/system-warning", system_warning, methods=["PUT", "DELETE"])]
