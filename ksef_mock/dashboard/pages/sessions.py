"""The authentication sessions: who is logged in, and a button that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import to_datetime
from ksef_mock.core.methods import METHOD_INFO
from ksef_mock.dashboard.forms import Unusable, done, read_form
from ksef_mock.dashboard.frame import ROWS, framed, guarded
from ksef_mock.ksef.auth.operation import IllegalTransition, Operation


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A login that can be refreshed."""

    operation: Operation
    since: datetime
    method: str
    refreshed: datetime | None
    #: Of its refresh token.
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class SessionList:
    """Active sessions, the newest first."""

    rows: Sequence[SessionRow]
    continuation: str | None
    is_first: bool


@guarded
async def sessions(request: Request) -> Response:
    """GET /_mock/ui/sessions."""
    continuation = request.query_params.get("page")
    page = await system_of(request).operations.of_anybody(ROWS, continuation)
    rows = [
        SessionRow(
            operation,
            to_datetime(operation.started_at),
            METHOD_INFO[operation.method].display_name,
            None if operation.refreshed_at is None else to_datetime(operation.refreshed_at),
            None if operation.refresh_expires_at is None else to_datetime(operation.refresh_expires_at),
        )
        for operation in page.items
    ]
    listed = SessionList(rows, page.continuation, continuation is None)
    return await framed(request, "sessions", "sessions.html", list=listed)


@guarded
async def end(request: Request) -> Response:
    """POST /_mock/ui/sessions/end: the session of the login with this `reference`."""
    form = await read_form(request)
    operations = system_of(request).operations
    operation = await operations.find(form["reference"][:36])
    try:
        if operation is None:
            raise IllegalTransition("there is no such login")
        await operations.end(operation)
    except IllegalTransition as problem:
        raise Unusable(str(problem)) from None
    exchange_of(request).noted("session", f"ended {operation.reference}")
    return done(form, "ended")


ROUTES = [
    Route("/ui/sessions", sessions, methods=["GET"]),
    Route("/ui/sessions/end", end, methods=["POST"]),
]
