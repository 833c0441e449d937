"""The suite on somebody else's mock: Prism, which answers with the examples of the official document.

It knows no state and no rules, so it cannot conform; the suite must say so without breaking.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contract_tests.catalogue import catalogue
from contract_tests.report import Report, Verdict
from contract_tests.runner import run
from tests import openapi

from .node_client import install

_PROJECT = Path(__file__).parent / "prism"
_PRISM = Path("@stoplight", "prism-cli", "dist", "index.js")
#: Seconds for Prism to read the document and listen.
_PATIENCE = 90

pytestmark = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """The suite's report on Prism."""
    script = install(_PROJECT) / _PRISM
    node = shutil.which("node")
    assert node is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [node, str(script), "mock", "-h", "127.0.0.1", "-p", str(port), str(openapi.DOCUMENT)]
    prism = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}", prism)
        yield run(f"http://127.0.0.1:{port}")
    finally:
        prism.terminate()
        prism.wait(10)


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
    counts = report.counts
    assert counts[Verdict.PASSED] < counts[Verdict.FAILED]
    for result in report.results:
        if result.verdict is Verdict.FAILED:
            assert result.message
            assert result.exchanges


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "Prism has ended"
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, timeout=5)
            return
        time.sleep(0.2)
    pytest.fail("Prism does not listen")
