"""Exporting invoices: KSEF_TASK is `export`, and wanted is whatever was stored from KSEF_SINCE on."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.observed import Observed
from contract_tests.clients.situations.common import status_code
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Call, Step
from ksef_mock.core.environment import DAY, Lifetimes
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.settings import Settings

#: Status polls that find an export unfinished.
_POLLS = 4
#: Downloads by one link beyond which a client only makes load.
_MOST = 3
#: Tokens that outlive whatever else expires.
_LONG_LIVES = Settings(lifetimes=Lifetimes(access_token=6 * DAY))


@situation(
    "CLIENT-EXPORT-001",
    "KSeF does what it does on most days; the package has several parts.",
    right="orders an export, waits for it, fetches every part by its link, without its token",
    settings=Settings(exports=ExportLimits(part_octets=1_000)),
)
def plain(stage: Stage) -> Script:
    stage.know_invoices()
    run = yield
    run.reached_step(Step.ORDER)
    run.expect(
        all(call.bearer is None for call in run.of(Step.DOWNLOAD)),
        "expected downloads without the access token, received one with it: the link alone authorizes",
    )
    _expect_whole(run)


@situation(
    "CLIENT-EXPORT-002",
    f"The export is at 100 for {_POLLS} polls.",
    right="waits, and orders it once",
    settings=Settings(delay=Delay(polls=_POLLS)),
)
def slow_export(stage: Stage) -> Script:
    stage.know_invoices()
    run = yield
    run.reached_step(Step.ORDER)
    # One more: whoever goes on where a package ended asks once whether there is more.
    run.expect_at_most(2, run.of(Step.ORDER), "exports of the same invoices")
    _expect_whole(run)


@situation(
    "CLIENT-EXPORT-003",
    "The link to a part has expired when it is used: 403.",
    right="asks for the status again, which has a new link, and takes that",
    severity="should",
    settings=_LONG_LIVES,
)
def expired_link(stage: Stage) -> Script:
    stage.know_invoices()
    stage.before(Step.DOWNLOAD, stage.expire_export_links)
    run = yield
    first = run.reached_step(Step.DOWNLOAD)[0]
    again = [call for call in run.of(Step.DOWNLOAD) if call.target == first.target]
    run.expect_at_most(_MOST, again, "downloads by a link that has expired")
    _expect_whole(run)


@situation(
    "CLIENT-EXPORT-004",
    "The connection breaks before a part has arrived.",
    right="fetches the part again",
)
def lost_part(stage: Stage) -> Script:
    stage.know_invoices()
    stage.lose(Step.DOWNLOAD)
    run = yield
    run.reached_step(Step.DOWNLOAD)
    _expect_whole(run)


@situation(
    "CLIENT-EXPORT-005",
    "Not all invoices have room in the package: isTruncated is true.",
    right="orders another export, from the date of the last invoice on",
    settings=Settings(exports=ExportLimits(invoices=2)),
)
def truncated_package(stage: Stage) -> Script:
    stage.know_invoices()
    run = yield
    run.reached_step(Step.ORDER)
    run.expect(_is_truncated(run.of(Step.PROGRESS)), "expected that it looks at the status of its export")
    _expect_whole(run)
    last = run.of(Step.PROGRESS)[-1]
    run.expect(not _is_truncated([last]), "exit code 0, although the last package is truncated")


# -- judgements


def _is_truncated(polls: Sequence[Call]) -> bool:
    return any(bool(((call.json() or {}).get("package") or {}).get("isTruncated")) for call in polls)


def _expect_whole(run: Observed) -> None:
    """Success, and every part of every package was fetched."""
    run.expect_success()
    wanted, paths = set(), {call.path for call in run.of(Step.DOWNLOAD) if call.is_success}
    finished = [call for call in run.of(Step.PROGRESS) if status_code(call) == 200]
    run.expect(finished, "exit code 0, although no export is finished as far as it knows")
    for call in finished:
        for part in ((call.json() or {}).get("package") or {}).get("parts") or ():
            wanted.add(str(part["partName"]))
    missing = sorted(name for name in wanted if not any(path.endswith(f"/{name}") for path in paths))
    run.expect(
        wanted and not missing, f"exit code 0, although it has not fetched {', '.join(missing) or 'any'}"
    )
