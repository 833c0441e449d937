"""The journal, the newest requests first, and each of them as it was on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.control.requests import document_of, find, recorded_of
from ksef_mock.core.errors import NotFound
from ksef_mock.core.paths import api_path
from ksef_mock.dashboard import logins
from ksef_mock.dashboard.frame import ROWS, framed, guarded, message, newest_entries
from ksef_mock.dashboard.logins import CheckView, Outcome, plain
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Entry


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One entry of the journal."""

    entry: Entry
    at: datetime
    path: str
    outcome: Outcome
    note: str
    decisions: Sequence[CheckView]
    facts: Any


@dataclass(frozen=True, slots=True)
class RequestList:
    """The newest requests that fit a filter."""

    rows: Sequence[RequestRow]
    found: int
    words: str
    kind: str


async def request_list(system: System, words: str, kind: str) -> RequestList:
    """Requests in which all `words` occur. `kind`: "" those of the API, "errors" the refused ones, "all"."""
    wanted = words.lower().split()
    entries = [
        entry
        for entry in await newest_entries(system)
        if (kind == "all" or api_path(entry.path) is not None)
        and (kind != "errors" or entry.failed)
        and (not wanted or _contains(entry, wanted))
    ]
    newest_first = list(reversed(entries))
    return RequestList([_request_row(entry) for entry in newest_first[:ROWS]], len(entries), words, kind)


def _contains(entry: Entry, words: Iterable[str]) -> bool:
    parts = [entry.method, entry.path, str(entry.status), str(entry.code or ""), entry.trace_id]
    parts += [entry.client_ip, entry.operation or "", entry.reason or "", *entry.details]
    parts += [decision.reason for decision in entry.decisions]
    text = "\n".join(parts).lower()
    return all(word in text for word in words)


def _request_row(entry: Entry) -> RequestRow:
    step = logins.step(entry)
    facts = plain(entry.facts)
    for part in facts.get("hashed", ()):
        part["octets"] = f"{len(part['octets']) * 3 // 4} octets"  # the page of the login has them
    return RequestRow(entry, logins.moment(entry), entry.path, step.outcome, step.note, step.decisions, facts)


@guarded
async def requests(request: Request) -> Response:
    """GET /_mock/ui/requests: the journal, the newest entries first."""
    query = request.query_params
    listed = await request_list(system_of(request), query.get("q", "").strip(), query.get("kind", ""))
    return await framed(request, "requests", "requests.html", list=listed)


@guarded
async def one(request: Request) -> Response:
    """GET /_mock/ui/requests/{number}: a request and its answer as they were on the wire."""
    try:
        entry, wire = await find(request)
    except NotFound as refusal:
        return await _none(request, "No such request", refusal)
    shown = recorded_of(request, entry, wire)
    return await framed(request, "requests", "request.html", row=_request_row(entry), wire=shown)


@guarded
async def document(request: Request) -> Response:
    """GET /_mock/ui/requests/{number}/document: the body that was sent, as a file."""
    try:
        return document_of(*await find(request))
    except NotFound as refusal:
        return await _none(request, "No document", refusal)


async def _none(request: Request, title: str, refusal: NotFound) -> Response:
    reason = f"{refusal.reason[:1].upper()}{refusal.reason[1:]}."
    return await message(request, 404, title, reason, section="requests", back="/_mock/ui/requests")


ROUTES = [
    Route("/ui/requests", requests, methods=["GET"]),
    Route("/ui/requests/{number}", one, methods=["GET"]),
    Route("/ui/requests/{number}/document", document, methods=["GET"]),
]
