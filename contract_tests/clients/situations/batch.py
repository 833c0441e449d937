"""Sending a package: KSEF_TASK is `batch`, and the invoices are the files in the folder KSEF_INVOICES."""

from __future__ import annotations

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.observed import Observed
from contract_tests.clients.situations.common import status_code
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Call, Step
from ksef_mock.core.environment import DAY, Lifetimes
from ksef_mock.core.waiting import Delay
from ksef_mock.settings import Settings

#: Status polls that find a closed session unfinished.
_POLLS = 4
#: Uploads of a part, or attempts to close, beyond which a client only makes load.
_MOST = 5
_PROCESSED = 200
#: Tokens that outlive whatever else expires.
_LONG_LIVES = Settings(lifetimes=Lifetimes(access_token=6 * DAY))


@situation(
    "CLIENT-BATCH-001",
    "KSeF does what it does on most days.",
    right="opens a batch session, uploads the parts without its token, closes it, waits for its status",
)
def plain(_stage: Stage) -> Script:
    run = yield
    uploads = run.reached_step(Step.UPLOAD)
    run.expect(
        all(call.bearer is None for call in uploads),
        "expected uploads without the access token, received one with it: the link alone authorizes",
    )
    _expect_processed(run)


@situation(
    "CLIENT-BATCH-002",
    f"The closed session is at 150 for {_POLLS} polls.",
    right="waits, and sends the package once",
    settings=Settings(delay=Delay(polls=_POLLS)),
)
def slow_processing(_stage: Stage) -> Script:
    run = yield
    run.reached_step(Step.UPLOAD)
    run.expect_at_most(1, run.of(Step.OPEN), "batch sessions for one package")
    _expect_processed(run)


@situation(
    "CLIENT-BATCH-003",
    "The first upload of a part is answered with 500.",
    right="uploads the part again: an upload replaces the one before",
)
def failing_upload(stage: Stage) -> Script:
    stage.belie(Step.UPLOAD)
    run = yield
    run.reached_step(Step.UPLOAD)
    _expect_again(run)


@situation(
    "CLIENT-BATCH-004",
    "The connection breaks before the first upload of a part is answered.",
    right="uploads the part again: an upload replaces the one before",
)
def lost_upload(stage: Stage) -> Script:
    stage.lose(Step.UPLOAD)
    run = yield
    run.reached_step(Step.UPLOAD)
    _expect_again(run)


@situation(
    "CLIENT-BATCH-005",
    "The links have expired when the first part comes: 403.",
    right="opens another batch session and uploads there, or says so and gives up",
    severity="should",
    settings=_LONG_LIVES,
)
def expired_links(stage: Stage) -> Script:
    stage.before(Step.UPLOAD, stage.expire_part_links)
    run = yield
    first = run.reached_step(Step.UPLOAD)[0]
    again = [call for call in run.of(Step.UPLOAD) if call.target == first.target]
    run.expect_at_most(_MOST, again, "uploads by a link that has expired")
    if run.exit_code == 0:
        run.remark("opened another session")
        _expect_processed(run)
    else:
        run.remark("gave up")
        run.expect_clean_failure()


@situation(
    "CLIENT-BATCH-006",
    "A part of the package is lost after its upload: the close is refused with 21205.",
    right="uploads that part again and closes the session, which a refused close leaves open, or gives up",
    severity="should",
)
def missing_part(stage: Stage) -> Script:
    stage.after(Step.UPLOAD, stage.forget_part)
    run = yield
    run.reached_step(Step.UPLOAD)
    run.reached_step(Step.CLOSE)
    run.expect_at_most(_MOST, run.of(Step.CLOSE), "attempts to close the session")
    if run.exit_code == 0:
        run.remark("uploaded it again")
        _expect_processed(run)
    else:
        run.remark("gave up")
        run.expect_clean_failure()


# -- judgements


def _expect_again(run: Observed) -> None:
    run.expect_at_most(_MOST, run.of(Step.UPLOAD), "uploads of a part")
    run.expect_at_most(1, run.of(Step.OPEN), "batch sessions for one package")
    _expect_processed(run)


def _expect_processed(run: Observed) -> None:
    """It says that it went well, and it did: the package is processed, and the client has seen that."""
    run.expect_success()
    seen: list[Call] = [call for call in run.of(Step.STATE) if status_code(call) == _PROCESSED]
    run.expect(seen, "exit code 0, although it has not seen that its session was processed")
