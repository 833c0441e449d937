"""Collective identifiers: of a context or of all, and the invoices of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.clock import to_datetime
from ksef_mock.dashboard.forms import as_context
from ksef_mock.dashboard.frame import ROWS, framed, guarded, message
from ksef_mock.dashboard.render import Redirect
from ksef_mock.ksef.collective.collective import CollectiveIdentifier, Named

_LIST = "/_mock/ui/collective"


@dataclass(frozen=True, slots=True)
class CollectiveList:
    """Collective identifiers, the newest first."""

    rows: Sequence[tuple[CollectiveIdentifier, datetime]]
    words: str
    problem: str
    continuation: str | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class CollectiveView:
    """One with its invoices."""

    made: CollectiveIdentifier
    at: datetime
    #: The first of them.
    invoices: Sequence[Named]


@guarded
async def collective(request: Request) -> Response:
    """GET /_mock/ui/collective. `q`: who finds them in his list; or a number, to go to its page."""
    query, known = request.query_params, system_of(request).collective_identifiers
    words, continuation = query.get("q", "").strip()[:100], query.get("page")
    viewer = as_context(words)
    if words and viewer is None:
        if await known.find(words) is not None:
            return Redirect(f"{_LIST}/{words}", 303)
        problem = f"{words[:40]!r} is neither an identifier of a context nor a collective identifier"
        listed = CollectiveList([], words, problem, None, True)
    else:
        page = await known.of_anybody(viewer, ROWS, continuation)
        rows = [(each, to_datetime(each.created_at)) for each in page.items]
        listed = CollectiveList(rows, words, "", page.continuation, continuation is None)
    return await framed(request, "invoices", "collective.html", list=listed)


@guarded
async def one(request: Request) -> Response:
    """GET /_mock/ui/collective/{number}: its invoices, whoever may see their details."""
    known, number = system_of(request).collective_identifiers, request.path_params["number"]
    made = await known.find(number)
    if made is None:
        text = f"There is no collective identifier {number[:64]}."
        return await message(
            request, 404, "No such collective identifier", text, section="invoices", back=_LIST
        )
    invoices = (await known.named(number))[:ROWS]
    view = CollectiveView(made, to_datetime(made.created_at), invoices)
    return await framed(request, "invoices", "collective_one.html", view=view)


ROUTES = [
    Route("/ui/collective", collective, methods=["GET"]),
    Route("/ui/collective/{number}", one, methods=["GET"]),
]
