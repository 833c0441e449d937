"""The exports of invoices, of all contexts: what was ordered, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.clock import Instant, to_datetime
from ksef_mock.core.bodies import StatusInfo
from ksef_mock.core.codes import (
    EXPORT_STATUS_DESCRIPTIONS,
    EXPORT_STATUS_DETAILS,
    ExportStatus,
)
from ksef_mock.dashboard.frame import ROWS, framed, guarded
from ksef_mock.dashboard.logins import Outcome
from ksef_mock.dashboard.pages.sending import outcome_of
from ksef_mock.ksef.invoices.exports import Export, Package


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export, without what it is encrypted with."""

    export: Export
    ordered: datetime
    start: datetime
    end: datetime
    #: Of package and status.
    expires: datetime
    outcome: Outcome
    why: str
    #: None as long as it is not shown to the client either.
    package: Package | None


@dataclass(frozen=True, slots=True)
class ExportList:
    """Exports, the newest first."""

    rows: Sequence[ExportRow]
    continuation: str | None
    is_first: bool


def _row(export: Export, now: Instant) -> ExportRow:
    status = export.status(now)
    detail = EXPORT_STATUS_DETAILS.get(status)
    info = StatusInfo(int(status), EXPORT_STATUS_DESCRIPTIONS[status], None if detail is None else [detail])
    why = ""
    if status is ExportStatus.KEY:
        why = "the symmetric key that was sent could not be decrypted"
    elif status is ExportStatus.RUNNING and export.wait.is_over(now):
        why = "its package is made when the client asks for the status"
    return ExportRow(
        export,
        to_datetime(export.ordered_at),
        to_datetime(export.query.start),
        to_datetime(export.query.end),
        to_datetime(export.expires_at),
        outcome_of(info),
        why,
        export.package if status is ExportStatus.SUCCESS else None,
    )


@guarded
async def exports(request: Request) -> Response:
    """GET /_mock/ui/exports."""
    system, continuation = system_of(request), request.query_params.get("page")
    page = await system.exports.of_anybody(ROWS, continuation)
    now = system.clock.now()
    listed = ExportList([_row(each, now) for each in page.items], page.continuation, continuation is None)
    return await framed(request, "invoices", "exports.html", list=listed)


ROUTES = [Route("/ui/exports", exports, methods=["GET"])]
