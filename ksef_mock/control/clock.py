"""GET /_mock/clock, POST /_mock/clock/advance, /set, /freeze, /resume: the mock's time."""

from __future__ import annotations

import time
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.clock import EARLIEST, LATEST, SECOND, from_datetime, iso
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import wrong
from ksef_mock.system.system import System


class ClockAdvance(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/clock/advance: how far, in seconds; back if negative."""

    seconds: float


class ClockSet(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/clock/set: where to, in ISO 8601; UTC unless it names an offset."""

    time: datetime


class ClockBody(msgspec.Struct, rename="camel"):
    """GET /_mock/clock, and the answer of every change."""

    #: ISO 8601, UTC.
    time: str
    #: How far the mock's time is ahead of real time, in seconds.
    offset_seconds: float
    frozen: bool

    @classmethod
    def of(cls, system: System) -> ClockBody:
        state = system.clock.state
        offset = state.offset if state.frozen is None else state.frozen - time.time_ns()
        return cls(iso(system.clock.now()), round(offset / SECOND, 3), state.frozen is not None)


async def clock(request: Request) -> Response:
    """The mock's time."""
    return answer(ClockBody.of(system_of(request)))


async def advance(request: Request) -> Response:
    """Move it."""
    system = system_of(request)
    order = await read_order(request, ClockAdvance)
    _require_possible("seconds", system.clock.now() / SECOND + order.seconds, order.seconds)
    await system.controls.advance(order.seconds)
    return answer(ClockBody.of(system))


async def set_time(request: Request) -> Response:
    """Jump."""
    system = system_of(request)
    order = await read_order(request, ClockSet)
    try:
        moment = from_datetime(order.time)
    except OverflowError:  # the first and the last day that there are, with an offset
        moment = 0
    _require_possible("time", moment / SECOND, order.time.isoformat())
    await system.controls.set_clock(order.time)
    return answer(ClockBody.of(system))


async def freeze(request: Request) -> Response:
    """Stop it until it is resumed; it can be moved meanwhile."""
    await system_of(request).controls.freeze()
    return answer(ClockBody.of(system_of(request)))


async def resume(request: Request) -> Response:
    """Let it run on from where it stands."""
    await system_of(request).controls.resume()
    return answer(ClockBody.of(system_of(request)))


def _require_possible(name: str, unix_seconds: float, given: object) -> None:
    if not EARLIEST.timestamp() <= unix_seconds <= LATEST.timestamp():
        possible = f"what leads to a year from {EARLIEST.year} to {LATEST.year - 1}"
        raise BadRequest(Code.VALIDATION, wrong(name, possible, given))


ROUTES = [
    Route("/clock", clock, methods=["GET"]),
    Route("/clock/advance", advance, methods=["POST"]),
    Route("/clock/set", set_time, methods=["POST"]),
    Route("/clock/freeze", freeze, methods=["POST"]),
    Route("/clock/resume", resume, methods=["POST"]),
]
