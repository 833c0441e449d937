"""What the lighthouse tells, and the buttons that let it tell something else."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import SECOND
from ksef_mock.core.lighthouse import AVAILABLE, Announcement, Breakdown, Category, InvalidNotice, Scenario
from ksef_mock.dashboard.forms import Unusable, done, number, read_form, whole
from ksef_mock.dashboard.frame import framed, guarded
from ksef_mock.dashboard.logins import Tone
from ksef_mock.lighthouse.documents import MessageBody

#: Seconds that may be typed.
_LONGEST = 366 * 86_400.0
#: Scenario -> what it is to whoever has to choose.
_SCENARIOS = {
    Scenario.OUTAGE: "a failure with 503 for an hour",
    Scenario.TOTAL_OUTAGE: "a failure with 503 that grows into a total one; two hours",
    Scenario.MAINTENANCE: "announced; in an hour two hours of 503",
    Scenario.FALSE_ALARM: "a failure is announced for an hour, the API works",
    Scenario.UNANNOUNCED: "503 for an hour, of which nothing is said",
    Scenario.TEST_NOW: "what TEST has said since January 2026",
    Scenario.ALL_CLEAR: "nothing has happened",
}


@guarded
async def lighthouse(request: Request) -> Response:
    """GET /_mock/ui/lighthouse."""
    tower = system_of(request).lighthouse
    board = tower.board
    not_over = board.not_over(tower.now).values()
    return await framed(
        request,
        "lighthouse",
        "lighthouse.html",
        status_now=board.status(tower.now),
        tone=Tone.GOOD if board.status(tower.now) == AVAILABLE else Tone.BAD,
        messages=[(MessageBody.of(notice), notice in not_over) for notice in reversed(board.notices)],
        breakdown=board.breakdown,
        slow=board.slow,
        scenarios=_SCENARIOS,
        breakdowns=list(map(str, Breakdown)),
        categories=[Category.FAILURE, Category.TOTAL_FAILURE, Category.MAINTENANCE],
    )


@guarded
async def change(request: Request) -> Response:
    """POST /_mock/ui/lighthouse. `do`: announce, end, correct, withdraw, play, breakdown."""
    form = await read_form(request)
    tower = system_of(request).lighthouse
    try:
        match form["do"]:
            case "announce":
                wait, lasts = number(form, "in") or 0.0, number(form, "for")
                if not 0 <= wait <= _LONGEST or not 0 <= (lasts or 0.0) <= _LONGEST:
                    raise Unusable("minutes: from 0 to a year")
                start = tower.now + round(wait * 60 * SECOND)
                end = None if lasts is None else start + round(lasts * 60 * SECOND)
                what = Announcement(
                    Category(form["category"]), start, end, form["title"] or None, form["text"] or None
                )
                await tower.announce(what, with_api=bool(form["withApi"]))
            case "end":
                await tower.end(whole(form, "event"))
            case "correct":
                await tower.correct(form["id"], text=form["text"])
            case "withdraw":
                await tower.withdraw()
            case "play":
                await tower.play(Scenario(form["name"]))
            case "breakdown":
                how = form["name"]
                await tower.break_down(Breakdown(how) if how else None, slow=number(form, "slow") or 0.0)
            case other:
                raise Unusable(f"the lighthouse knows no {other[:64]!r}")
    except (InvalidNotice, ValueError) as problem:
        raise Unusable(str(problem)) from None
    exchange_of(request).noted("lighthouse", f"{form['do']} {form['name'] or form['category']}".strip())
    return done(form, "lighthouse")


ROUTES = [
    Route("/ui/lighthouse", lighthouse, methods=["GET"]),
    Route("/ui/lighthouse", change, methods=["POST"]),
]
