"""What is granted, by context: to whom, what, from where, since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import to_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.dashboard.forms import Unusable, as_context, done, read_form
from ksef_mock.dashboard.frame import ROWS, framed, guarded
from ksef_mock.ksef.permissions.grants import Grant


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One permission of somebody."""

    grant: Grant
    #: Who it is, as far as the grant says so.
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class GrantList:
    """What is granted in a context, or, without one, the contexts to choose from."""

    context: Identifier | None
    rows: Sequence[GrantRow]
    contexts: Sequence[Identifier]
    words: str
    problem: str
    continuation: str | None
    is_first: bool


@guarded
async def permissions(request: Request) -> Response:
    """GET /_mock/ui/permissions, with `q`: a context."""
    query, granted = request.query_params, system_of(request).permissions
    words, continuation = query.get("q", "").strip()[:100], query.get("page")
    context, is_first = as_context(words), continuation is None
    if context is not None:
        grants = await granted.of_context(context, ROWS, continuation)
        rows = [GrantRow(grant, _name_of(grant), to_datetime(grant.granted_at)) for grant in grants.items]
        listed = GrantList(context, rows, (), words, "", grants.continuation, is_first)
    else:
        problem = f"{words[:40]!r} is no identifier of a context" if words else ""
        known = await granted.contexts(ROWS, continuation)
        listed = GrantList(None, (), known.items, words, problem, known.continuation, is_first)
    return await framed(request, "permissions", "permissions.html", list=listed)


def _name_of(grant: Grant) -> str:
    details = grant.details
    if details is None:
        return grant.subunit_name or ""
    return details.full_name or " ".join(filter(None, (details.first_name, details.last_name)))


@guarded
async def revoke(request: Request) -> Response:
    """POST /_mock/ui/permissions/revoke: the grant with this `id`."""
    form = await read_form(request)
    granted = system_of(request).permissions
    grant = await granted.find(form["id"][:36])
    if grant is None or not await granted.revoke(grant):
        raise Unusable("there is no such grant")
    exchange_of(request).noted("permission", f"took {grant.permission} from {grant.authorized}")
    return done(form, "taken")


ROUTES = [
    Route("/ui/permissions", permissions, methods=["GET"]),
    Route("/ui/permissions/revoke", revoke, methods=["POST"]),
]
