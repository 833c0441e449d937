"""Polling for the outcome of a login, and redeeming it."""

from __future__ import annotations

from itertools import pairwise

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.situations.common import expect_end_accepted, rate_limited, status_code
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Step
from ksef_mock.core.fault import Outcome

#: Seconds between two polls below which a client only makes load: a login takes KSeF longer than that.
_SHORTEST_PAUSE = 0.1


@situation(
    "CLIENT-STATUS-001",
    "The login is at 100 for 2 polls.",
    right="polls again until the status is 200, and redeems only then",
)
def slow_status(stage: Stage) -> Script:
    stage.hold_login(polls=2)
    run = yield
    run.reached_step(Step.SUBMISSION)
    early = [call for call in run.of(Step.REDEEM) if call.status == 400]
    run.expect(not early, f"redeemed a login that was at 100{_polls_told(len(run.of(Step.POLL)))}")
    run.expect_success()


@situation(
    "CLIENT-STATUS-002",
    "The login is at 100 for 5 polls.",
    right="has the patience for 6 polls",
)
def very_slow_status(stage: Stage) -> Script:
    stage.hold_login(polls=5)
    run = yield
    run.reached_step(Step.SUBMISSION)
    polls = len(run.of(Step.POLL))
    run.expect(run.logged_in or polls > 5, f"gave up after {polls} polls")
    run.expect_success()


@situation(
    "CLIENT-STATUS-003",
    "The login is at 100 for 3 polls.",
    right="pauses between polls",
    severity="should",
)
def pauses(stage: Stage) -> Script:
    stage.hold_login(polls=3)
    run = yield
    polls = run.reached_step(Step.POLL, 2)
    shortest = min(later.began - earlier.ended for earlier, later in pairwise(polls))
    run.expect(
        shortest >= _SHORTEST_PAUSE,
        f"expected pauses of at least {_SHORTEST_PAUSE:g} s between polls, received one of {shortest:.3f} s",
    )
    run.remark(f"pauses of {shortest:.1f} s and more")


@situation(
    "CLIENT-STATUS-004",
    "A status poll is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and polls again",
)
def rate_limit_of_the_status(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.POLL)


@situation(
    "CLIENT-STATUS-005",
    "The connection breaks during a status poll.",
    right="polls again, or gives up",
)
def cut_connection(stage: Stage) -> Script:
    stage.fail(Step.POLL, cut=True)
    run = yield
    run.reached_step(Step.POLL)
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-STATUS-006",
    "A status poll is answered with 500 once.",
    right="polls again, or gives up",
)
def server_error_of_the_status(stage: Stage) -> Script:
    stage.fail(Step.POLL, status=500)
    run = yield
    run.reached_step(Step.POLL)
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-STATUS-007",
    "The login is at 100 for 2 polls and then ends in 415.",
    right="stops polling, says so and gives up",
)
def late_failure(stage: Stage) -> Script:
    stage.hold_login(polls=2, then=Outcome(415))
    run = yield
    polls = run.reached_step(Step.POLL)
    run.reached(any(status_code(call) == 415 for call in polls), "polled until the login ended")
    expect_end_accepted(run)


@situation(
    "CLIENT-REDEEM-001",
    "Redeeming is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and redeems then",
)
def rate_limit_of_redeeming(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.REDEEM)


@situation(
    "CLIENT-REDEEM-002",
    "The login is redeemed, the connection breaks before the answer is there: its tokens are gone (21301).",
    right="logs in anew, or gives up; a login is redeemed once",
)
def lost_tokens(stage: Stage) -> Script:
    stage.lose(Step.REDEEM)
    run = yield
    redeems = run.reached_step(Step.REDEEM)
    refused = [call for call in redeems if call.status == 400]
    run.expect_at_most(3, refused, "more attempts to redeem a login that has been redeemed")
    run.expect_success_or_clean_failure()


def _polls_told(polls: int) -> str:
    return f" after {polls} poll{'s' if polls != 1 else ''}" if polls else ", without asking for its status"
