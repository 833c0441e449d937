"""The links of QR codes: the mock's pages find them right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ksef_client_min import DEMO, TEST, Credentials, KsefClient
from ksef_client_min.certificates import load_der_certificate
from ksef_client_min.cli import main
from ksef_client_min.csr import build_csr
from ksef_client_min.operations import certificates
from ksef_client_min.qr import InvoiceFacts, certificate_link, facts_of, invoice_link
from ksef_mock.crypto.pki import Credential
from ksef_mock.ksef.invoices.samples import invoice as sample
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP

INVOICE = sample(NIP, date="2026-02-03")


def report(mock: MockServer, link: str) -> dict[str, Any]:
    """What the mock says of a link, whatever host it is for."""
    path = link.partition("/invoice/")[2] or link.partition("/certificate/")[2]
    page = "invoice" if "/invoice/" in link else "certificate"
    answer = httpx.get(f"{mock.url}/qr/{page}/{path}", headers={"accept": "application/json"})
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(params=["ec", "rsa"])
def offline(
    request: pytest.FixtureRequest, ksef_client: KsefClient, ksef_certificate: Credential
) -> Credentials:
    """An Offline certificate of the owner of NIP."""
    key: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if request.param == "ec"
        else rsa.generate_private_key(65_537, 2_048)
    )
    ksef_client.login_with_certificate(
        Credentials(ksef_certificate.certificate, ksef_certificate.key), nip=NIP
    )
    csr = build_csr(ksef_client.call(certificates.enrollment_data()), key)
    started = ksef_client.call(certificates.enroll("kody offline", "Offline", csr))
    serial = ksef_client.call(certificates.enrollment_status(started.reference_number))
    assert serial.certificate_serial_number is not None
    (found,) = ksef_client.call(certificates.retrieve([serial.certificate_serial_number])).certificates
    return Credentials(load_der_certificate(found.certificate), key)


def test_link_of_an_invoice_that_was_sent_is_found(
    ksef_mock: MockServer, ksef_client: KsefClient, ksef_token: str
) -> None:
    link = invoice_link(ksef_mock.url, INVOICE)
    assert not httpx.get(link, headers={"accept": "application/json"}).json()["ok"]
    ksef_client.login_with_token(ksef_token, nip=NIP)
    session = ksef_client.open_session()
    sent = ksef_client.await_invoice(session, ksef_client.send_invoice(session, INVOICE))
    body = httpx.get(link, headers={"accept": "application/json"}).json()
    assert (body["ok"], body["invoice"]["ksefNumber"]) == (True, sent.ksef_number)


def test_links_lead_to_their_environment() -> None:
    assert invoice_link(TEST, INVOICE).startswith(f"https://qr-test.ksef.mf.gov.pl/invoice/{NIP}/03-02-2026/")
    assert invoice_link("demo", INVOICE).startswith(f"{DEMO.qr}/invoice/")
    assert invoice_link("http://localhost:1/v2", INVOICE).startswith("http://localhost:1/qr/invoice/")


@pytest.mark.parametrize("made_for", [lambda mock: TEST, lambda mock: mock.url])  # noqa: ARG005
def test_signed_link_holds(
    ksef_mock: MockServer, offline: Credentials, made_for: Callable[[MockServer], Any]
) -> None:
    link = certificate_link(made_for(ksef_mock), INVOICE, offline, ("Nip", NIP))
    assert report(ksef_mock, link)["ok"]
    other = certificate_link(DEMO, INVOICE, offline, ("Nip", NIP))
    assert report(ksef_mock, other)["failure"] == "signature"


def test_facts_of_an_invoice() -> None:
    assert facts_of(INVOICE) == InvoiceFacts(NIP, date(2026, 2, 3))
    for document in (b"no XML", b"<Faktura/>"):
        with pytest.raises(ValueError, match=r"not XML|no invoice"):
            facts_of(document)


def test_by_command(ksef_mock: MockServer, offline: Credentials, tmp_path: Path) -> None:
    (tmp_path / "invoice.xml").write_bytes(INVOICE)
    (tmp_path / "cert.pem").write_bytes(offline.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        offline.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )

    def run(*arguments: str) -> str:
        files = {name: str(tmp_path / name) for name in ("invoice.xml", "cert.pem", "key.pem")}
        words = [files.get(word, word) for word in arguments]
        result = CliRunner(env={"KSEF_HOME": str(tmp_path / "home")}).invoke(main, words)
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    env = ("--env", ksef_mock.url)
    assert run("qr", "invoice", "invoice.xml", *env) == invoice_link(ksef_mock.url, INVOICE)
    assert f"/{OTHER_NIP}/01-01-2026/" in run(
        "qr", "invoice", "invoice.xml", "--nip", OTHER_NIP, "--date", "2026-01-01", *env
    )
    link = run("qr", "certificate", "invoice.xml", "--cert", "cert.pem", "--key", "key.pem", *env)
    assert report(ksef_mock, link)["ok"]
