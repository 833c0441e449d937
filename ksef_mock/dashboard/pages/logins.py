"""The list of logins, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.dashboard import logins
from ksef_mock.dashboard.frame import ROWS, framed, guarded, newest_entries
from ksef_mock.dashboard.logins import Login, Outcome, Step, Tone, Why
from ksef_mock.system.system import System


@dataclass(frozen=True, slots=True)
class Row:
    """One login in the list."""

    key: str
    at: datetime
    context: str
    method: str
    scheme: str
    outcome: Outcome
    why: Why | None
    state: str
    #: What went wrong after the login as such had succeeded.
    trouble: Step | None
    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class LoginList:
    """The logins that fit a filter, and how many there are of each outcome."""

    rows: Sequence[Row]
    counts: dict[str, int]
    #: How many fit, of which only the newest are rows.
    found: int
    words: str
    tone: str


async def _login_list(system: System, words: str, tone: str) -> LoginList:
    """The newest logins in which all `words` occur, with an outcome of this `tone` ("" for any)."""
    known = [login for login in await known_logins(system) if not words or logins.matches(login, words)]
    now = system.clock.now()
    outcomes = [logins.outcome_of(login, now) for login in known]
    counts = {each.value: sum(outcome.tone is each for outcome in outcomes) for each in Tone}
    chosen = [
        (login, outcome)
        for login, outcome in zip(known, outcomes, strict=True)
        if not tone or outcome.tone == tone
    ]
    rows = [row_of(login, outcome, system) for login, outcome in chosen[:ROWS]]
    return LoginList(rows, counts | {"": len(known)}, len(chosen), words, tone)


async def known_logins(system: System) -> list[Login]:
    """The logins of which the journal tells, each with its operation as the mock has it now."""
    found = logins.group(await newest_entries(system))
    for login in found:
        if login.reference is not None:
            login.operation = await system.operations.find(login.reference)
    return found


def row_of(login: Login, outcome: Outcome, system: System) -> Row:
    """A login as it stands in a list."""
    trouble = logins.trouble(login) if outcome.tone is not Tone.BAD else None
    return Row(
        key=login.key,
        at=logins.moment(login.main),
        context=logins.context_of(login),
        method=logins.method_of(login),
        scheme=logins.scheme_of(login),
        outcome=outcome,
        why=logins.why(login.main) if outcome.tone is not Tone.GOOD else None,
        state=logins.state_of(login, system.clock.now()),
        trouble=logins.step(trouble) if trouble is not None else None,
        seconds=logins.seconds_taken(login),
        requests=len(login.entries),
    )


@guarded
async def login_list(request: Request) -> Response:
    """GET /_mock/: the logins, the newest first; `q` and `outcome` narrow them down."""
    query = request.query_params
    listed = await _login_list(system_of(request), query.get("q", "").strip(), query.get("outcome", ""))
    return await framed(request, "logins", "logins.html", list=listed)


ROUTES = [Route("/", login_list, methods=["GET"])]
