"""An invoice is found at once by everybody whom it names, with everything that it says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ksef_mock.clock import to_datetime
from tests.scenarios.sending import BUYER, SELLER, THIRD, logged_in
from tests.sending.erp import Erp
from tests.sending.templates import filled, form_of, needs_official
from tests.support import error
from tests.world import World

pytestmark = needs_official


def query(erp: Erp, subject: str, kind: str, start: str, end: str | None = None) -> list[dict[str, Any]]:
    dates = {"dateType": kind, "from": start} | ({"to": end} if end else {})
    filters = {"subjectType": subject, "dateRange": dates}
    answer = erp.call("POST", "/invoices/query/metadata", json=filters, params={"pageSize": 30})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["invoices"]
    return found


def around(world: World, **span: float) -> tuple[str, str]:
    now = to_datetime(world.mock.clock.now())
    return (now - timedelta(**span)).isoformat(), (now + timedelta(**span)).isoformat()


def test_the_metadata_are_what_the_document_says(world: World) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open()
    sent = erp.sent(session, filled("fa-3", SELLER, invoice_number="FV/1"))
    erp.closed(session)
    (found,) = query(erp, "Subject1", "PermanentStorage", *around(world, minutes=2))
    assert found["ksefNumber"] == sent["ksefNumber"]
    assert found["buyer"] == {
        "name": "F.H.U. Jan Kowalski",
        "identifier": {"type": "Nip", "value": "1111111111"},
    }
    assert found["seller"] == {"nip": SELLER, "name": "Elektrownia S.A."}
    assert (found["netAmount"], found["vatAmount"], found["grossAmount"]) == (43.6, 10.03, 53.63)
    assert (found["currency"], found["invoicingMode"], found["invoiceType"]) == ("PLN", "Offline", "Vat")
    assert found["invoiceNumber"] == sent["invoiceNumber"]
    assert found["issueDate"] == "2025-09-01"
    assert found["formCode"] == form_of("fa-3")
    assert (found["isSelfInvoicing"], found["hasAttachment"]) == (False, False)
    for name in ("invoicingDate", "acquisitionDate", "permanentStorageDate", "invoiceHash"):
        assert found[name] == sent[name]


@pytest.mark.parametrize("kind", ["Invoicing", "PermanentStorage"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Warsaw", "America/New_York"])
def test_offsets_of_a_range_are_honoured(world: World, kind: str, zone: str) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open()
    numbers = {erp.sent(session, filled("fa-3", SELLER))["ksefNumber"] for _ in range(5)}
    erp.closed(session)
    now = to_datetime(world.mock.clock.now())
    span = now - timedelta(minutes=5), now + timedelta(minutes=5)
    start, end = (each.astimezone(ZoneInfo(zone)) for each in span)
    found = query(erp, "Subject1", kind, start.isoformat(), end.isoformat())
    assert {each["ksefNumber"] for each in found} == numbers
    member = "invoicingDate" if kind == "Invoicing" else "permanentStorageDate"
    assert all(start <= datetime.fromisoformat(each[member]) <= end for each in found)
    # The same digits an hour to the east mean an hour before.
    start, end = (
        each.replace(tzinfo=timezone((each.utcoffset() or timedelta()) + timedelta(hours=1)))
        for each in (start, end)
    )
    assert query(erp, "Subject1", kind, start.isoformat(), end.isoformat()) == []


@pytest.mark.parametrize(
    ("days", "allowed"), [(92, True), (100, True), (100 + 1 / 86_400, False), (101, False)]
)
def test_a_range_has_at_most_100_days(world: World, days: float, allowed: bool) -> None:
    """The clients' tests say three months, which held until API 2.8."""
    erp = logged_in(world, SELLER)
    start = to_datetime(world.mock.clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days)).isoformat()
    if allowed:
        assert query(erp, "Subject1", "Invoicing", start.isoformat(), end) == []
    else:
        dates = {"dateType": "Invoicing", "from": start.isoformat(), "to": end}
        filters = {"subjectType": "Subject1", "dateRange": dates}
        assert error(erp.call("POST", "/invoices/query/metadata", json=filters))[0] == 21405


def test_the_buyer_finds_it_as_subject_2(world: World) -> None:
    seller, buyer = logged_in(world, SELLER), logged_in(world, BUYER)
    document = filled("fa-3-with-custom-Subject2", SELLER, nipOdbiorca=BUYER)
    sent = seller.sent(seller.open(), document)
    (found,) = query(buyer, "Subject2", "Invoicing", *around(world, days=1))
    assert found["ksefNumber"] == sent["ksefNumber"]
    assert query(buyer, "Subject1", "Invoicing", *around(world, days=1)) == []
    assert buyer.call("GET", f"/invoices/ksef/{sent['ksefNumber']}").content == document


def test_a_third_party_finds_it_as_subject_3(world: World) -> None:
    seller, third = logged_in(world, SELLER), logged_in(world, THIRD)
    document = filled("fa-3-with-custom-Subject3", SELLER, nipOdbiorca=THIRD)
    sent = seller.sent(seller.open(), document)
    (found,) = query(third, "Subject3", "PermanentStorage", *around(world, days=2))
    assert found["ksefNumber"] == sent["ksefNumber"]
    assert found["thirdSubjects"] == [
        {
            "identifier": {"type": "Nip", "value": THIRD},
            "name": "Szkoła Podstawowa w Bzdziszewie",
            "role": 8,
        }
    ]
    assert third.call("GET", f"/invoices/ksef/{sent['ksefNumber']}").content == document


def test_a_unit_finds_it_by_its_internal_identifier(world: World) -> None:
    """The unit's context is InternalId; its administrator lets himself read there."""
    from ksef_mock.crypto.pki import person

    seller, owner = logged_in(world, SELLER), logged_in(world, THIRD)
    unit = ("InternalId", f"{THIRD}-12341")
    adam = world.certificate(person("Adam", "Abacki", pesel="90010112349"))
    assert world.grant_subunit(owner.access, ("Pesel", "90010112349"), unit) == 200
    administrator = world.log_in(adam, unit)
    assert world.grant_person(administrator, ("Pesel", "92060512186"), "InvoiceRead") == 200
    ewa = world.certificate(person("Ewa", "Bis", pesel="92060512186"))
    reader = Erp(world.api, world.log_in(ewa, unit), THIRD)
    document = filled("fa-3-with-custom-Subject3", SELLER, nipOdbiorca=THIRD).replace(
        f"<NIP>{THIRD}</NIP>".encode(), f"<IDWew>{unit[1]}</IDWew>".encode()
    )
    sent = seller.sent(seller.open(), document)
    assert sent["status"]["code"] == 200, sent
    (found,) = query(reader, "Subject3", "Invoicing", *around(world, days=1))
    assert found["thirdSubjects"][0]["identifier"] == {"type": "InternalId", "value": unit[1]}
    assert found["ksefNumber"] == sent["ksefNumber"]
