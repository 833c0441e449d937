"""Batch sessions, exports and collective identifiers."""

from __future__ import annotations

import pytest

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.batch.sender import Sender, invoices, zipped
from tests.dashboard.support import Dashboard
from tests.invoices.exporting import finished, ordered
from tests.support import NIP, OTHER_NIP, Api, b64


@pytest.fixture
def sender(ksef_mock: MockServer, api: Api) -> Sender:
    return Sender.of(ksef_mock, api)


def test_a_batch_session_has_its_page(dashboard: Dashboard, sender: Sender) -> None:
    batch, _ = sender.sent(zipped(invoices(2) | {"wrong.xml": b"<no>"}), 2)
    (row,) = dashboard.get("/_mock/ui/sending?kind=Batch").all("//tbody/tr")
    assert batch.reference in row
    assert row.endswith("3, 1 refused")
    page = dashboard.get(f"/_mock/ui/sending/{batch.reference}")
    assert page.all("//h1")[0].startswith("Batch session")
    assert page.all("//h2[@id='status']") == ["✓ 200 3 invoices: 2 accepted, 1 refused"]
    facts = dict(zip(page.all("//dt"), page.all("//dd"), strict=True))
    assert facts["Package"].startswith("Zip, ")
    assert facts["Parts"] == "2"
    (refused,) = dashboard.get(f"/_mock/ui/sending/{batch.reference}?failed=1").root.xpath("//tbody/tr")
    one = dashboard.get(refused.xpath("th/a/@href")[0])
    assert "Refused: well-formedness" in one.all("//h2[@id='verdict']")[0]
    assert "wrong.xml" in one.all("//dd")


def test_parts_are_counted_as_they_come(dashboard: Dashboard, sender: Sender) -> None:
    batch = sender.open(zipped(invoices(2)), 2)
    sender.upload(batch, [1])
    assert "1 of 2 uploaded" in dashboard.get(f"/_mock/ui/sending/{batch.reference}").all("//dd")


def test_a_package_that_is_none_says_why(dashboard: Dashboard, sender: Sender) -> None:
    batch, status = sender.sent(b"no package at all")
    assert status["status"]["code"] >= 400
    (verdict,) = dashboard.get(f"/_mock/ui/sending/{batch.reference}").all(
        "//section[@aria-labelledby='status']"
    )
    assert "Why" in verdict
    assert verdict.index("Why") < verdict.index("KSeF says")


def test_exports_are_listed(ksef_mock: MockServer, dashboard: Dashboard, sender: Sender) -> None:
    assert "No export was ordered" in dashboard.get("/_mock/ui/exports").text
    erp = sender.erp
    erp.sent(erp.open(), invoice(NIP))
    export = ordered(erp)
    (row,) = dashboard.get("/_mock/ui/exports").all("//tbody/tr")
    assert "its package is made when the client asks" in row
    assert finished(erp, export)["status"]["code"] == 200
    ordered(erp, encryption={"encryptedSymmetricKey": b64(bytes(256)), "publicKeyId": None})
    refused, done = dashboard.get("/_mock/ui/exports").all("//tbody/tr")
    for shown in (
        export.reference,
        "Subject1, PermanentStorage",
        "1 invoice",
        "1 part",
        "zakończony sukcesem",
    ):
        assert shown in done
    assert "could not be decrypted" in refused
    ksef_mock.clock.advance(8 * 86_400)
    assert "all have expired" in dashboard.get("/_mock/ui/exports").text


def test_collective_identifiers_are_listed_and_opened(dashboard: Dashboard, sender: Sender) -> None:
    assert "None was made" in dashboard.get("/_mock/ui/collective").text
    erp = sender.erp
    session = erp.open()
    numbers = [erp.sent(session, invoice(NIP, number=f"FA/{each}"))["ksefNumber"] for each in range(2)]
    named = [{"ksefNumber": each, "description": "w ratach"} for each in numbers]
    named[0]["payment"] = {"amount": 12.3, "currency": "EUR"}
    made = erp.call("POST", "/collective-identifiers", json={"invoices": named}).json()
    number = made["collectiveIdentifierNumber"]
    for query in ("", f"?q={NIP}"):
        (row,) = dashboard.get(f"/_mock/ui/collective{query}").all("//tbody/tr")
        assert number in row
    assert "for this context" in dashboard.get(f"/_mock/ui/collective?q={OTHER_NIP}").text
    assert "is neither" in dashboard.get("/_mock/ui/collective?q=%3Cb%3E").text
    moved = dashboard.http.get("/_mock/ui/collective", params={"q": number})
    page = dashboard.get(moved.headers["location"])
    rows = page.all("//tbody/tr")
    assert [any(each in row for row in rows) for each in numbers] == [True, True]
    assert any("12.30 EUR" in row and "w ratach" in row for row in rows)
    assert "No such collective identifier" in dashboard.get("/_mock/ui/collective/x", status=404).text
