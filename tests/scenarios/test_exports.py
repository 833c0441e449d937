"""A firm keeps its copy of KSeF up to date: what the official clients' tests of exports do, told over HTTP.

C# IncrementalInvoiceRetrievalE2ETests, Java IncrementalInvoiceRetrieveIntegrationTest and the exports of
QueryInvoiceIntegrationTest: overlapping windows, as every party, by a mark or in spite of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ksef_mock.clock import to_datetime
from ksef_mock.ksef.invoices.samples import invoice
from tests.invoices.exporting import METADATA, fetched, filters, finished, ordered, unpacked
from tests.scenarios.sending import BUYER, SELLER, logged_in
from tests.sending.erp import Erp
from tests.sending.test_online import good
from tests.world import World

INVOICES = 10
#: All but SubjectAuthorized, as both clients.
PARTS = ("Subject1", "Subject2", "Subject3")


def sent(erp: Erp, world: World) -> tuple[set[str], list[tuple[str, str]]]:
    """Numbers of accepted invoices, and two windows around them that overlap by almost everything."""
    before = to_datetime(world.mock.clock.now())
    session = erp.open()
    numbers = {erp.sent(session, good(seller=SELLER))["ksefNumber"] for _ in range(INVOICES)}
    assert erp.closed(session)["successfulInvoiceCount"] == INVOICES
    after = to_datetime(world.mock.clock.now())
    windows = [
        (before - timedelta(minutes=10), after + timedelta(minutes=5)),
        (before, after + timedelta(minutes=10)),
    ]
    return numbers, [(start.isoformat(), end.isoformat()) for start, end in windows]


def exported(erp: Erp, part: str, start: str, end: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The package of a restricted export, and its metadata."""
    range_ = {"to": end, "restrictToPermanentStorageHwmDate": True}
    export = ordered(erp, filters(start=start, range_=range_, subjectType=part))
    package: dict[str, Any] = finished(erp, export)["package"]
    if not package["parts"]:
        return package, []
    found: list[dict[str, Any]] = json.loads(unpacked(fetched(export, package))[METADATA])["invoices"]
    return package, found


def test_windows_that_follow_the_mark_find_every_invoice_once(world: World) -> None:
    erp = logged_in(world, SELLER)
    expected, windows = sent(erp, world)
    found: list[dict[str, Any]] = []
    points: dict[str, str] = {}
    shifts = 0
    for start, end in windows:
        for part in PARTS:
            package, invoices = exported(erp, part, points.get(part, start), end)
            found += invoices
            before = points.get(part)
            if package["isTruncated"]:
                points[part] = package["lastPermanentStorageDate"]
            else:
                points[part] = package["permanentStorageHwmDate"]
            shifts += points[part] != before
    assert {each["ksefNumber"] for each in found} == expected
    assert len(found) == len(expected)
    assert shifts > 0
    for each in found:
        assert all(each[name] for name in ("formCode", "currency", "buyer", "seller", "invoiceType"))
        assert "hashOfCorrectedInvoice" not in each
        assert "authorizedSubject" not in each


def test_windows_in_spite_of_the_mark_repeat_invoices(world: World) -> None:
    erp = logged_in(world, SELLER)
    expected, windows = sent(erp, world)
    found = [
        each["ksefNumber"]
        for start, end in windows
        for part in PARTS
        for each in exported(erp, part, start, end)[1]
    ]
    assert set(found) == expected
    assert len(found) > len(expected)


def test_by_the_date_of_invoicing_with_an_end_in_the_future(world: World) -> None:
    erp = logged_in(world, SELLER)
    number = erp.sent(erp.open(), invoice(SELLER, BUYER))["ksefNumber"]
    now = datetime.now(UTC)
    start, end = ((now + timedelta(days=days)).isoformat() for days in (-10, 10))
    wanted = filters("Invoicing", start, range_={"to": end})
    for only_metadata, files in ((False, {f"{number}.xml", METADATA}), (True, {METADATA})):
        export = ordered(erp, wanted, onlyMetadata=only_metadata)
        package = finished(erp, export)["package"]
        assert "permanentStorageHwmDate" not in package
        unzipped = unpacked(fetched(export, package))
        assert set(unzipped) == files
        assert [each["ksefNumber"] for each in json.loads(unzipped[METADATA])["invoices"]] == [number]
    for has_attachment, count in ((True, 0), (False, 1), (None, 1)):
        chosen = wanted if has_attachment is None else wanted | {"hasAttachment": has_attachment}
        assert finished(erp, ordered(erp, chosen))["package"]["invoiceCount"] == count
