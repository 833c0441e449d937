"""Challenge and submission: refusals, failures on the way, logins that cannot succeed."""

from __future__ import annotations

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.observed import MOST_SUBMISSIONS
from contract_tests.clients.situations.common import expect_end_accepted, rate_limited
from contract_tests.clients.stage import NIP, Stage
from contract_tests.clients.tap import Step
from ksef_mock.core.fault import Outcome


@situation(
    "CLIENT-CHAL-001",
    "The challenge is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and asks again",
)
def rate_limit_of_the_challenge(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.CHALLENGE)


@situation(
    "CLIENT-CHAL-002",
    "The challenge expires before it is submitted: 400, 21111.",
    right="begins again with a new challenge, or gives up; the old one never becomes valid again",
)
def expired_challenge(stage: Stage) -> Script:
    stage.after(Step.CHALLENGE, stage.expire_challenges)
    run = yield
    submissions = run.reached_step(Step.SUBMISSION)
    refused = [call for call in submissions if call.status == 400]
    run.expect_at_most(2, refused, "submissions of the expired challenge")
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-SUBMIT-001",
    "The submission is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and submits again; the challenge is still good",
)
def rate_limit_of_the_submission(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.SUBMISSION)


@situation(
    "CLIENT-SUBMIT-002",
    "The submission is answered with 429 and Retry-After: 1, twice in a row.",
    right="waits each time",
    severity="should",
)
def rate_limit_twice(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.SUBMISSION, times=2)


@situation(
    "CLIENT-SUBMIT-003",
    "The submission is answered with 500 once.",
    right="tries again a few times at most, or gives up",
)
def server_error(stage: Stage) -> Script:
    stage.fail(Step.SUBMISSION, status=500)
    run = yield
    run.reached_step(Step.SUBMISSION)
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-SUBMIT-004",
    "The submission is answered with 503 and Retry-After: 2.",
    right="waits as long as Retry-After says and submits again, or gives up",
    severity="should",
)
def unavailable(stage: Stage) -> Script:
    stage.fail(Step.SUBMISSION, status=503, retry_after=2)
    run = yield
    run.expect_wait(run.reached_step(Step.SUBMISSION)[0], 2)
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-SUBMIT-005",
    "The submission is answered with 500, however often it is repeated.",
    right="gives up after a few tries",
)
def server_error_for_good(stage: Stage) -> Script:
    stage.fail(Step.SUBMISSION, status=500, times=None)
    run = yield
    submissions = run.reached_step(Step.SUBMISSION)
    run.expect_at_most(10, submissions, "submissions, since each is answered with 500")
    run.expect_clean_failure()


@situation(
    "CLIENT-SUBMIT-006",
    "The submission is accepted, the connection breaks before the answer is there: the challenge is used.",
    right="begins again with a new challenge, or gives up; a used challenge never becomes valid again",
)
def lost_answer(stage: Stage) -> Script:
    stage.lose(Step.SUBMISSION)
    run = yield
    run.reached_step(Step.SUBMISSION)
    run.expect_challenges_spared()
    run.expect_success_or_clean_failure()


@situation(
    "CLIENT-SUBMIT-007",
    "The KSeF token is none that KSeF knows: the login ends in 450.",
    right="says so and gives up",
    methods=("token",),
)
def unknown_token(stage: Stage) -> Script:
    stage.token = f"20260101-EC-0123456789-ABCDEF0123-4F|nip-{NIP}|{'5e' * 32}"
    run = yield
    run.reached_step(Step.SUBMISSION)
    expect_end_accepted(run)


@situation(
    "CLIENT-SUBMIT-008",
    "Whoever logs in has no permission in the context: the login ends in 415.",
    right="says so and gives up",
)
def no_permission(stage: Stage) -> Script:
    stage.end_login(Outcome(415))
    run = yield
    run.reached_step(Step.SUBMISSION)
    expect_end_accepted(run)


@situation(
    "CLIENT-SUBMIT-009",
    "The certificate is revoked: the login ends in 460.",
    right="says so and gives up",
    methods=("certificate",),
)
def revoked_certificate(stage: Stage) -> Script:
    stage.mock.revoke_certificate(stage.credential.certificate)
    run = yield
    run.reached_step(Step.SUBMISSION)
    expect_end_accepted(run)


@situation(
    "CLIENT-SUBMIT-010",
    "Every submission is refused with 400, 21405, in problem+json.",
    right="gives up: the same submission is refused again",
)
def refused_for_good(stage: Stage) -> Script:
    stage.ask_for_problem_details()
    stage.fail(Step.SUBMISSION, status=400, code=21405, times=None)
    run = yield
    submissions = run.reached_step(Step.SUBMISSION)
    run.expect_at_most(MOST_SUBMISSIONS, submissions, "submissions, since each is refused")
    run.expect_clean_failure()
