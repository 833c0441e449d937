"""The control interface over HTTP, for tests in any language: health, reset, clock, tokens, journal."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock import __version__
from ksef_mock.api.http import answer, query_integer, read_json, system_of
from ksef_mock.clock import iso
from ksef_mock.control.guard import require_control
from ksef_mock.errors import BadRequest, Code
from ksef_mock.identifiers import Identifier
from ksef_mock.journal import Entry

_LONGEST_ADVANCE = 100 * 366 * 86_400.0


class Health(msgspec.Struct, rename="camel"):
    """GET /_mock/health."""

    status: str
    version: str
    profile: str
    time: str


class ClockAdvance(msgspec.Struct):
    """POST /_mock/clock/advance: how far, in seconds."""

    seconds: float


class ClockTime(msgspec.Struct):
    """The mock's time after the call."""

    time: str


class TokenOrder(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/tokens. `token` sets the token's text instead of generating one."""

    nip: str
    permissions: list[str] | None = None
    token: str | None = None


class TokenDelivery(msgspec.Struct, rename="camel"):
    """The new KSeF token, its text included."""

    reference_number: str
    token: str


class JournalPage(msgspec.Struct):
    """GET /_mock/journal."""

    entries: list[Entry]


async def health(request: Request) -> Response:
    """Answers once the mock accepts requests. Open to everyone: health checks come from outside."""
    system = system_of(request)
    return answer(Health("ok", __version__, system.settings.profile, iso(system.clock.now())))


async def reset(request: Request) -> Response:
    """Back to the state of the start."""
    require_control(request)
    await system_of(request).reset()
    return Response(status_code=204)


async def advance_clock(request: Request) -> Response:
    """Move the mock's time."""
    require_control(request)
    order = await read_json(request, ClockAdvance)
    if not -_LONGEST_ADVANCE <= order.seconds <= _LONGEST_ADVANCE:
        raise BadRequest(Code.VALIDATION, "Parametr 'seconds' jest poza zakresem.")
    system = system_of(request)
    await system.controls.advance(order.seconds)
    return answer(ClockTime(iso(system.clock.now())))


async def issue_token(request: Request) -> Response:
    """Make a KSeF token for a NIP."""
    require_control(request)
    order = await read_json(request, TokenOrder)
    try:
        token, text = await system_of(request).issue_token(
            Identifier("Nip", order.nip), order.permissions, text=order.token
        )
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    return answer(TokenDelivery(token.reference, text), 201)


async def journal(request: Request) -> Response:
    """What was asked and decided; `path`, `operation` and `after` (a sequence number) narrow it down."""
    require_control(request)
    entries = system_of(request).journal.entries(
        path=request.query_params.get("path"),
        operation=request.query_params.get("operation"),
        after=query_integer(request, "after", default=0, minimum=0, maximum=2**31),
    )
    return answer(JournalPage(entries))


ROUTES = [
    Route("/health", health, methods=["GET"]),
    Route("/reset", reset, methods=["POST"]),
    Route("/clock/advance", advance_clock, methods=["POST"]),
    Route("/tokens", issue_token, methods=["POST"]),
    Route("/journal", journal, methods=["GET"]),
]
