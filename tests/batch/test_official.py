"""What the official clients' own tests of batch sessions do and assert, told again over HTTP.

Sources: C# BatchSessionE2ETests, BatchSessionStreamE2ETests, BatchTests, DuplicateInvoiceE2ETests,
InvoiceWithAttachmentE2ETests; Java BatchIntegrationTest, DuplicateInvoiceIntegrationTest.
"""

from __future__ import annotations

import base64
import io
import os
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.batch.sender import Sender, declared, zipped
from tests.batch.sender import tarred as tar_gz
from tests.invoices.test_schemas import OFFICIAL
from tests.sending.templates import filled, form_of, needs_official
from tests.support import NIP, Api, b64, error

pytestmark = needs_official

TEMPLATES = ["fa-2", "fa-3"]


@pytest.fixture(scope="module")
def mock() -> Any:
    with MockServer(settings=Settings(schemas=OFFICIAL / "schemas")) as served:
        yield served


@pytest.fixture
def sender(mock: MockServer) -> Any:
    api = Api(mock.url)
    yield Sender.of(mock, api)
    api.close()


def generated(count: int, template: str, nip: str = NIP, **values: str) -> dict[str, bytes]:
    return {f"faktura_{each}.xml": filled(template, nip, **values) for each in range(1, count + 1)}


def whole_flow(sender: Sender, package: bytes, template: str, cuts: int, **options: Any) -> None:
    batch = sender.open(package, cuts, form=form_of(template), **options)
    assert [each["ordinalNumber"] for each in batch.requests] == list(range(1, cuts + 1))
    sender.upload(batch)
    sender.closed(batch)
    status = sender.ended(batch)
    assert (status["successfulInvoiceCount"], status["failedInvoiceCount"]) == (20, 0)
    assert status["status"]["code"] == 200
    assert status["validUntil"]
    (page,) = status["upo"]["pages"]
    expires = datetime.fromisoformat(page["downloadUrlExpirationDate"])
    assert expires < datetime.now(UTC) + timedelta(days=4)
    body = sender.erp.call("GET", f"/sessions/{batch.reference}/invoices", params={"pageSize": 20}).json()
    assert "continuationToken" not in body
    assert len(body["invoices"]) == 20
    number = body["invoices"][0]["ksefNumber"]
    upo = sender.erp.call("GET", f"/sessions/{batch.reference}/invoices/ksef/{number}/upo").text
    for element in ("NazwaPodmiotuPrzyjmujacego", "NumerReferencyjnySesji", "NazwaStrukturyLogicznej"):
        assert re.search(f"<{element}>[^<]+<", upo)
    assert f"<NumerKSeFDokumentu>{number}<" in upo
    assert f"<NipSprzedawcy>{NIP}<" in upo
    assert "Signature" in upo
    collective = sender.erp.call("GET", f"/sessions/{batch.reference}/upo/{page['referenceNumber']}").text
    assert collective.count("<Dokument>") == 20


@pytest.mark.parametrize("template", TEMPLATES)
def test_batch_session_full_integration_flow_returns_upo(sender: Sender, template: str) -> None:
    whole_flow(sender, zipped(generated(20, template)), template, 11)


def test_batch_session_with_tar_gz_input_package(sender: Sender) -> None:
    whole_flow(sender, tar_gz(generated(20, "fa-3")), "fa-3", 11, compressionType="TarGz")


@pytest.mark.parametrize("template", TEMPLATES)
def test_incorrect_nip_fails_all_invoices(sender: Sender, template: str) -> None:
    files = generated(5, template, nip="7777777777")
    _, status = sender.sent(zipped(files), form=form_of(template))
    assert status["status"]["code"] == 445
    assert "Błąd weryfikacji, brak poprawnych faktur" in status["status"]["description"]
    assert (status["invoiceCount"], status["successfulInvoiceCount"], status["failedInvoiceCount"]) == (
        5,
        0,
        5,
    )


def test_exceeded_invoice_limit(sender: Sender) -> None:
    document = filled("fa-3", NIP)
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as package:
        for each in range(1, 10_002):
            package.writestr(f"faktura_{each}.xml", document)
    _, status = sender.sent(octets.getvalue())
    assert status["status"] == {
        "code": 420,
        "description": "Przekroczony limit faktur w sesji",
        "details": [
            "Przekroczono dopuszczalną liczbę faktur w paczce: '10000'. Liczba faktur w paczce: '10001'."
        ],
    }
    assert not {"invoiceCount", "successfulInvoiceCount", "failedInvoiceCount"} & set(status)


def test_exceeded_total_package_size(sender: Sender) -> None:
    batch = sender.packed(zipped(generated(5, "fa-3")), 50)
    body = sender.opening(batch, fileSize=5_000_000_001)
    refused = error(sender.erp.call("POST", "/sessions/batch", json=body))
    assert refused[0] == 21405
    assert refused[2] == ["'fileSize' must be less than or equal to '5000000000'."]


def test_exceeded_part_size(sender: Sender) -> None:
    """The opening passes; then either the close is refused, or nothing is accepted."""
    octets = io.BytesIO(zipped(generated(5, "fa-3")))
    with zipfile.ZipFile(octets, "a") as package:
        package.writestr("padding.bin", os.urandom(100_100_000), zipfile.ZIP_STORED)
    batch = sender.open(octets.getvalue())
    sender.upload(batch)
    assert error(sender.close(batch))[0] == 21157
    assert sender.status(batch)["status"]["code"] == 100


