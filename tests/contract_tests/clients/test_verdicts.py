"""Each situation is survived by a client that is right, and not survived by one with the flaw it is about."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from contract_tests.clients import tap
from contract_tests.clients.catalogue import situations
from contract_tests.clients.report import Verdict
from contract_tests.clients.runner import check
from contract_tests.clients.stage import Method, Stage
from contract_tests.clients.tap import Step, Wanted
from tests.contract_tests.clients import client, inside, package_client
from tests.contract_tests.clients.inside import run_inside
from tests.contract_tests.clients.package_client import PackageClient

#: Flaws of the client -> the situations that it does not survive, those that it survives nevertheless.
FLAWS: dict[str, tuple[list[str], list[str]]] = {
    "seconds": (["LOGIN-001"], ["SUBMIT-007"]),
    "rounds": (["LOGIN-004"], []),
    "rsa-only": (["LOGIN-002"], ["LOGIN-001", "LOGIN-003"]),
    "one-key-only": (["LOGIN-003", "KEYS-002"], ["LOGIN-001", "KEYS-005"]),
    "warning-is-error": (["LOGIN-006"], ["LOGIN-001"]),
    "strict-members": (["LOGIN-007"], ["LOGIN-006"]),
    "impatient": (["LOGIN-008"], ["LOGIN-001"]),
    "first-key": (["KEYS-001", "KEYS-003", "KEYS-004", "KEYS-005"], ["LOGIN-001", "KEYS-002"]),
    "oldest-key": (["KEYS-003"], ["KEYS-001", "KEYS-004"]),
    "newest-key": (["KEYS-004"], ["KEYS-001", "KEYS-003"]),
    "known-usages-only": (["KEYS-005"], ["KEYS-001"]),
    "no-21470": (["KEYS-006", "KEYS-007"], ["KEYS-002"]),
    "legacy-errors-only": (["KEYS-007"], ["KEYS-006"]),
    "ignores-retry-after": (
        [
            "LOGIN-009",
            "CHAL-001",
            "SUBMIT-001",
            "SUBMIT-002",
            "SUBMIT-004",
            "STATUS-004",
            "REDEEM-001",
            "SESS-009",
            "SESS-011",
            "SEND-009",
        ],
        ["LOGIN-001"],
    ),
    "no-429": (
        [
            "LOGIN-009",
            "CHAL-001",
            "SUBMIT-001",
            "SUBMIT-002",
            "STATUS-004",
            "REDEEM-001",
            "SESS-009",
            "SEND-009",
        ],
        ["SUBMIT-004", "SUBMIT-007"],
    ),
    "always-0": (
        [
            "CHAL-002",
            "SUBMIT-003",
            "SUBMIT-005",
            "SUBMIT-006",
            "SUBMIT-007",
            "SUBMIT-008",
            "SUBMIT-010",
            "STATUS-005",
            "STATUS-006",
            "STATUS-007",
            "REDEEM-002",
            "SESS-004",
            "SESS-005",
            "SESS-006",
            "SESS-007",
            "SESS-010",
        ],
        ["LOGIN-001"],
    ),
    "resubmits": (["CHAL-002", "SUBMIT-010"], ["SUBMIT-003", "SUBMIT-007"]),
    "repeats-forever resubmits": (["SUBMIT-006"], []),
    "repeats-forever": (["SUBMIT-005"], ["STATUS-005", "STATUS-006"]),
    "redeems-at-once": (["STATUS-001", "STATUS-002"], ["LOGIN-001"]),
    "polls-thrice": (["STATUS-002"], ["STATUS-001", "STATUS-003"]),
    "hammers": (["STATUS-003"], ["STATUS-001", "STATUS-004"]),
    "polls-forever": (["STATUS-007", "SUBMIT-007", "SUBMIT-008"], ["STATUS-001"]),
    "redeems-forever": (["REDEEM-002"], ["LOGIN-001"]),
    "never-refreshes": (["SESS-001", "SESS-002"], ["SESS-004", "SESS-007"]),
    "forgets-refresh-token": (["SESS-003"], ["SESS-001", "SESS-002"]),
    "refreshes-forever": (["SESS-004", "SESS-005", "SESS-006", "SESS-007"], ["SESS-001"]),
    "refreshes-early": (["SESS-008"], ["SESS-001"]),
    "refreshes-on-403": (["SESS-010"], ["SESS-001"]),
    "insists": (["SESS-010"], ["SESS-001"]),
    "prints-secrets": (["SECRET-001"], ["SECRET-002", "SECRET-004"]),
    "prints-secrets-on-failure": (["SECRET-002", "SECRET-003"], ["SECRET-001"]),
    "in-the-clear": (["SECRET-004"], []),
    "blind": (["SEND-004", "BATCH-001", "BATCH-002"], ["SEND-001"]),
    "closes-nothing": (["SEND-001"], ["SEND-003"]),
    "resends-at-once": (["SEND-002"], ["SEND-001"]),
    "440-is-failure": (["SEND-003"], ["SEND-001"]),
    "resends-refused": (["SEND-004"], ["SEND-001"]),
    "closes-again": (["SEND-005", "SEND-006"], ["SEND-001"]),
    "trusts-any-close": (["SEND-006"], ["SEND-001"]),
    "stays-in-its-session": (["SEND-007", "SEND-008"], ["SEND-001", "SEND-004"]),
    "keeps-the-link": (["SEND-010"], ["SEND-001"]),
    "token-on-links": (["BATCH-001", "EXPORT-001"], ["EXPORT-002"]),
    "starts-over": (["BATCH-002", "EXPORT-002"], ["SEND-001"]),
    "500-is-final": (["BATCH-003"], ["BATCH-001", "BATCH-004"]),
    "cut-is-final": (["BATCH-004", "EXPORT-004"], ["BATCH-003", "EXPORT-003"]),
    "insists-on-links": (["BATCH-005", "EXPORT-003"], ["BATCH-001", "EXPORT-001"]),
    "expired-is-final": (["EXPORT-003"], ["BATCH-005", "EXPORT-004"]),
    "expired-is-final always-0": (["BATCH-005", "EXPORT-003"], ["BATCH-001"]),
    "closes-forever": (["BATCH-006"], ["BATCH-001"]),
    "first-part-only": (["EXPORT-001"], ["EXPORT-002"]),
    "one-package": (["EXPORT-005"], ["EXPORT-001"]),
    "jwt-in-url": (["SECRET-004"], ["SECRET-001"]),
}
FLAWS_WITH_CERTIFICATES: dict[str, tuple[list[str], list[str]]] = {
    "ec-only": (["LOGIN-005"], ["LOGIN-001"]),
    "always-0": (["SUBMIT-009", "SUBMIT-008"], ["LOGIN-005"]),
    "no-429": (["CHAL-001"], ["SECRET-004"]),
}


class Watch:
    """Stands in for `time`, in the client and in who watches it: passes when the client sleeps.

    What a busy machine adds to the client's pauses counts for nothing.
    """

    def __init__(self) -> None:
        self._now = time.monotonic()
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        with self._lock:
            self._now += 1e-6  # what comes later is later
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
        time.sleep(0.002)  # whoever polls leaves the mock its turn


@pytest.fixture(autouse=True)
def _inside(monkeypatch: pytest.MonkeyPatch) -> None:
    run_inside(monkeypatch, lambda flaws, *given: PackageClient(flaws, *given).run())
    watch = Watch()
    for module in (tap, client, inside, package_client):
        monkeypatch.setattr(module, "time", watch)


def delay_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than an impatient client waits, who waits long enough for what comes at once on any machine."""
    fail = Stage.fail

    def delayed(stage: Stage, wanted: Step | Wanted, **effect: Any) -> None:
        fail(stage, wanted, **effect | ({"delay_seconds": 300} if "delay_seconds" in effect else {}))

    monkeypatch.setattr(Stage, "fail", delayed)


