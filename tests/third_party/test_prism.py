"""The suite on somebody else's mock: Prism, which answers with the examples of the official document.

It knows no state and no rules, so it cannot conform; the suite must say so without breaking.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract_tests.common.report import Mark
from contract_tests.server.catalogue import catalogue
from contract_tests.server.report import Report, Verdict
from contract_tests.server.runner import run
from tests import openapi
from tests.third_party.prism_server import prism

pytestmark = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """The suite's report on Prism."""
    with prism() as running:
        yield run(running.url)


def test_run_reaches_its_end_and_every_requirement_is_judged(report: Report) -> None:
    assert report.aborted is None
    assert len(report.results) == len(catalogue())
    assert [result for result in report.results if result.verdict is Verdict.ERROR] == []


def test_what_prism_lacks_is_reported(report: Report) -> None:
    assert not report.conforms
    verdicts = {result.id: result.verdict for result in report.results}
    # It has the shapes of the document's examples ...
    assert verdicts["KSEF-CHAL-001"] is Verdict.PASSED
    # ... but every challenge is the same one, and its certificates are cut short.
    assert verdicts["KSEF-CHAL-005"] is Verdict.FAILED
    assert verdicts["KSEF-KEYS-003"] is Verdict.FAILED
    # Nobody can log in, so what needs a login is not judged, and says so.
    assert verdicts["KSEF-REFRESH-001"] is Verdict.SKIPPED
    told = {result.message for result in report.results if result.verdict is Verdict.SKIPPED}
    assert any(message.startswith("needs an owner's login and KSeF token") for message in told)


def test_little_passes_and_each_failure_has_its_evidence(report: Report) -> None:
    counts = report.marks
    assert counts[Mark.PASSED] < counts[Mark.FAILED]
    for result in report.results:
        if result.verdict is Verdict.FAILED:
            assert result.message
            assert result.exchanges
