"""Logging in: the plain cases, and answers that are a little different."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.situations.common import rate_limited
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Step
from ksef_mock.settings import Settings


@situation(
    "CLIENT-LOGIN-001",
    "KSeF does what it does on most days. Its key is an RSA key, that of the client's certificate an EC key.",
    right="logs in, makes a request, exits with 0",
)
def plain(_stage: Stage) -> Script:
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-002",
    "The key that KSeF tokens are encrypted to is an EC key (P-256).",
    right="encrypts by ECDH and AES-256-GCM, in one of the official clients' layouts",
    methods=("token",),
    settings=Settings(token_key="ec"),
)
def ec_key(_stage: Stage) -> Script:
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-003",
    "An RSA key and an EC key are published side by side, the RSA key first.",
    right="takes one that it can use",
    methods=("token",),
    settings=Settings(token_key="both"),
)
def both_keys(_stage: Stage) -> Script:
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-004",
    "The challenge is issued 1 microsecond before a full second, so that rounding its timestamp changes it.",
    right="sends timestampMs, or the timestamp truncated to milliseconds",
    methods=("token",),
)
def timestamp_to_the_last_digit(stage: Stage) -> Script:
    stage.freeze_at((datetime.now(UTC) - timedelta(seconds=1)).replace(microsecond=999_999))
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-005",
    "The certificate has an RSA key.",
    right="signs with RSA",
    methods=("certificate",),
)
def rsa_certificate(stage: Stage) -> Script:
    stage.certificate_key = "rsa"
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-006",
    "Each answer carries X-System-Warning, and headers that are not documented.",
    right="logs in; a warning is no error",
)
def system_warning(stage: Stage) -> Script:
    stage.send_headers(
        [("x-system-warning", "Planowana przerwa techniczna"), ("x-header-of-the-future", "1; a=b")]
    )
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-007",
    "Each object in each answer has a member that is not documented (yet).",
    right="ignores what it does not know",
)
def unknown_members(stage: Stage) -> Script:
    stage.rewrite(lambda _: True, lambda _, document: _extended(document))
    run = yield
    run.expect_success()


@situation(
    "CLIENT-LOGIN-008",
    "The submission is answered after 2 seconds.",
    right="waits for the answer",
    severity="should",
)
def slow_answer(stage: Stage) -> Script:
    stage.fail(Step.SUBMISSION, delay_seconds=2)
    run = yield
    run.reached_step(Step.SUBMISSION)
    run.expect_success()
    challenges = {call.trail.facts.challenge for call in run.of(Step.SUBMISSION) if call.trail}
    run.expect(len(challenges) == 1, "expected it to wait, but it gave up and began another login")


@situation(
    "CLIENT-LOGIN-009",
    "The published keys are answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and asks again",
    methods=("token",),
)
def rate_limit_of_the_keys(stage: Stage) -> Script:
    yield from rate_limited(stage, Step.KEYS)


def _extended(value: Any) -> Any:
    if isinstance(value, list):
        return [_extended(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {name: _extended(member) for name, member in value.items()} | {
        "memberOfTheFuture": {"values": [1, None, "ż"]}
    }
