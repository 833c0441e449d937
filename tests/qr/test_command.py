"""`ksef-mock verify-qr`: with a mock, and with the certificate's file alone."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from ksef_client_min import DEMO, TEST, Credentials
from ksef_client_min.qr import certificate_link, invoice_link
from ksef_mock.cli import main
from ksef_mock.crypto.pki import Credential, Purpose, seal
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.pytest_plugin import KnownInvoice
from ksef_mock.seed.model import SeedError
from ksef_mock.testing import MockServer
from tests.support import NIP


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify-qr", *arguments])


@pytest.fixture
def offline(ksef_mock: MockServer) -> Credential:
    return ksef_mock.pki.ksef(seal("Firma", nip=NIP), Purpose.OFFLINE, key="ec")


def test_link_of_the_mock_and_link_of_the_real_host(
    ksef_mock: MockServer, ksef_invoice: KnownInvoice
) -> None:
    for environment in (ksef_mock.url, TEST):
        link = invoice_link(environment, ksef_invoice.document)
        found = verify(link, "--url", ksef_mock.url)
        assert (found.exit_code, ksef_invoice.ksef_number in found.output) == (0, True)
    body = json.loads(verify(link, "--url", ksef_mock.url, "--json").stdout)
    assert body["invoice"]["ksefNumber"] == ksef_invoice.ksef_number


def test_what_is_wrong_is_said(ksef_mock: MockServer, ksef_invoice: KnownInvoice) -> None:
    link = invoice_link(ksef_mock.url, ksef_invoice.document).replace("/02-02-2026/", "/2026-02-02/")
    wrong = verify(link)
    assert wrong.exit_code == 1
    assert "Likely" in wrong.output
    assert "yyyy-MM-dd instead of dd-MM-yyyy" in wrong.output


def test_signature_without_a_mock(offline: Credential, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_bytes(offline.certificate_pem)
    credentials = Credentials(offline.certificate, offline.key)
    links = [certificate_link(each, invoice(NIP), credentials, ("Nip", NIP)) for each in (TEST, DEMO)]
    good, bad = (verify(link, "--certificate", str(tmp_path / "cert.pem")) for link in links)
    assert (good.exit_code, bad.exit_code) == (0, 1)
    bad = verify(links[1].replace("qr-demo", "qr-test"), "--certificate", str(tmp_path / "cert.pem"))
    assert "host of another environment (demo" in bad.output
    assert verify(links[1], "--certificate", str(tmp_path / "cert.pem"), "--profile", "demo").exit_code == 0


def test_what_is_no_link_is_a_usage_error() -> None:
    for link in ("https://example.com/", "nonsense", "https://qr-test.ksef.mf.gov.pl/invoice/x"):
        assert verify(link).exit_code == 2


def test_nobody_answers() -> None:
    assert verify("http://127.0.0.1:9/qr/invoice/a/b/c").exit_code == 3


def test_documents_of_a_seed_are_known() -> None:
    document = invoice(NIP)
    with MockServer(seed={"documents": [document.decode()]}) as mock:
        assert verify(invoice_link(mock.url, document)).exit_code == 0
    with pytest.raises(SeedError, match=r"documents\[0\].*well-formedness"):
        MockServer(seed={"documents": ["no XML"]}).start()


def test_documents_are_refused_as_by_ksef(ksef_mock: MockServer) -> None:
    document = invoice(NIP)
    number = ksef_mock.add_invoice(document)
    with pytest.raises(ValueError, match=f"duplicate of {number}"):
        ksef_mock.add_invoice(document)
    with pytest.raises(ValueError, match="well-formedness"):
        ksef_mock.add_invoice(b"no XML")
    controls = f"{ksef_mock.url}/_mock/invoices"
    second = invoice(NIP, number="FA/2").decode()
    assert len(httpx.post(controls, json={"documents": [second]}).json()["ksefNumbers"]) == 1
    assert httpx.post(controls, json={"documents": [second]}).status_code == 400
