"""Sending an invoice: KSEF_TASK is `send`, and the invoice is the file KSEF_INVOICE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.observed import Observed
from contract_tests.clients.situations.common import RETRY_AFTER, code_in, status_code
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Call, Step
from ksef_mock.core.environment import DAY, Lifetimes
from ksef_mock.core.waiting import Delay
from ksef_mock.settings import Settings

#: Status polls that find an invoice, or a closed session, unfinished.
_POLLS = 4
#: Sends of an invoice beyond which a client only makes load: another answer does not come.
_MOST_SENDS = 3
#: Tokens that outlive whatever else expires: these situations are about that alone.
_LONG_LIVES = Settings(lifetimes=Lifetimes(access_token=6 * DAY))

_ACCEPTED, _DUPLICATE = 200, 440
#: Of a session: closed, processed.
_CLOSED = (170, 200)


@situation(
    "CLIENT-SEND-001",
    "KSeF does what it does on most days.",
    right="opens a session, sends the invoice, waits for its status, closes the session",
)
def plain(_stage: Stage) -> Script:
    run = yield
    run.reached_step(Step.SEND)
    _expect_sent(run)
    run.expect(_is_closed(run), "expected that it closes its session")


@situation(
    "CLIENT-SEND-002",
    f"The invoice is at 150 for {_POLLS} polls, and the closed session at 170 for as many.",
    right="waits, and does not send the invoice again",
    settings=Settings(delay=Delay(polls=_POLLS)),
)
def slow_verdict(_stage: Stage) -> Script:
    run = yield
    run.reached_step(Step.SEND)
    run.expect_at_most(1, run.of(Step.SEND), "sends of an invoice that KSeF has taken")
    _expect_sent(run)


@situation(
    "CLIENT-SEND-003",
    "The invoice is taken, the connection breaks before the answer is there: sent again, it ends in 440.",
    right="takes 440 with the originalKsefNumber of that invoice for success",
)
def duplicate_of_its_own(stage: Stage) -> Script:
    stage.lose(Step.SEND)
    run = yield
    sends = run.reached_step(Step.SEND)
    run.reached(len(sends) > 1 or run.of(Step.VERDICT), "sent the invoice again or asked what became of it")
    run.expect_at_most(_MOST_SENDS, sends, "sends of an invoice that KSeF has taken")
    hashes = {(call.sent() or {}).get("invoiceHash") for call in sends}
    run.expect(len(hashes) == 1, "expected the same invoice again, received another one: KSeF has both now")
    _expect_sent(run)
    run.remark("sent it again" if len(sends) > 1 else "found it in the session")


@situation(
    "CLIENT-SEND-004",
    "The invoice is dated in the future: it ends in 450.",
    right="says so and gives up; the same invoice is refused again",
)
def refused_invoice(stage: Stage) -> Script:
    stage.invoice_days = 30
    run = yield
    run.reached_step(Step.SEND)
    run.expect_at_most(1, run.of(Step.SEND), "sends of an invoice that is refused")
    run.expect_clean_failure()


@situation(
    "CLIENT-SEND-005",
    "Closing the session is answered with 500, and it has been closed.",
    right="looks at the session's status before it closes again, or gives up",
)
def close_that_has_closed(stage: Stage) -> Script:
    stage.belie(Step.CLOSE)
    run = yield
    _judge_doubtful_close(run)


@situation(
    "CLIENT-SEND-006",
    "Closing the session is answered with 500, and it has not been closed.",
    right="looks at the session's status, closes it again, or gives up",
)
def close_that_has_not_closed(stage: Stage) -> Script:
    stage.fail(Step.CLOSE, status=500)
    run = yield
    _judge_doubtful_close(run)


@situation(
    "CLIENT-SEND-007",
    "The session ends by itself, 12 hours old, before the invoice is sent: 400, 21180.",
    right="opens another session and sends the invoice there",
    severity="should",
    settings=_LONG_LIVES,
)
def expired_session(stage: Stage) -> Script:
    stage.after(Step.OPEN, stage.expire_sending_sessions)
    run = yield
    run.reached_step(Step.SEND)
    _expect_another_session(run)


@situation(
    "CLIENT-SEND-008",
    "The session is under maintenance and takes no invoice: 400, 21184.",
    right="opens another session and sends the invoice there",
    severity="should",
)
def session_under_maintenance(stage: Stage) -> Script:
    stage.after(Step.OPEN, stage.maintain_session)
    run = yield
    run.reached_step(Step.SEND)
    _expect_another_session(run)


@situation(
    "CLIENT-SEND-009",
    "The invoice is answered with 429 and Retry-After: 1.",
    right="waits as long as Retry-After says, and sends it again",
)
def rate_limit_of_sending(stage: Stage) -> Script:
    stage.fail(Step.SEND, rate_limit=RETRY_AFTER)
    run = yield
    run.expect_wait(run.reached_step(Step.SEND)[0], RETRY_AFTER)
    _expect_sent(run)


@situation(
    "CLIENT-SEND-010",
    "The link to the UPO has expired when it is used: 403.",
    right="asks for the status again, which has a new link, and takes that",
    severity="should",
    settings=_LONG_LIVES,
)
def expired_link(stage: Stage) -> Script:
    stage.before(Step.DOWNLOAD, stage.expire_links)
    run = yield
    first = run.reached_step(Step.DOWNLOAD)[0]
    again = [call for call in run.of(Step.DOWNLOAD) if call.target == first.target]
    run.expect_at_most(_MOST_SENDS, again, "downloads by a link that has expired")
    _expect_sent(run)
    downloads = run.of(Step.DOWNLOAD)
    by_operation = [call for call in run.calls if call.path.endswith("/upo") or "/upo/" in call.path]
    got = any(call.is_success for call in (*downloads, *by_operation))
    run.expect(got, "exit code 0, although it has no UPO")


# -- judgements


def _expect_sent(run: Observed) -> None:
    """It says that it went well, and it did: KSeF has the invoice, and the client has seen that."""
    run.expect_success()
    run.expect(
        any(call.is_success or call.lost for call in run.of(Step.SEND)),
        "exit code 0, although no invoice was taken",
    )
    run.expect(_sees_acceptance(run), "exit code 0, although it has not seen that the invoice was accepted")


def _expect_another_session(run: Observed) -> None:
    refused: dict[str, list[Call]] = {}
    for call in run.of(Step.SEND):
        if call.status == 400:
            refused.setdefault(call.path, []).append(call)
    for calls in refused.values():
        run.expect_at_most(_MOST_SENDS, calls, "sends to a session that takes none")
    _expect_sent(run)


def _judge_doubtful_close(run: Observed) -> None:
    closes = run.reached_step(Step.CLOSE)
    doubtful = closes[0]
    states = [call for call in run.of(Step.STATE) if call.is_success and call.began > doubtful.began]
    for again in closes[1:2]:
        run.expect(
            any(call.began < again.began for call in states),
            "closed the session again without a look at its status: the first time may have closed it",
        )
    run.expect_at_most(_MOST_SENDS, closes, "attempts to close the session")
    if run.exit_code == 0:
        run.expect(_is_closed(run), "exit code 0, although it does not know that its session is closed")
    run.expect_success_or_clean_failure()


def _is_closed(run: Observed) -> bool:
    """Whether the client knows that its session is closed."""
    return any(call.is_success for call in run.of(Step.CLOSE)) or any(
        status_code(call) in _CLOSED for call in run.of(Step.STATE)
    )


def _sees_acceptance(run: Observed) -> bool:
    """Whether some status told the client that KSeF has the invoice."""
    told: list[Any] = []
    for call in run.of(Step.VERDICT):
        body = call.json()
        many = body.get("invoices") if isinstance(body, dict) else None
        told += many if isinstance(many, list) else [body]
    sessions: Sequence[Any] = [call.json() for call in run.of(Step.STATE)]
    return any(code_in(each) in (_ACCEPTED, _DUPLICATE) for each in told) or any(
        isinstance(each, dict) and each.get("successfulInvoiceCount") for each in sessions
    )
