"""The unmodified npm client `ksef-client-ts` in the situations of client conformance."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract_tests.clients.report import Verdict
from contract_tests.clients.runner import check
from contract_tests.clients.stage import Method
from tests.third_party.node_client import NODE

#: Situations that it does not survive: it has a back-off of its own for 503, whatever Retry-After says; it
#: repeats a close that was answered with 500 unseen; it opens no other session when one takes nothing more.
_NOT_SURVIVED = {
    "CLIENT-SUBMIT-004",
    *("CLIENT-SEND-005", "CLIENT-SEND-006"),
    *("CLIENT-SEND-007", "CLIENT-SEND-008"),
}
#: It gives up when the connection breaks in mid-send, and fetches UPO by the operation, not by the link.
_NOT_MET = {"CLIENT-SEND-003", "CLIENT-SEND-010"}


@pytest.mark.parametrize(
    ("method", "only"),
    [
        (
            "token",
            ["CLIENT-LOGIN-00[247]", "CLIENT-KEYS-00[46]", "CLIENT-SUBMIT-004", "CLIENT-SESS-00[1346]"],
        ),
        ("certificate", ["CLIENT-LOGIN-00[15]", "CLIENT-SUBMIT-009"]),
        ("token", ["CLIENT-SEND-*"]),
    ],
)
def test_what_it_survives(node_modules: Path, method: Method, only: list[str]) -> None:
    command = ["node", str(NODE / "situation.mjs"), str(node_modules)]
    report = check(command, only, method=method, jobs=4)
    failed = {each.id: each.message for each in report.results if each.verdict is Verdict.FAILED}
    assert failed.keys() == _NOT_SURVIVED & {each.id for each in report.results}, failed
    skipped = [each for each in report.results if each.verdict is Verdict.NOT_EXERCISED]
    assert all(each.id in _NOT_MET or "only with a login by" in each.message for each in skipped), skipped
