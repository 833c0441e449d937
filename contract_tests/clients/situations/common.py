"""What several situations need."""

from __future__ import annotations

from typing import Any

from contract_tests.clients.catalogue import Script
from contract_tests.clients.observed import Observed
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Call, Step

#: Seconds of Retry-After in the situations with rate limits.
RETRY_AFTER = 1


def rate_limited(stage: Stage, step: Step, *, times: int = 1) -> Script:
    """The step is answered with 429 and `Retry-After: 1`."""
    stage.fail(step, rate_limit=RETRY_AFTER, times=times)
    run = yield
    for refused in run.reached_step(step)[:times]:
        run.expect_wait(refused, RETRY_AFTER)
    run.expect_success()


def expect_end_accepted(run: Observed, *, logins: int = 2) -> None:
    """A login that has failed is over: no more status polls, hardly another try, a clean failure."""
    ended = [call for call in run.of(Step.POLL) if status_code(call) not in (None, 100)]
    by_login: dict[str, list[Call]] = {}
    for call in ended:
        by_login.setdefault(call.path, []).append(call)
    for calls in by_login.values():
        run.expect_at_most(2, calls, f"polls that see the final status {status_code(calls[0])}")
    accepted = [call for call in run.of(Step.SUBMISSION) if call.is_success]
    run.expect_at_most(logins, accepted, "logins, since each must fail in the same way")
    run.expect_clean_failure()


def status_code(poll: Call) -> int | None:
    """The status of the login that a poll was told."""
    return code_in(poll.json())


def code_in(body: Any) -> int | None:
    """The code of the status in a body."""
    status = body.get("status") if isinstance(body, dict) else None
    code = status.get("code") if isinstance(status, dict) else None
    return code if isinstance(code, int) else None
