"""The clients of this project survive all situations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from contract_tests.clients.catalogue import situations
from contract_tests.clients.report import Report, Verdict
from contract_tests.clients.runner import check
from contract_tests.clients.stage import Method
from ksef_client_min import KsefClient, KsefError, load_pem
from tests.contract_tests.clients.inside import run_inside

AREAS = ["LOGIN", "KEYS", "CHAL", "SUBMIT", "STATUS", "REDEEM", "SESS", "SECRET"]


def library(
    _arguments: Sequence[str], given: Mapping[str, str], say: Callable[[str], object], _deadline: float
) -> int:
    """A client as one writes it with `ksef_client_min`."""
    with KsefClient(given["KSEF_URL"]) as ksef:
        try:
            if given["KSEF_METHOD"] == "certificate":
                credentials = load_pem(Path(given["KSEF_CERTIFICATE"]), Path(given["KSEF_KEY"]))
                ksef.login_with_certificate(credentials, nip=given["KSEF_NIP"])
            else:
                ksef.login_with_token(given["KSEF_TOKEN"], nip=given["KSEF_NIP"])
            ksef.sessions()
            ksef.context_limits()
        except KsefError as error:
            say(str(error))
            return 1
    return 0


def not_survived(report: Report) -> dict[str, str]:
    return {each.id: each.message for each in report.results if each.verdict is not Verdict.SURVIVED}


def only_with(method: Method, area: str) -> dict[str, str]:
    other = "token" if method == "certificate" else "certificate"
    return {
        each.id: f"only with a login by {other}"
        for each in situations()
        if each.area == area and method not in each.methods
    }


@pytest.mark.parametrize("area", AREAS)
def test_the_library_with_a_token(area: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_inside(monkeypatch, library)
    report = check([], [area], jobs=12)
    assert not_survived(report) == only_with("token", area)


@pytest.mark.parametrize("area", AREAS)
def test_the_library_with_a_certificate(area: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_inside(monkeypatch, library)
    report = check([], [area], jobs=12, method="certificate")
    assert not_survived(report) == only_with("certificate", area)


def test_the_ksef_command() -> None:
    ksef = Path(sys.executable).with_name("ksef")
    line = f"{ksef} auth login && {ksef} auth whoami && {ksef} token list"
    only = ["CLIENT-KEYS-006", "CLIENT-SESS-00[36]", "CLIENT-SECRET-00[13]"]
    assert not_survived(check(["sh", "-c", line], only, jobs=6)) == {}


def test_the_ksef_command_with_a_certificate() -> None:
    ksef = str(Path(sys.executable).with_name("ksef"))
    command = [
        ksef,
        "auth",
        "login",
        "--cert",
        "{certificate}",
        "--key",
        "{key}",
        "--env",
        "{url}",
        "--nip",
        "{nip}",
    ]
    report = check(command, ["CLIENT-LOGIN-00[15]", "CLIENT-SUBMIT-009"], jobs=3, method="certificate")
    assert not_survived(report) == {}
