"""The unmodified PyPI `ksef-client` sends an invoice and reads it back; the tests of `ksef2` do so too."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from ksef_mock.ksef.invoices.samples import invoice, rr_invoice
from ksef_mock.testing import MockServer
from tests.third_party.programs import client, python_client
from tests.third_party.test_clients import last_line

NIP = "5265877635"
SCRIPT = Path(__file__).parent / "python" / "send_with_ksef_client.py"


def test_pypi_ksef_client_sends_an_invoice_and_reads_it_back(ksef_mock: MockServer, tmp_path: Path) -> None:
    documents = {"good.xml": invoice(NIP), "of-another.xml": invoice("1111111111", NIP)}
    for name, octets in documents.items():
        (tmp_path / name).write_bytes(octets)
    arguments: tuple[str | Path, ...] = (SCRIPT, ksef_mock.url, NIP, ksef_mock.issue_token(NIP), *documents)
    seen = last_line(client(python_client("ksef-client"), *arguments, folder=tmp_path))
    assert seen["codes"] == [200, 410], "the other one is not ours to send"
    assert seen["session"] == 200
    assert seen["counts"] == [2, 1, 1]
    assert seen["listed"] is True
    assert seen["failed"] is True
    assert seen["late"] == 400, "the session was closed"
    assert seen["same"] is True
    assert seen["hash"] == base64.b64encode(hashlib.sha256(documents["good.xml"]).digest()).decode()
    assert seen["metadata"] == [seen["number"]]
    assert all(seen["number"] in upo and seen["hash"] in upo for upo in seen["upos"])


def test_pypi_ksef_client_issues_in_the_name_of_others(ksef_mock: MockServer, tmp_path: Path) -> None:
    seller = "7762811692"
    (tmp_path / "rr.xml").write_bytes(rr_invoice(seller, NIP))
    (tmp_path / "self.xml").write_bytes(invoice(seller, NIP, self_invoicing=True))
    script = SCRIPT.with_name("others_with_ksef_client.py")
    tokens = (NIP, ksef_mock.issue_token(NIP), seller, ksef_mock.issue_token(seller))
    arguments: tuple[str | Path, ...] = (script, ksef_mock.url, *tokens, "rr.xml", "self.xml")
    seen = last_line(client(python_client("ksef-client"), *arguments, folder=tmp_path))
    assert seen == {
        "codes": [[410, 200], [410, 200]],
        "told": [[True, "VatRr", False], [True, "Vat", True]],
    }
