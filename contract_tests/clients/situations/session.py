"""After the login: tokens that expire, sessions that end, requests that are refused."""

from __future__ import annotations

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.observed import Observed
from contract_tests.clients.situations.common import rate_limited
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Step
from ksef_mock.core.environment import Lifetimes
from ksef_mock.settings import Settings

_SHORT_LIFE = 30


@situation(
    "CLIENT-SESS-001",
    "The access token has expired when it is used for the first time: 401.",
    right="refreshes it and repeats the request",
)
def expired_access_token(stage: Stage) -> Script:
    stage.after(Step.REDEEM, stage.expire_access_tokens)
    run = yield
    run.reached_step(Step.REQUEST)
    run.expect_success()
    run.remark(_how(run))


@situation(
    "CLIENT-SESS-002",
    "The access token expires in mid-flight, after a request that succeeded: 401 to the next one.",
    right="refreshes it and repeats the request",
)
def expired_in_mid_flight(stage: Stage) -> Script:
    stage.after(Step.REQUEST, stage.expire_access_tokens)
    run = yield
    run.reached_step(Step.REQUEST, 2)
    run.expect_success()
    run.remark(_how(run))


@situation(
    "CLIENT-SESS-003",
    "The access token expires twice; the refresh token stays the same, the answer to a refresh has none.",
    right="uses its refresh token again",
)
def refresh_token_stays(stage: Stage) -> Script:
    stage.after(Step.REDEEM, stage.expire_access_tokens)
    stage.after(Step.REQUEST, stage.expire_access_tokens)
    run = yield
    run.reached_step(Step.REQUEST, 2)
    run.expect_success()
    run.reached_step(Step.REFRESH, 2)


@situation(
    "CLIENT-SESS-004",
    "Access token and refresh token have expired: 401 to the request and to the refresh.",
    right="logs in anew, or says that a login is needed and gives up",
)
def expired_refresh_token(stage: Stage) -> Script:
    stage.after(Step.REDEEM, stage.expire_refresh_tokens)
    run = yield
    run.reached_step(Step.REQUEST)
    _expect_few_refreshes(run)
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-SESS-005",
    "The session was ended elsewhere, the access token has expired: its refresh is refused with 400, 21301.",
    right="logs in anew, or says that a login is needed and gives up",
)
def ended_session(stage: Stage) -> Script:
    stage.after(Step.REDEEM, stage.end_session)
    stage.after(Step.REDEEM, stage.expire_access_tokens)
    run = yield
    run.reached_step(Step.REQUEST)
    _expect_few_refreshes(run)
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-SESS-006",
    "The KSeF token was revoked, the access token has expired: no refresh (21301), no login (450) succeeds.",
    right="gives up",
    methods=("token",),
)
def revoked_token(stage: Stage) -> Script:
    stage.after(Step.REDEEM, stage.revoke_token)
    stage.after(Step.REDEEM, stage.expire_access_tokens)
    run = yield
    run.reached_step(Step.REQUEST)
    _expect_few_refreshes(run)
    run.expect_at_most(4, [call for call in run.of(Step.SUBMISSION) if call.is_success], "logins")
    run.expect_clean_failure()


@situation(
    "CLIENT-SESS-007",
    "Every access token is refused with 401, the refreshed ones too.",
    right="refreshes once, repeats the request once, and gives up",
)
def always_unauthorized(stage: Stage) -> Script:
    stage.fail(Step.REQUEST, status=401, times=None)
    run = yield
    requests = run.reached_step(Step.REQUEST)
    _expect_few_refreshes(run)
    different = {(call.method, call.path) for call in requests}
    run.expect_at_most(5 * len(different), requests, "requests, since each is refused with 401")
    run.expect_clean_failure()


@situation(
    "CLIENT-SESS-008",
    f"Access tokens live for {_SHORT_LIFE} seconds, less than the usual margin before their end.",
    right="uses them; at most one refresh for each request",
    settings=Settings(lifetimes=Lifetimes(access_token=_SHORT_LIFE)),
)
def short_lived_access_token(_stage: Stage) -> Script:
    run = yield
    requests = run.reached_step(Step.REQUEST)
    refreshes = run.of(Step.REFRESH)
    run.expect_at_most(len(requests) + 1, refreshes, f"refreshes for {len(requests)} requests")
    run.expect_success()


@situation(
    "CLIENT-SESS-009",
    "A request is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and repeats it",
)
def rate_limit_of_requests(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.REQUEST)


@situation(
    "CLIENT-SESS-010",
    "Requests are refused with 403, missing-permissions.",
    right="gives up: neither a refresh nor a repetition helps",
)
def forbidden(stage: Stage) -> Script:
    stage.fail(Step.REQUEST, status=403, code="missing-permissions", times=None)
    run = yield
    requests = run.reached_step(Step.REQUEST)
    run.expect(not run.of(Step.REFRESH), "refreshed its access token after 403, which does not help")
    different = {(call.method, call.path) for call in requests}
    run.expect_at_most(3 * len(different), requests, "requests, since each is refused with 403")
    run.expect_clean_failure()


@situation(
    "CLIENT-SESS-011",
    "The access token has expired, and its refresh is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, refreshes then, and repeats the request",
    severity="should",
)
def rate_limit_of_refreshing(stage: Stage) -> Script:
    stage.after(Step.REDEEM, stage.expire_access_tokens)
    yield from rate_limited(stage, Step.REFRESH)


def _expect_few_refreshes(run: Observed) -> None:
    requests = {(call.method, call.path) for call in run.of(Step.REQUEST)}
    logins = [call for call in run.of(Step.REDEEM) if call.is_success]
    most = 3 * max(len(requests), 1) * max(len(logins), 1)
    run.expect_at_most(most, run.of(Step.REFRESH), "refreshes, since none of them helps")


def _how(run: Observed) -> str:
    return "refreshed its access token" if run.of(Step.REFRESH) else "logged in anew"