def test_close_without_all_parts(sender: Sender) -> None:
    batch = sender.open(zipped(generated(5, "fa-3")), 5)
    sender.upload(batch, [1])
    assert error(sender.close(batch)) == (
        21205,
        "Pakiet nie może być pusty.",
        ["Nie przesłano zadeklarowanej '2' części pliku."],
    )


def test_exceeded_part_count(sender: Sender) -> None:
    batch = sender.packed(zipped(generated(15, "fa-3")), 51)
    batch.parts = batch.parts[:1] * 51
    body = sender.opening(batch)
    body["batchFile"]["fileParts"] = declared([b"x" * 16] * 51)
    assert error(sender.erp.call("POST", "/sessions/batch", json=body)) == (
        21161,
        "Przekroczono dozwoloną liczbę części pakietów.",
        ["Liczba części pliku musi być mniejsza lub równa niż 50."],
    )


def test_invalid_encrypted_key(sender: Sender) -> None:
    package = zipped(generated(5, "fa-3"))
    key = b64(os.urandom(256))
    _, status = sender.sent(package, encryption={"encryptedSymmetricKey": key})
    assert status["status"]["code"] == 415
    assert status["status"]["details"] == ["Rozszyfrowania klucza symetrycznego zakończone błędem"]


def test_corrupted_encrypted_data(sender: Sender) -> None:
    batch = sender.open(zipped(generated(5, "fa-3")))
    octets = bytearray(batch.parts[0])
    octets[len(octets) // 2] ^= 0xFF
    assert sender.put(batch, 1, bytes(octets)).status_code == 201
    sender.closed(batch)
    status = sender.ended(batch)["status"]
    assert status["code"] == 405
    assert status["details"][0].startswith(
        "Skrót SHA-256 części: '1' nie zgadza się z zadeklarowanym skrótem:"
    )


def test_invalid_initialization_vector(sender: Sender) -> None:
    vector = base64.b64encode(os.urandom(16)).decode()
    _, status = sender.sent(zipped(generated(5, "fa-3")), encryption={"initializationVector": vector})
    assert status["status"]["code"] == 430
    assert status["status"]["details"][0].startswith(
        "Skrót SHA-256 przesłanej paczki faktur nie jest zgodny z zadeklarowanym skrótem:"
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_duplicate_of_a_batch_in_an_interactive_session(sender: Sender, template: str) -> None:
    files = generated(1, template)
    _, status = sender.sent(zipped(files), form=form_of(template))
    assert (status["status"]["code"], status["successfulInvoiceCount"], status["failedInvoiceCount"]) == (
        200,
        1,
        0,
    )
    online = sender.erp.open(form=form_of(template))
    sender.erp.sent(online, *files.values())
    state = sender.erp.status(online)
    assert (state["status"]["code"], state.get("successfulInvoiceCount"), state["failedInvoiceCount"]) == (
        100,
        None,
        1,
    )
    failed = sender.erp.call("GET", f"/sessions/{online.reference}/invoices/failed").json()["invoices"]
    assert failed[0]["status"]["code"] == 440


@pytest.mark.parametrize("template", TEMPLATES)
def test_duplicate_of_an_interactive_session_in_a_batch(sender: Sender, template: str) -> None:
    files = generated(1, template)
    online = sender.erp.open(form=form_of(template))
    sender.erp.sent(online, *files.values())
    state = sender.erp.status(online)
    assert (state["status"]["code"], state["successfulInvoiceCount"], state.get("failedInvoiceCount")) == (
        100,
        1,
        None,
    )
    batch, status = sender.sent(zipped(files), form=form_of(template))
    assert (status["status"]["code"], status["successfulInvoiceCount"], status["failedInvoiceCount"]) == (
        445,
        0,
        1,
    )
    (failed,) = sender.invoices(batch, failed=True)
    assert (failed["status"]["code"], bool(failed["status"]["details"])) == (440, True)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_invoices_with_attachments(sender: Sender, is_allowed: bool) -> None:
    api = sender.erp.api
    if is_allowed:
        assert api.call("POST", "/testdata/attachment", json={"nip": NIP}).status_code == 200
    else:
        api.call("POST", "/testdata/attachment/revoke", json={"nip": NIP})
    state = sender.erp.call("GET", "/permissions/attachments/status").json()
    assert state.get("isAttachmentAllowed", False) is is_allowed
    batch, _ = sender.sent(zipped(generated(5, "fa-3-with-attachment")))
    found = sender.invoices(batch)
    assert len(found) == 5
    if not is_allowed:
        for each in found:
            assert each["status"]["code"] == 410
            assert each["status"]["description"] == "Nieprawidłowy zakres uprawnień"
            assert each["status"]["details"] == [
                f"Sprzedawca {NIP} nie posiada zgody do wysyłania faktur z załącznikami"
            ]
        return
    assert {each["status"]["code"] for each in found} == {200}
    now = datetime.now(UTC)
    query = {
        "subjectType": "Subject1",
        "dateRange": {
            "dateType": "Invoicing",
            "from": (now - timedelta(minutes=5)).isoformat(),
            "to": (now + timedelta(minutes=5)).isoformat(),
        },
        "hasAttachment": True,
    }
    listed = sender.erp.call("POST", "/invoices/query/metadata", params={"pageSize": 30}, json=query).json()
    assert len(listed["invoices"]) == 5
    assert all(each["hasAttachment"] for each in listed["invoices"])
    assert {each["invoiceHash"] for each in listed["invoices"]} == {each["invoiceHash"] for each in found}
