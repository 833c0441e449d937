"""GET /_mock/journal, its /count, and its /stream, which goes on as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ksef_mock.api.http import answer, exchange_of, system_of
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, StoreUnavailable
from ksef_mock.core.expected import wrong
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Entry, Query

#: Seconds between two looks for news, and between two signs of life, of real time.
_INTERVAL = 0.1
_HEARTBEAT = 15.0
_HIGHEST = 2**31
_DIGITS = 10


class JournalPage(msgspec.Struct):
    """GET /_mock/journal."""

    entries: list[Entry]


async def journal(request: Request) -> Response:
    """What was asked and decided, in order of arrival; the parameters are those of `Query`."""
    exchange_of(request).recorded = False  # looking at the journal must not push out what it is about
    return answer(JournalPage(system_of(request).journal.find(_query(request))))


class JournalCount(msgspec.Struct):
    """GET /_mock/journal/count."""

    count: int


async def count(request: Request) -> Response:
    """How many entries there are; the parameters are those of `Query`."""
    exchange_of(request).recorded = False
    return answer(JournalCount(len(system_of(request).journal.find(_query(request)))))


async def stream(request: Request) -> Response:
    """The same as it arrives, from now on; `after` or Last-Event-ID: from that entry on.

    Each entry is an event `entry` with its number as `id` and its JSON as `data`. An event `reset` says that
    the journal was emptied and counts from 1 again.
    """
    exchange_of(request).recorded = False
    system, query = system_of(request), _query(request)
    last = request.headers.get("last-event-id")
    if last is not None:
        try:
            query = replace(query, after=_number("Last-Event-ID", last) or 0)
        except ValueError as error:
            raise BadRequest(Code.VALIDATION, str(error)) from None
    elif "after" not in request.query_params:
        query = replace(query, after=system.journal.newest)
    return StreamingResponse(
        _events(system, query),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(system: System, query: Query) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    yield b"retry: 1000\n\n"
    silence = 0.0
    while not system.closing.is_set():
        try:
            newest, entries = await system.journal.look(query)
        except StoreUnavailable:  # the next look may find it again
            newest, entries = query.after, []
        if newest < query.after:
            query = replace(query, after=0)
            yield b"event: reset\ndata: {}\n\n"
            continue
        if newest > query.after:
            for entry in entries:
                yield b"id: %d\nevent: entry\ndata: %s\n\n" % (entry.sequence, encode(entry))
            query = replace(query, after=newest, limit=None)
            silence = 0.0
        elif silence >= _HEARTBEAT:
            silence = 0.0
            yield b": still here\n\n"
        try:
            await asyncio.wait_for(system.closing.wait(), _INTERVAL)
        except TimeoutError:
            silence += _INTERVAL


def _query(request: Request) -> Query:
    params = request.query_params
    try:
        return Query(
            path=params.get("path"),
            method=params.get("method"),
            status=params.get("status"),
            code=_number("code", params.get("code")),
            failed=_boolean(params.get("failed")),
            operation=params.get("operation"),
            client=params.get("client"),
            after=_number("after", params.get("after")) or 0,
            limit=_number("limit", params.get("limit")),
        )
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None


def _boolean(text: str | None) -> bool | None:
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise ValueError(wrong("failed", "true or false", text))
    return text.lower() == "true"


def _number(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= _HIGHEST):
        raise ValueError(wrong(name, f"a whole number from 0 to {_HIGHEST}", text))
    return int(text)


ROUTES = [
    Route("/journal", journal, methods=["GET"]),
    Route("/journal/count", count, methods=["GET"]),
    Route("/journal/stream", stream, methods=["GET"]),
]
