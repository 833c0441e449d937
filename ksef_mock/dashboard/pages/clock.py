"""The clock's buttons, reset, and the events that keep each page's clock and lists fresh."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import EARLIEST, LATEST, RUNNING, SECOND, from_datetime
from ksef_mock.dashboard.access import require_access
from ksef_mock.dashboard.forms import Unusable, done, number, read_form
from ksef_mock.dashboard.frame import clock_view, guarded, newest
from ksef_mock.dashboard.render import HEADERS
from ksef_mock.system.system import System

#: Seconds of real time between two looks for news.
_INTERVAL = 0.2


@guarded
async def set_clock(request: Request) -> Response:
    """POST /_mock/ui/clock. `do`: advance (by `seconds`), set (to `time`), freeze, resume, reset."""
    form = await read_form(request)
    system = system_of(request)
    controls = system.controls
    match form["do"]:
        case "advance":
            seconds = number(form, "seconds")
            if seconds is None:
                raise Unusable("by how many seconds?")
            _require_possible(system.clock.now() / SECOND + seconds)
            await controls.advance(seconds)
        case "set":
            try:
                moment = datetime.fromisoformat(form["time"])
                _require_possible(from_datetime(moment) / SECOND)
            except (ValueError, OverflowError):
                raise Unusable(f"{form['time'][:64]!r} is no time such as 2026-03-01T12:00:00") from None
            await controls.set_clock(moment)
        case "freeze":
            await controls.freeze()
        case "resume":
            await controls.resume()
        case "reset":
            await controls.change(lambda shared: msgspec.structs.replace(shared, clock=RUNNING))
        case other:
            raise Unusable(f"the clock knows no {other!r}")
    exchange_of(request).noted("clock", f"{form['do']} {form['seconds'] or form['time']}".strip())
    return done(form, "clock")


def _require_possible(unix_seconds: float) -> None:
    if not EARLIEST.timestamp() <= unix_seconds <= LATEST.timestamp():  # neither is NaN
        raise Unusable(f"the clock goes from {EARLIEST.year} to {LATEST.year - 1}")


@guarded
async def reset(request: Request) -> Response:
    """POST /_mock/ui/reset: back to the state of the start."""
    form = await read_form(request)
    await system_of(request).reset()
    return done(form, "reset")


class Pulse(msgspec.Struct):
    """The event `pulse`: the number of the newest entry of the journal, and what the clock shows."""

    sequence: int
    time: str
    offset: str
    frozen: bool


async def events(request: Request) -> Response:
    """GET /_mock/ui/events: server-sent events, one at once and one whenever there is news."""
    exchange_of(request).recorded = False
    require_access(request)
    headers = HEADERS | {"X-Accel-Buffering": "no"}
    return StreamingResponse(_pulses(system_of(request)), headers=headers, media_type="text/event-stream")


async def _pulses(system: System) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    yield b"retry: 1000\n\n"
    told: object = None
    while not system.closing.is_set():
        state = (await newest(system), system.clock.state)
        if state != told:
            told = state
            clock = clock_view(system)
            pulse = Pulse(state[0], clock.now.isoformat(), clock.offset, clock.frozen)
            yield b"event: pulse\ndata: %s\n\n" % encode(pulse)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(system.closing.wait(), _INTERVAL)
        await system.catch_up()  # the clock may be moved through another process


ROUTES = [
    Route("/ui/clock", set_clock, methods=["POST"]),
    Route("/ui/reset", reset, methods=["POST"]),
    Route("/ui/events", events, methods=["GET"]),
]
