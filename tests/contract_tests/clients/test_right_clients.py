"""The clients of this project survive all situations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from contract_tests.clients.catalogue import situations
from contract_tests.clients.report import Report, Verdict
from contract_tests.clients.runner import check
from contract_tests.clients.stage import Method
from ksef_client_min import (
    Checkpoint,
    KsefApiError,
    KsefClient,
    KsefConnectionError,
    KsefError,
    Package,
    load_pem,
)
from ksef_client_min.operations import sending
from tests.contract_tests.clients.inside import run_inside

AREAS = ["LOGIN", "KEYS", "CHAL", "SUBMIT", "STATUS", "REDEEM", "SESS", "SECRET", "SEND", "BATCH", "EXPORT"]


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
            if given["KSEF_TASK"] == "send":
                return send(ksef, Path(given["KSEF_INVOICE"]).read_bytes())
            if given["KSEF_TASK"] == "batch":
                return send_package(ksef, Path(given["KSEF_INVOICES"]))
            if given["KSEF_TASK"] == "export":
                return export(ksef, given["KSEF_SINCE"])
            ksef.sessions()
            ksef.context_limits()
        except KsefError as error:
            say(str(error))
            return 1
    return 0


def send(ksef: KsefClient, document: bytes) -> int:
    """Send an invoice, and leave nothing in doubt; the exit code."""
    session = ksef.open_session()
    try:
        reference = ksef.send_invoice(session, document)
    except KsefConnectionError:
        reference = ksef.send_invoice(session, document)  # KSeF knows it again: 440
    except KsefApiError as error:
        if error.code not in (21180, 21184):
            raise
        session = ksef.open_session()
        reference = ksef.send_invoice(session, document)
    code = ksef.await_invoice(session, reference).status.code
    try:
        ksef.close_session(session)
    except KsefApiError as error:
        if error.status != 500:
            raise
        if ksef.call(sending.status(session.reference_number)).status.code == 100:
            ksef.close_session(session)
    upo = ksef.await_session(session).upo
    if upo is not None and httpx.get(upo.pages[0].download_url).status_code != 200:
        upo = ksef.await_session(session).upo
        assert upo is not None
        httpx.get(upo.pages[0].download_url).raise_for_status()
    return 0 if code in (200, 440) else 1


def export(ksef: KsefClient, since: str) -> int:
    """Export all invoices; the exit code."""
    for step in ksef.retrieve("Subject1", Checkpoint(since)):
        with step:
            assert all(each.document for each in step.invoices())
    return 0


def send_package(ksef: KsefClient, folder: Path) -> int:
    """Send the invoices of a folder in one package; the exit code."""
    with Package((path.name, path.read_bytes()) for path in sorted(folder.iterdir())) as package:
        session = ksef.open_batch(package)
        try:
            ksef.upload_parts(session, package)
        except KsefApiError as error:
            if error.status != 403:
                raise
            session = ksef.open_batch(package)
            ksef.upload_parts(session, package)
        try:
            ksef.close_batch(session)
        except KsefApiError as error:
            if error.code != 21205:
                raise
            ksef.upload_parts(session, package)
            ksef.close_batch(session)
    found = ksef.await_session(session)
    return 0 if found.status.code == 200 and not found.failed_invoice_count else 1


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


def test_the_ksef_command_sends() -> None:
    ksef = Path(sys.executable).with_name("ksef")
    line = (
        f"{ksef} auth login && {ksef} session open && {ksef} invoice send {{invoice}} && {ksef} session close"
    )
    report = check(["sh", "-c", line], ["CLIENT-SEND-00[1249]"], jobs=4)
    assert not_survived(report) == {}


def test_the_ksef_command_sends_packages() -> None:
    ksef = Path(sys.executable).with_name("ksef")
    line = f"{ksef} auth login && {ksef} batch send {{invoices}}"
    assert not_survived(check(["sh", "-c", line], ["BATCH"], jobs=4)) == {}


def test_the_ksef_command_exports() -> None:
    ksef = Path(sys.executable).with_name("ksef")
    line = f'{ksef} auth login && {ksef} invoice export "$KSEF_HOME/all" --from {{since}} --incremental'
    assert not_survived(check(["sh", "-c", line], ["EXPORT"], jobs=4)) == {}


def test_who_takes_a_truncated_package_for_all_is_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_package(
        arguments: Sequence[str], given: Mapping[str, str], say: Callable[[str], object], deadline: float
    ) -> int:
        del arguments, say, deadline
        with KsefClient(given["KSEF_URL"]) as ksef:
            ksef.login_with_token(given["KSEF_TOKEN"], nip=given["KSEF_NIP"])
            with ksef.export("Subject1", datetime.fromisoformat(given["KSEF_SINCE"])) as package:
                assert list(package.invoices())
        return 0

    run_inside(monkeypatch, one_package)
    report = check([], ["EXPORT"], jobs=12)
    assert list(not_survived(report)) == ["CLIENT-EXPORT-005"]
    assert {each.verdict for each in report.results if each.id == "CLIENT-EXPORT-005"} == {Verdict.FAILED}


def test_a_client_that_does_not_send_is_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_sending(
        arguments: Sequence[str], given: Mapping[str, str], say: Callable[[str], object], deadline: float
    ) -> int:
        return library(arguments, {**given, "KSEF_TASK": "login"}, say, deadline)

    run_inside(monkeypatch, without_sending)
    report = check([], ["SEND", "BATCH", "EXPORT"], jobs=12)
    assert {each.verdict for each in report.results} == {Verdict.NOT_EXERCISED}


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
