"""What all pages have in common: what stands around their content, who may see them, what they read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ksef_mock import __version__
from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import SECOND, to_datetime
from ksef_mock.core.errors import BadRequest, Forbidden, Unauthorized
from ksef_mock.dashboard.access import require_access, require_same_origin
from ksef_mock.dashboard.door import HOME
from ksef_mock.dashboard.formats import duration
from ksef_mock.dashboard.forms import Unusable, back_to, referrer
from ksef_mock.dashboard.navigation import NAVIGATION, Section
from ksef_mock.dashboard.render import page
from ksef_mock.gateway.gateway import base_url
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Entry

T = TypeVar("T")

#: Rows of a list; what is older is found by searching.
ROWS = 100
#: Requests that a page looks at: the newest of a large journal, so that everybody else need not wait.
_SCANNED = 5_000


@dataclass(frozen=True, slots=True)
class ClockView:
    """The mock's clock, for the panel on each page."""

    now: datetime
    #: How far ahead of real time, e.g. "+15 min"; "" as long as it is less than a second.
    offset: str
    frozen: bool


@dataclass(frozen=True, slots=True)
class Chrome:
    """What each page has around its content."""

    section: str
    #: The pages to go to, by the name of their group.
    navigation: Mapping[str, Sequence[Section]]
    #: Path and query of this page, to come back to.
    here: str
    #: What has just been done, if something was.
    notice: str
    version: str
    profile: str
    base_url: str
    clock: ClockView
    #: Number of the newest entry of the journal: pages that are live reload when there is another.
    sequence: int
    signed_in: bool


async def framed(request: Request, section: str, template: str, status: int = 200, **values: Any) -> Response:
    """A page of this section: its template, which gets `values`, in what stands around each page."""
    return page(template, status, chrome=await _chrome(request, section), **values)


async def _chrome(request: Request, section: str) -> Chrome:
    system = system_of(request)
    query = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "done"])
    return Chrome(
        section=section,
        navigation=NAVIGATION,
        here=f"{request.scope['path']}?{query}" if query else request.scope["path"],
        notice=NOTICES.get(request.query_params.get("done", ""), ""),
        version=__version__,
        profile=system.settings.profile,
        base_url=base_url(request.scope),
        clock=clock_view(system),
        sequence=await newest(system),
        signed_in=system.settings.control_token is not None,
    )


def clock_view(system: System) -> ClockView:
    """The clock as it stands."""
    now = system.clock.now()
    offset = (now - time.time_ns()) / SECOND
    shown = "" if abs(offset) < 1 else f"{'+' if offset > 0 else ''}{duration(offset)}"
    return ClockView(to_datetime(now), shown, system.clock.state.frozen is not None)


async def newest(system: System) -> int:
    """The number of the newest entry of the journal; 0 if it is empty."""
    return await read_journal(system, lambda: system.journal.newest)


async def newest_entries(system: System) -> list[Entry]:
    """The newest entries of the journal, in order of arrival."""
    journal = system.journal
    return await read_journal(system, lambda: journal.entries(after=max(0, journal.newest - _SCANNED)))


async def read_journal(system: System, work: Callable[[], T]) -> T:
    """What `work` finds in the journal."""
    # A journal in a remote store takes a round trip, for which nobody else need wait.
    return work() if system.store.is_local else await asyncio.to_thread(work)


#: What a page says after a button was pressed, by its parameter `done`.
NOTICES = {
    "clock": "The clock is set.",
    "rotated": "New keys are published.",
    "recertified": "The same keys have new certificates.",
    "withdrawn": "The key is withdrawn.",
    "published": "Keys of that algorithm are published.",
    "added": "The fault acts from now on.",
    "removed": "The fault acts no more.",
    "cleared": "Nothing goes wrong on purpose any more.",
    "stopped": "What is taken meanwhile keeps its waiting status until the end.",
    "resumed": "What has waited is finished.",
    "lighthouse": "The lighthouse is told.",
    "revoked": "The token is revoked.",
    "ended": "The session is ended: it is refreshed no more.",
    "taken": "The permission is taken back.",
    "certificate": "The certificate has another status.",
    "requested": "The certificate is requested. KSeF issues it in a while.",
    "waiting": "KSeF has not issued the certificate yet.",
    "reset": "The mock is as if newly started.",
}

Handler = Callable[[Request], Awaitable[Response]]


def guarded(handler: Handler) -> Handler:
    """`handler` for those who may use /_mock; the others get a page that says what to do."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        # Looking at the journal must not fill it; what changes the mock stands in it.
        exchange_of(request).recorded = request.method == "POST"
        try:
            require_access(request)
            if request.method == "POST":
                require_same_origin(request)
            return await handler(request)
        except Unauthorized:
            return sign_in_page(request, 401)
        except Forbidden as refusal:
            return stranger(403, "Not from here", refusal.reason)
        except Unusable as problem:
            exchange_of(request).failed("form", str(problem))
            return await message(request, 400, "Not done", str(problem), back=referrer(request))
        except BadRequest as refusal:  # the number of a page is none
            return await message(request, 400, "No such page", refusal.reason)

    return guarded


async def message(
    request: Request, status: int, title: str, text: str, *, section: str = "", back: str = HOME
) -> Response:
    """A page of a few words, and a way on."""
    return await framed(request, section, "message.html", status, title=title, text=text, back=back)


def stranger(status: int, title: str, text: str) -> Response:
    """A page of a few words for whoever may not see more: no clock, no buttons."""
    return page("stranger.html", status, title=title, text=text)


def sign_in_page(request: Request, status: int, problem: str = "") -> Response:
    """The page that asks for the control token, and leads back to the one that was asked for."""
    asked = HOME
    if request.method == "GET":
        query = request.scope["query_string"].decode("latin-1")
        asked = f"{request.scope['path']}?{query}" if query else request.scope["path"]
    return page("signin.html", status, problem=problem, here=back_to(asked))
