"""The control interface over HTTP, for tests in any language: reset, tokens."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import NIP, wrong
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.settings import FirstToken


class TokenOrder(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/tokens. `token` sets the token's text instead of generating one."""

    nip: Annotated[str, msgspec.Meta(description=NIP)]
    permissions: list[Permission] | None = None
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
    nip = Identifier("Nip", order.nip)
    if not is_context_identifier(nip):
        raise BadRequest(Code.VALIDATION, wrong("nip", NIP, order.nip))
    try:
        if order.token is not None:
            FirstToken(order.nip, order.token)  # refuses what is no text of a token
        token, text = await system_of(request).issue_token(nip, order.permissions, text=order.token)
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, f"token: {error}") from None
    return answer(TokenDelivery(token.reference, text), 201)


ROUTES = [
    Route("/reset", reset, methods=["POST"]),
    Route("/tokens", issue_token, methods=["POST"]),
]
