"""/_mock/lighthouse: what Latarnia announces, whether the API goes along, whether Latarnia works at all."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import one_of, wrong
from ksef_mock.core.lighthouse import (
    AnnouncementOrder,
    Breakdown,
    InvalidNotice,
    Notice,
    Scenario,
    moment_of,
)
from ksef_mock.lighthouse.documents import MessageBody
from ksef_mock.system.lighthouse import Lighthouse

T = TypeVar("T")


class EndOrder(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """POST /_mock/lighthouse/end. Without an event: all that are under way."""

    event_id: int | None = None


class CorrectionOrder(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/lighthouse/correct: the next version of a message; what is absent stays."""

    id: str
    title: str | None = None
    text: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class PlayOrder(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/lighthouse/play."""

    name: str


class BreakdownOrder(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """PUT /_mock/lighthouse/breakdown: how the lighthouse fails, how late it answers (real seconds)."""

    name: Breakdown | None = None
    slow_seconds: float = 0.0


class MessageList(msgspec.Struct):
    """The messages that an order has made, those to come included."""

    messages: list[MessageBody]

    @classmethod
    def of(cls, notices: tuple[Notice, ...]) -> MessageList:
        return cls([MessageBody.of(notice) for notice in notices])


class LighthouseState(msgspec.Struct, rename="camel"):
    """GET /_mock/lighthouse."""

    #: As /latarnia/status says at present.
    status: str
    #: All messages, those to come included, in the order in which they were ordered.
    messages: list[MessageBody]
    #: Ids of the events as long as which the API answers 503.
    with_api: list[int]
    breakdown: Breakdown | None
    slow_seconds: float
    #: What can be played.
    scenarios: list[Scenario]

    @classmethod
    def of(cls, lighthouse: Lighthouse) -> LighthouseState:
        board = lighthouse.board
        together = {notice.event: None for notice in board.notices if lighthouse.goes_together(notice)}
        return cls(
            board.status(lighthouse.now),
            [MessageBody.of(notice) for notice in board.notices],
            list(together),
            board.breakdown,
            board.slow,
            list(Scenario),
        )


async def state(request: Request) -> Response:
    """What it tells, and what it has been told."""
    return answer(LighthouseState.of(system_of(request).lighthouse))


async def messages(request: Request) -> Response:
    """Announce an event, or withdraw all messages; by method."""
    lighthouse = system_of(request).lighthouse
    if request.method == "DELETE":
        await lighthouse.withdraw()
        return Response(status_code=204)
    order = await read_order(request, AnnouncementOrder)
    try:
        what = order.announcement(lighthouse.now)
    except InvalidNotice as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    said = await _obeyed(lighthouse.announce(what, with_api=order.with_api))
    return answer(MessageList.of(said), 201)


async def end(request: Request) -> Response:
    """End an event, or all that are under way."""
    order = await read_order(request, EndOrder, default=EndOrder())
    return answer(MessageList.of(await _obeyed(system_of(request).lighthouse.end(order.event_id))))


async def correct(request: Request) -> Response:
    """Publish the next version of a message."""
    order = await read_order(request, CorrectionOrder)
    lighthouse = system_of(request).lighthouse
    try:
        start, finish = moment_of("start", order.start), moment_of("end", order.end)
    except InvalidNotice as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    corrected = await _obeyed(
        lighthouse.correct(order.id, title=order.title, text=order.text, start=start, end=finish)
    )
    return answer(MessageBody.of(corrected))


async def play(request: Request) -> Response:
    """Begin a scenario, in place of all that was announced."""
    order = await read_order(request, PlayOrder)
    try:
        scenario = Scenario(order.name)
    except ValueError:
        raise BadRequest(Code.VALIDATION, wrong("name", one_of(Scenario), order.name)) from None
    return answer(MessageList.of(await _obeyed(system_of(request).lighthouse.play(scenario))))


async def breakdown(request: Request) -> Response:
    """Let the lighthouse fail, or work again; by method."""
    order = BreakdownOrder()
    if request.method == "PUT":
        order = await read_order(request, BreakdownOrder)
    await _obeyed(system_of(request).lighthouse.break_down(order.name, slow=order.slow_seconds))
    return Response(status_code=204)


async def _obeyed(order: Awaitable[T]) -> T:
    try:
        return await order
    except InvalidNotice as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None


ROUTES = [
    Route("/lighthouse", state, methods=["GET"]),
    Route("/lighthouse/messages", messages, methods=["POST", "DELETE"]),
    Route("/lighthouse/end", end, methods=["POST"]),
    Route("/lighthouse/correct", correct, methods=["POST"]),
    Route("/lighthouse/play", play, methods=["POST"]),
    Route("/lighthouse/breakdown", breakdown, methods=["PUT", "DELETE"]),
]