def verdicts(flaws: str, situations: list[str], method: Method = "token") -> dict[str, Verdict]:
    only = [f"CLIENT-{each}" for each in situations]
    # Only clients that never end by themselves need the limit.
    limit = 30 if flaws in ("polls-forever", "trusts-any-close") else 600
    report = check(flaws.split(), only, method=method, limit=limit, jobs=1)  # they share a watch
    return {result.id.removeprefix("CLIENT-"): result.verdict for result in report.results}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_found_where_it_matters_and_only_there(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if flaw == "impatient":
        delay_for_long(monkeypatch)
    fatal, harmless = FLAWS[flaw]
    expected = dict.fromkeys(fatal, Verdict.FAILED) | dict.fromkeys(harmless, Verdict.SURVIVED)
    assert verdicts(flaw, [*fatal, *harmless]) == expected


@pytest.mark.parametrize("flaw", FLAWS_WITH_CERTIFICATES)
def test_the_same_with_certificates(flaw: str) -> None:
    fatal, harmless = FLAWS_WITH_CERTIFICATES[flaw]
    expected = dict.fromkeys(fatal, Verdict.FAILED) | dict.fromkeys(harmless, Verdict.SURVIVED)
    assert verdicts(flaw, [*fatal, *harmless], "certificate") == expected


def test_each_situation_is_failed_by_some_flaw() -> None:
    tried = {
        each for table in (FLAWS, FLAWS_WITH_CERTIFICATES) for fatal, _ in table.values() for each in fatal
    }
    assert {f"CLIENT-{each}" for each in tried} == {each.id for each in situations()}


@pytest.mark.parametrize(
    "area",
    ["LOGIN", "KEYS", "CHAL", "SUBMIT", "STATUS", "REDEEM", "SESS", "SECRET", "SEND", "BATCH", "EXPORT"],
)
def test_the_same_client_without_flaws_survives(area: str) -> None:
    report = check([], [area], jobs=1)
    expected = {
        each.id: Verdict.SURVIVED if "token" in each.methods else Verdict.NOT_EXERCISED
        for each in situations()
        if each.area == area
    }
    assert {result.id: result.verdict for result in report.results} == expected
