"""The control interface over HTTP, for tests in any language: reset, tokens."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier


class TokenOrder(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/tokens. `token` sets the token's text instead of generating one."""

    nip: str
    permissions: list[str] | None = None
    token: str | None = None


class TokenDelivery(msgspec.Struct, rename="camel"):
    """The new KSeF token, its text included."""

    reference_number: str
    token: str


async def reset(request: Request) -> Response:
    """Back to the state of the start."""
    await system_of(request).reset()
    return Response(status_code=204)


async def issue_token(request: Request) -> Response:
    """Make a KSeF token for a NIP."""
    order = await read_order(request, TokenOrder)
    try:
        token, text = await system_of(request).issue_token(
            Identifier("Nip", order.nip), order.permissions, text=order.token
        )
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    return answer(TokenDelivery(token.reference, text), 201)


ROUTES = [
    Route("/reset", reset, methods=["POST"]),
    Route("/tokens", issue_token, methods=["POST"]),
]
