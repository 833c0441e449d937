"""Secrets: what a client prints, and what it sends."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.observed import Observed
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Call, Step
from ksef_mock.core.fault import Outcome


@situation(
    "CLIENT-SECRET-001",
    "The login succeeds.",
    right="prints neither KSeF token, private key or password, nor any of the JWTs",
)
def output_of_a_login(_stage: Stage) -> Script:
    run = yield
    run.reached(run.logged_in, "logged in")
    _expect_discretion(run)


@situation(
    "CLIENT-SECRET-002",
    "The login ends in 415.",
    right="prints no secret in its error message either",
)
def output_of_a_refused_login(stage: Stage) -> Script:
    stage.end_login(Outcome(415))
    run = yield
    run.reached_step(Step.SUBMISSION)
    _expect_discretion(run)


@situation(
    "CLIENT-SECRET-003",
    "KSeF answers with 500 to the submission and whatever follows.",
    right="prints no secret with the request that failed",
)
def output_of_a_failure(stage: Stage) -> Script:
    stage.fail(Step.SUBMISSION, status=500, times=None)
    run = yield
    run.reached_step(Step.SUBMISSION)
    _expect_discretion(run)


@situation(
    "CLIENT-SECRET-004",
    "The login succeeds.",
    right="sends the KSeF token encrypted only, its private key never, and JWTs in no URL",
)
def secrets_on_the_wire(_stage: Stage) -> Script:
    run = yield
    run.reached_step(Step.SUBMISSION)
    for call in run.calls:
        where = f"in {call.method} {call.path}"
        in_url = run.leaks(call.target)
        run.expect(not in_url, f"sent {_listed(in_url)} {where}, in the URL")
        rest = _octets(call).decode("latin-1") + str(call.request_headers)
        plain = list(dict.fromkeys(secret.name for secret in run.secrets if secret.text in rest))
        run.expect(not plain, f"sent {_listed(plain)} {where}")


def _expect_discretion(run: Observed) -> None:
    leaks = run.leaks(run.output)
    run.expect(not leaks, f"printed {_listed(leaks)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _octets(call: Call) -> bytes:
    """The request's body, and what is merely encoded in the place of the ciphertext."""
    body = call.sent()
    text = body.get("encryptedToken") if isinstance(body, dict) else None
    try:
        decoded = base64.b64decode(text) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        decoded = b""
    return call.request_body + b"\n" + decoded
