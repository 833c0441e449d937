"""A seller sends an invoice in an interactive session and reads everything back, as the official tests do."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from lxml import etree

from ksef_mock.clock import to_datetime
from tests.invoices.exporting import day
from tests.scenarios.sending import BUYER, SELLER, logged_in
from tests.sending.templates import filled, form_of, needs_official, with_value
from tests.support import error
from tests.world import World

pytestmark = needs_official

UPO = {"u": "http://upo.schematy.mf.gov.pl/KSeF/v4-3", "ds": "http://www.w3.org/2000/09/xmldsig#"}
BOTH = pytest.mark.parametrize("template", ["fa-2", "fa-3"])


def hashed(answer: httpx.Response) -> bytes:
    """A document whose hash in the header is that of its text, read and written again as UTF-8."""
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8")
    assert not text.startswith("\ufeff")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert answer.headers["x-ms-meta-hash"] == digest
    return answer.content


def of_document(upo: bytes, name: str) -> str | None:
    return etree.fromstring(upo).findtext(f"u:Dokument/u:{name}", None, UPO)


@BOTH
def test_an_invoice_goes_the_whole_way(world: World, template: str) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open(form=form_of(template))
    document = filled(template, SELLER, invoice_number="FV/2026/1")
    sent = erp.send(session, document).json()["referenceNumber"]

    # One look is enough: whoever stops at the first status sees one success, no failure, no UPO.
    during = erp.status(session)
    assert (during["status"]["code"], during["invoiceCount"], during["successfulInvoiceCount"]) == (100, 1, 1)
    assert "failedInvoiceCount" not in during
    assert "upo" not in during

    # The invoice has its number, and its UPO, before the session is closed.
    (invoice,) = erp.call("GET", f"/sessions/{session.reference}/invoices").json()["invoices"]
    assert (invoice["referenceNumber"], invoice["status"]["code"]) == (sent, 200)
    assert invoice["ordinalNumber"] == 1
    assert "FV/2026/1" in invoice["invoiceNumber"]
    assert "invoiceFileName" not in invoice
    assert invoice["invoicingMode"] == "Offline"  # P_1 is of an earlier day
    assert invoice["invoiceHash"] == base64.b64encode(hashlib.sha256(document).digest()).decode()
    number = invoice["ksefNumber"]
    by_number = f"/sessions/{session.reference}/invoices/ksef/{number}/upo"
    upo = hashed(erp.call("GET", by_number))

    # Closed, it has a collective UPO as well.
    ended = erp.closed(session)
    assert (ended["status"]["code"], ended["successfulInvoiceCount"]) == (200, 1)
    assert "failedInvoiceCount" not in ended
    (page,) = ended["upo"]["pages"]
    collective = hashed(erp.call("GET", f"/sessions/{session.reference}/upo/{page['referenceNumber']}"))
    assert etree.fromstring(collective).findtext("u:NumerReferencyjnySesji", None, UPO) == session.reference
    assert hashed(httpx.get(page["downloadUrl"])) == collective

    # Three ways and a link lead to one signed UPO.
    by_reference = f"/sessions/{session.reference}/invoices/{sent}/upo"
    assert hashed(erp.call("GET", by_reference)) == upo
    assert hashed(erp.call("GET", by_number, headers={"X-KSeF-Feature": "upo-v4-3"})) == upo
    assert hashed(httpx.get(invoice["upoDownloadUrl"])) == upo
    assert (of_document(upo, "NumerKSeFDokumentu"), of_document(upo, "TrybWysylki")) == (number, "Offline")
    assert of_document(collective, "NumerKSeFDokumentu") == number
    read = etree.fromstring(upo)
    assert read.find("ds:Signature", UPO) is not None
    for name in ("NazwaPodmiotuPrzyjmujacego", "NumerReferencyjnySesji", "NazwaStrukturyLogicznej"):
        assert read.findtext(f"u:{name}", None, UPO)
    assert read.findtext("u:KodFormularza", None, UPO) == form_of(template)["systemCode"]
    # The login was a signed document: its hash is the proof.
    assert read.findtext("u:Uwierzytelnienie/u:SkrotDokumentuUwierzytelniajacego", None, UPO)

    # And the file comes back as it was sent.
    assert hashed(erp.call("GET", f"/invoices/ksef/{number}")) == document


@BOTH
def test_another_sellers_invoice_is_refused(world: World, template: str) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open(form=form_of(template))
    assert erp.sent(session, filled(template, BUYER))["status"]["code"] == 410
    assert erp.closed(session)["status"]["code"] == 445


@BOTH
def test_a_number_that_is_no_nip_ends_in_445(world: World, template: str) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open(form=form_of(template))
    assert erp.sent(session, filled(template, "123"))["status"]["code"] == 450
    assert erp.status(session)["failedInvoiceCount"] == 1
    ended = erp.closed(session)
    assert (ended["status"]["code"], ended["failedInvoiceCount"]) == (445, 1)
    assert "successfulInvoiceCount" not in ended


def test_a_document_made_before_the_form_is_refused(world: World) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open()
    early = with_value(filled("fa-3", SELLER), "DataWytworzeniaFa", "2025-08-31T00:00:00Z")
    assert erp.sent(session, early)["status"]["code"] == 450
    right = with_value(filled("fa-3", SELLER), "DataWytworzeniaFa", "2025-09-01T00:00:00Z")
    assert erp.sent(session, right)["status"]["code"] == 200


@BOTH
@pytest.mark.parametrize("hour", [1, 22])
def test_tomorrow_begins_in_warsaw(world: World, template: str, hour: int) -> None:
    """In summer, 22:30 UTC is tomorrow in Warsaw, 1:30 UTC is still today."""
    world.mock.clock.set(f"2026-07-10T{hour:02}:30:00Z")
    today = to_datetime(world.mock.clock.now()).astimezone(ZoneInfo("Europe/Warsaw")).date()
    assert today.day == (10 if hour == 1 else 11)
    erp = logged_in(world, SELLER)
    session = erp.open(form=form_of(template))
    right = with_value(filled(template, SELLER), "P_1", today.isoformat())
    assert erp.sent(session, right)["invoicingMode"] == "Online"
    early = with_value(filled(template, SELLER), "P_1", (today + timedelta(1)).isoformat())
    assert erp.sent(session, early)["status"]["code"] == 450


def test_attachments_are_for_batches(world: World) -> None:
    erp = logged_in(world, SELLER)
    world.test_data("attachment", nip=SELLER)
    session = erp.open()
    refused = erp.sent(session, filled("fa-3-with-attachment", SELLER))
    assert refused["status"] == {
        "code": 415,
        "description": "Brak możliwości wysyłania faktury z załącznikiem",
    }
    erp.closed(session)


def test_what_was_accepted_is_a_duplicate_in_every_session(world: World) -> None:
    erp = logged_in(world, SELLER)
    first, second = erp.open(), erp.open()
    document = filled("fa-3", SELLER)
    accepted = erp.sent(first, document)
    status = erp.sent(second, document)["status"]
    assert status["code"] == 440
    assert status["extensions"] == {
        "originalSessionReferenceNumber": first.reference,
        "originalKsefNumber": accepted["ksefNumber"],
    }
    # An open session that holds only a duplicate is open, with one failure.
    during = erp.status(second)
    assert (during["status"]["code"], during["failedInvoiceCount"]) == (100, 1)
    assert "successfulInvoiceCount" not in during


@pytest.mark.parametrize("size", [9, 251, 999])
def test_pages_of_metadata_have_bounds(world: World, size: int) -> None:
    erp = logged_in(world, SELLER)
    filters = {"subjectType": "Subject1", "dateRange": {"dateType": "Issue", "from": day(1)}}
    answer = erp.call("POST", "/invoices/query/metadata", json=filters, params={"pageSize": size})
    code, _, details = error(answer)
    assert (code, details) == (21405, [f"'pageSize' must be between 10 and 250. You entered {size}."])
