"""POST /invoices/query/metadata over HTTP: who may ask, which filters there are, what a page says."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.clock import Clock, from_datetime, to_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.reading import read
from ksef_mock.ksef.invoices.bodies import InvoiceSeed
from ksef_mock.ksef.invoices.currencies import CURRENCY_CODES
from ksef_mock.ksef.invoices.invoices import Invoices, Query
from ksef_mock.ksef.invoices.metadata import DateType, SubjectType
from ksef_mock.ksef.invoices.numbers import ksef_number
from ksef_mock.state import MemoryStore
from ksef_mock.testing import MockServer
from tests import openapi
from tests.support import NIP, OTHER_NIP, Api, complaint, error

SELLER = {"seller": {"nip": NIP}}
RANGE = {"dateType": "PermanentStorage", "from": "2026-01-01T00:00:00Z", "to": "2026-03-31T00:00:00Z"}


@pytest.fixture
def mock(ksef_mock: MockServer) -> MockServer:
    ksef_mock.clock.freeze()
    ksef_mock.clock.set(datetime(2026, 3, 1, 12))
    return ksef_mock


@pytest.fixture
def bearer(mock: MockServer, api: Api) -> str:
    return api.login(mock.issue_token(NIP)).access_token


def seed(mock: MockServer, *invoices: dict[str, Any]) -> list[str]:
    """Make the mock know invoices; their KSeF numbers."""
    response = httpx.post(f"{mock.url}/_mock/invoices", json={"invoices": list(invoices)})
    assert response.status_code == 201, response.text
    numbers: list[str] = response.json()["ksefNumbers"]
    return numbers


def query(
    api: Api, bearer: str | None, page: str = "", *, range_: dict[str, Any] | None = None, **filters: Any
) -> httpx.Response:
    body = {"subjectType": "Subject1", "dateRange": RANGE | (range_ or {}), **filters}
    return api.call("POST", f"/invoices/query/metadata?{page}", bearer=bearer, json=body)


def found(api: Api, bearer: str, page: str = "", **filters: Any) -> list[str]:
    response = query(api, bearer, page, **filters)
    assert response.status_code == 200, response.text
    return [invoice["ksefNumber"] for invoice in response.json()["invoices"]]


# -- who may ask ------------------------------------------------------------------------------------------


def test_invoice_read_is_required_and_the_refusal_says_so(mock: MockServer, api: Api) -> None:
    seed(mock, SELLER)
    reader = api.login(mock.issue_token(NIP, ["InvoiceRead"])).access_token
    assert len(found(api, reader)) == 1
    writer = api.login(mock.issue_token(NIP, ["InvoiceWrite", "CredentialsRead"])).access_token
    response = query(api, writer)
    assert response.status_code == 403
    body = response.json()
    assert body["reasonCode"] == "missing-permissions"
    assert body["security"] == {
        "requiredAnyOfPermissions": ["InvoiceRead"],
        "presentPermissions": ["InvoiceWrite", "CredentialsRead"],
    }


def test_without_an_access_token_there_is_401(api: Api) -> None:
    assert query(api, None).status_code == 401


PARTIES: list[tuple[str, dict[str, Any]]] = [
    ("Subject1", {"seller": {"nip": NIP}}),
    ("Subject2", {"seller": {"nip": OTHER_NIP}, "buyer": {"identifier": {"type": "Nip", "value": NIP}}}),
    (
        "Subject3",
        {
            "seller": {"nip": OTHER_NIP},
            "thirdSubjects": [{"identifier": {"type": "Nip", "value": NIP}, "role": 4}],
        },
    ),
    ("SubjectAuthorized", {"seller": {"nip": OTHER_NIP}, "authorizedSubject": {"nip": NIP, "role": 2}}),
]


@pytest.mark.parametrize(("subject_type", "invoice"), PARTIES)
def test_context_finds_invoices_by_the_part_that_it_plays(
    mock: MockServer, api: Api, bearer: str, subject_type: str, invoice: dict[str, Any]
) -> None:
    (number,) = seed(mock, invoice)
    for asked, _ in PARTIES:
        assert found(api, bearer, subjectType=asked) == ([number] if asked == subject_type else [])


def test_invoices_of_others_are_not_found(mock: MockServer, api: Api, bearer: str) -> None:
    seed(mock, {"seller": {"nip": OTHER_NIP}, "buyer": {"identifier": {"type": "VatUe", "value": NIP}}})
    assert [found(api, bearer, subjectType=asked) for asked, _ in PARTIES] == [[], [], [], []]


# -- what an invoice looks like ---------------------------------------------------------------------------


def test_seller_alone_makes_a_complete_invoice(mock: MockServer, api: Api, bearer: str) -> None:
    (number,) = seed(mock, SELLER)
    assert number.startswith(f"{NIP}-20260301-")
    (invoice,) = query(api, bearer).json()["invoices"]
    moment = "2026-03-01T12:00:00+00:00"
    assert len(invoice.pop("invoiceHash")) == 44
    assert invoice.pop("invoiceNumber").startswith("FA/")
    assert invoice == {
        "ksefNumber": number,
        "issueDate": "2026-03-01",
        "invoicingDate": moment,
        "acquisitionDate": moment,
        "permanentStorageDate": moment,
        "seller": {"nip": NIP},
        "buyer": {"identifier": {"type": "None"}},
        "netAmount": 100.0,
        "grossAmount": 123.0,
        "vatAmount": 23.0,
        "currency": "PLN",
        "invoicingMode": "Online",
        "invoiceType": "Vat",
        "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
        "isSelfInvoicing": False,
        "hasAttachment": False,
        "thirdSubjects": [],
    }


FULL = {
    "ksefNumber": "5265877635-20260210-010080DD2B5E-26",
    "invoiceNumber": "FA/1/2026",
    "issueDate": "2026-02-09",
    "invoicingDate": "2026-02-10T09:22:13.3881234+00:00",
    "acquisitionDate": "2026-02-10T09:22:56.3881234+00:00",
    "permanentStorageDate": "2026-02-10T09:23:01.388123+00:00",
    "seller": {"nip": NIP, "name": "Sprzedawca"},
    "buyer": {"identifier": {"type": "Nip", "value": OTHER_NIP}, "name": "Nabywca"},
    "netAmount": 35260.63,
    "grossAmount": 43370.57,
    "vatAmount": 8109.94,
    "currency": "EUR",
    "invoicingMode": "Offline",
    "invoiceType": "Kor",
    "formCode": {"systemCode": "FA (2)", "schemaVersion": "1-0E", "value": "FA"},
    "isSelfInvoicing": True,
    "hasAttachment": True,
    "invoiceHash": "mkht+3m5trnfxlTYhq3QFn74LkEO69MFNlsMAkCDSPA=",
    "hashOfCorrectedInvoice": "o+nMBU8n8TAhy6EjbcdYdHSZVbUspqmCKqOPLhy3zIQ=",
    "thirdSubjects": [
        {"identifier": {"type": "InternalId", "value": f"{NIP}-12345"}, "name": "Oddział", "role": 2}
    ],
    "authorizedSubject": {"nip": OTHER_NIP, "name": "Komornik", "role": 2},
}


def test_invoice_is_answered_as_it_was_seeded(mock: MockServer, api: Api, bearer: str) -> None:
    seed(mock, FULL)
    assert query(api, bearer).json()["invoices"] == [FULL]


@pytest.mark.parametrize(
    "number",
    [
        "5555555555-20250828-010080615740-E4",
        "5265877635-20250925-010020A0A242-0A",
        "5265877635-20250626-010080DD2B5E-26",
    ],
)
def test_checksum_of_ksef_numbers_agrees_with_the_documented_examples(number: str) -> None:
    nip, day, technical, _ = number.split("-")
    assert ksef_number(nip, day, technical) == number


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"seller": {"nip": "123"}},
        {**SELLER, "ksefNumber": "5265877635-20261310-010080DD2B5E-26"},
        {**SELLER, "currency": "PLZ"},
        {**SELLER, "issueDate": "tomorrow"},
        {**SELLER, "issueDate": "0001-01-01T00:00:00Z"},
        {**SELLER, "invoiceType": "Pro forma"},
        {**SELLER, "invoiceHash": "short"},
        {**SELLER, "thirdSubjects": [{"identifier": {"type": "None"}, "role": 12}]},
        {**SELLER, "sellerName": "unknown member"},
    ],
)
def test_malformed_seed_is_21405(mock: MockServer, wrong: dict[str, Any]) -> None:
    assert error(httpx.post(f"{mock.url}/_mock/invoices", json={"invoices": [wrong]}))[0] == 21405


def test_ksef_number_is_taken_once(mock: MockServer) -> None:
    seed(mock, FULL)
    assert error(httpx.post(f"{mock.url}/_mock/invoices", json={"invoices": [FULL]}))[2] == [
        f"there is an invoice {FULL['ksefNumber']} already"
    ]


# -- filters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"ksefNumber": "5265877635-20260210-010080DD2B5E-26"}, True),
        ({"ksefNumber": "5265877635-20260210-010080DD2B5E-27"}, False),
        ({"ksefNumber": "5265877635-20260210-010080-DD2B5E-26"}, False),
        ({"invoiceNumber": "FA/1/2026"}, True),
        ({"invoiceNumber": "FA/1"}, False),
        ({"amount": {"type": "Brutto", "from": 43370.57, "to": 43370.57}}, True),
        ({"amount": {"type": "Brutto", "from": 43370.58}}, False),
        ({"amount": {"type": "Netto", "to": 35260.63}}, True),
        ({"amount": {"type": "Netto", "to": 35260.62}}, False),
        ({"amount": {"type": "Vat", "from": 8000, "to": 9000}}, True),
        ({"amount": {"type": "Vat", "from": 1, "to": 2}}, False),
        ({"amount": {"type": "Vat"}}, True),
        ({"sellerNip": NIP}, True),
        ({"sellerNip": OTHER_NIP}, False),
        ({"buyerIdentifier": {"type": "Nip", "value": OTHER_NIP}}, True),
        ({"buyerIdentifier": {"type": "Nip", "value": NIP}}, False),
        ({"buyerIdentifier": {"type": "VatUe", "value": OTHER_NIP}}, False),
        ({"buyerIdentifier": {"type": "None"}}, False),
        ({"currencyCodes": ["PLN", "EUR"]}, True),
        ({"currencyCodes": ["PLN"]}, False),
        ({"currencyCodes": []}, True),
        ({"invoicingMode": "Offline"}, True),
        ({"invoicingMode": "Online"}, False),
        ({"isSelfInvoicing": True}, True),
        ({"isSelfInvoicing": False}, False),
        ({"formType": "FA"}, True),
        ({"formType": "PEF"}, False),
        ({"invoiceTypes": ["Vat", "Kor"]}, True),
        ({"invoiceTypes": ["Vat"]}, False),
        ({"hasAttachment": True}, True),
        ({"hasAttachment": False}, False),
        ({"invoiceNumber": None, "amount": None, "buyerIdentifier": None, "currencyCodes": None}, True),
        ({"range_": {"dateType": "Issue", "from": "2026-02-09T15:00:00", "to": "2026-02-09T16:00:00"}}, True),
        ({"range_": {"dateType": "Issue", "from": "2026-02-10", "to": "2026-02-11"}}, False),
        ({"range_": {"dateType": "Issue", "from": "2026-02-01", "to": "2026-02-08T23:59:59"}}, False),
        ({"range_": {"dateType": "Invoicing", "from": "2026-02-10T09:22:13.3881234Z"}}, True),
        ({"range_": {"dateType": "Invoicing", "from": "2026-02-10T09:22:13.3881235Z"}}, False),
        ({"range_": {"dateType": "Invoicing", "to": "2026-02-10T09:22:13.3881234Z"}}, True),
        ({"range_": {"dateType": "Invoicing", "to": "2026-02-10T09:22:13.3881233Z"}}, False),
        ({"range_": {"from": "2026-02-10T09:23:01.388123+00:00"}}, True),
        ({"range_": {"from": "2026-02-10T09:23:02"}}, True),  # local time: an hour earlier by UTC
        ({"range_": {"from": "2026-02-10T09:23:02Z"}}, False),
        ({"range_": {"to": None}}, True),
    ],
)
def test_each_filter_decides(
    mock: MockServer, api: Api, bearer: str, filters: dict[str, Any], matches: bool
) -> None:
    seed(mock, FULL)
    assert found(api, bearer, **filters) == ([FULL["ksefNumber"]] if matches else [])


def test_filters_are_all_required(mock: MockServer, api: Api, bearer: str) -> None:
    seed(mock, FULL)
    assert found(api, bearer, invoicingMode="Offline", hasAttachment=True) == [FULL["ksefNumber"]]
    assert found(api, bearer, invoicingMode="Offline", hasAttachment=False) == []


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"subjectType": "Subject4"}, "$.subjectType"),
        ({"subjectType": None}, "subjectType"),
        ({"dateRange": None}, "dateRange"),
        ({"dateRange": {"dateType": "Issue"}}, "dateRange.from"),
        ({"dateRange": {"from": "2026-01-01"}}, "dateRange.dateType"),
        ({"range_": {"dateType": "Sale"}}, "$.dateRange.dateType"),
        ({"range_": {"from": "yesterday"}}, "$.dateRange.from"),
        ({"range_": {"to": "2026-02-30"}}, "$.dateRange.to"),
        ({"range_": {"from": 20260101}}, "$.dateRange.from"),
        ({"range_": {"from": "2026-03-31T00:00:00.0000001Z"}}, "dateRange.from"),
        ({"range_": {"from": "2025-12-20T23:59:59Z"}}, "dateRange"),
        ({"range_": {"from": "2025-11-01T00:00:00Z", "to": None}}, "dateRange"),
        ({"range_": {"from": "2025-12-01", "to": "9999-12-31"}}, "dateRange"),
        ({"range_": {"dateType": "Issue", "from": "0001-01-01T00:00:00Z"}}, "dateRange"),
        (
            {"range_": {"restrictToPermanentStorageHwmDate": "yes"}},
            "$.dateRange.restrictToPermanentStorageHwmDate",
        ),
        ({"ksefNumber": "5265877635-20260210-010080DD2B5E-2"}, "ksefNumber"),
        ({"ksefNumber": "5265877635-20260210-010080DD2B5E-26\n"}, "ksefNumber"),
        ({"invoiceNumber": "x" * 257}, "invoiceNumber"),
        ({"amount": {"from": 1}}, "amount.type"),
        ({"amount": {"type": "Gross"}}, "$.amount.type"),
        ({"amount": {"type": "Brutto", "from": 2, "to": 1}}, "amount.from"),
        ({"amount": {"type": "Brutto", "from": "1"}}, "$.amount.from"),
        ({"sellerNip": "0000000000"}, "sellerNip"),
        ({"buyerIdentifier": {"type": "Nip", "value": "1"}}, "buyerIdentifier.value"),
        ({"buyerIdentifier": {"type": "Other"}}, "buyerIdentifier.value"),
        ({"buyerIdentifier": {"type": "Other", "value": "x" * 51}}, "buyerIdentifier.value"),
        ({"buyerIdentifier": {"value": NIP}}, "buyerIdentifier.type"),
        ({"currencyCodes": ["PLN", "zł"]}, "$.currencyCodes[1]"),
        ({"currencyCodes": "PLN"}, "$.currencyCodes"),
        ({"invoicingMode": "on"}, "$.invoicingMode"),
        ({"isSelfInvoicing": "true"}, "$.isSelfInvoicing"),
        ({"formType": "RR"}, "$.formType"),
        ({"invoiceTypes": ["Vat", "Vot"]}, "$.invoiceTypes[1]"),
        ({"hasAttachment": 1}, "$.hasAttachment"),
    ],
)
def test_filter_that_is_unreadable_or_invalid_is_named(
    api: Api, bearer: str, filters: dict[str, Any], field: str
) -> None:
    assert complaint(query(api, bearer, **filters)).removeprefix("filters.") == field


@pytest.mark.parametrize(
    "page",
    ["sortOrder=up", "pageOffset=-1", f"pageOffset={2**31}", "pageSize=9", "pageSize=251", "pageSize="],
)
def test_malformed_page_is_refused(api: Api, bearer: str, page: str) -> None:
    name, _, value = page.partition("=")
    unreadable = value in ("up", "", str(2**31))
    assert complaint(query(api, bearer, page)) == ("$" if unreadable else name)


def test_a_range_has_at_most_100_days(api: Api, bearer: str) -> None:
    assert query(api, bearer, range_={"from": "2025-12-21T00:00:00Z"}).status_code == 200


@pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)
def test_currencies_are_the_documented_ones() -> None:
    document = json.loads(openapi.DOCUMENT.read_text())
    assert set(document["components"]["schemas"]["CurrencyCode"]["enum"]) == CURRENCY_CODES


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    name=st.sampled_from(
        ["subjectType", "dateRange", "ksefNumber", "amount", "sellerNip", "buyerIdentifier", "currencyCodes"]
    ),
    value=json_values,
)
def test_any_value_of_a_filter_gets_a_documented_answer(api: Api, bearer: str, name: str, value: Any) -> None:
    assert query(api, bearer, **{name: value}).status_code in (200, 400)


# -- order, pages, completeness ---------------------------------------------------------------------------


def at(hours: float) -> str:
    return (datetime(2026, 2, 1) + timedelta(hours=hours)).isoformat() + "Z"


def test_order_is_that_of_the_date_of_the_query(mock: MockServer, api: Api, bearer: str) -> None:
    first, second, third = seed(
        mock,
        {**SELLER, "issueDate": "2026-02-03", "invoicingDate": at(2), "permanentStorageDate": at(4)},
        {**SELLER, "issueDate": "2026-02-01", "invoicingDate": at(3), "permanentStorageDate": at(5)},
        {**SELLER, "issueDate": "2026-02-02", "invoicingDate": at(1), "permanentStorageDate": at(6)},
    )
    expected = {
        "PermanentStorage": [first, second, third],
        "Invoicing": [third, first, second],
        "Issue": [second, third, first],
    }
    for date_type, order in expected.items():
        range_ = {"dateType": date_type}
        assert found(api, bearer, range_=range_) == order
        assert found(api, bearer, "sortOrder=Asc", range_=range_) == order
        assert found(api, bearer, "sortOrder=Desc", range_=range_) == order[::-1]


@pytest.mark.parametrize("order", ["Asc", "Desc"])
def test_pages_lead_through_all_results(mock: MockServer, api: Api, bearer: str, order: str) -> None:
    numbers = seed(mock, *({**SELLER, "permanentStorageDate": at(hour)} for hour in range(25)))
    pages = [
        query(api, bearer, f"sortOrder={order}&pageSize=10&pageOffset={offset}").json() for offset in range(4)
    ]
    assert [page["hasMore"] for page in pages] == [True, True, False, False]
    assert not any(page["isTruncated"] for page in pages)
    shown = [invoice["ksefNumber"] for page in pages for invoice in page["invoices"]]
    assert shown == (numbers if order == "Asc" else numbers[::-1])


def test_high_water_mark_is_the_end_of_the_range_or_now(api: Api, bearer: str) -> None:
    past = query(api, bearer, range_={"to": "2026-02-01T00:00:00Z"}).json()
    assert past["permanentStorageHwmDate"] == "2026-02-01T00:00:00+00:00"
    future = query(api, bearer).json()
    assert future["permanentStorageHwmDate"] == "2026-03-01T12:00:00+00:00"
    for date_type in ("Issue", "Invoicing"):
        assert "permanentStorageHwmDate" not in query(api, bearer, range_={"dateType": date_type}).json()


def test_query_can_be_restricted_to_the_high_water_mark(mock: MockServer, api: Api, bearer: str) -> None:
    (number,) = seed(mock, {**SELLER, "permanentStorageDate": "2026-03-02T00:00:00Z"})
    assert found(api, bearer) == [number]
    restriction = {"restrictToPermanentStorageHwmDate": True}
    assert found(api, bearer, range_=restriction) == []
    assert found(api, bearer, range_={"restrictToPermanentStorageHwmDate": False}) == [number]
    late = {"from": "2026-03-01T12:00:00.0000001Z"}
    assert found(api, bearer, range_=late) == [number]
    assert error(query(api, bearer, range_=restriction | late)) == (
        21183,
        "Zakres filtrowania wykracza poza dostępny zakres danych.",
        [
            "Parametr dateRange.from jest późniejszy niż PermanentStorageHwmDate "
            "przy włączonym restrictToPermanentStorageHwmDate."
        ],
    )
    assert found(api, bearer, range_=restriction | late | {"dateType": "Invoicing"}) == []


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize(
    ("offset", "shown", "has_more", "is_truncated"),
    [
        (0, 10, True, False),
        (1, 10, True, False),
        (2, 5, True, True),  # 25 are reachable, 30 match
        (3, 0, True, True),
    ],
)
def test_results_beyond_the_technical_limit_need_a_narrower_range(
    ascending: bool, offset: int, shown: int, has_more: bool, is_truncated: bool
) -> None:
    async def search() -> tuple[int, bool, bool]:
        clock = Clock()
        invoices = Invoices(MemoryStore(clock), most_results=25)
        for hour in range(30):
            text = json.dumps({**SELLER, "permanentStorageDate": at(hour)}).encode()
            assert await invoices.add(read(text, InvoiceSeed).invoice(clock.now()))
        wanted = Query(
            subject_type=SubjectType.SELLER,
            date_type=DateType.PERMANENT_STORAGE,
            start=0,
            end=from_datetime(datetime(2027, 1, 1)),
        )
        context = Identifier("Nip", NIP)
        page = await invoices.find(context, wanted, ascending=ascending, offset=offset, size=10)
        hours = [to_datetime(invoice.stored_at) for invoice in page.invoices]
        assert hours == sorted(hours, reverse=not ascending)
        return len(page.invoices), page.has_more, page.is_truncated

    assert asyncio.run(search()) == (shown, has_more, is_truncated)


def test_exactly_as_many_results_as_the_limit_are_not_truncated() -> None:
    async def search() -> tuple[bool, bool]:
        clock = Clock()
        invoices = Invoices(MemoryStore(clock), most_results=2)
        for hour in range(2):
            text = json.dumps({**SELLER, "permanentStorageDate": at(hour)}).encode()
            await invoices.add(read(text, InvoiceSeed).invoice(clock.now()))
        wanted = Query(
            subject_type=SubjectType.SELLER,
            date_type=DateType.PERMANENT_STORAGE,
            start=0,
            end=from_datetime(datetime(2027, 1, 1)),
        )
        page = await invoices.find(Identifier("Nip", NIP), wanted, ascending=True, offset=0, size=10)
        return page.has_more, page.is_truncated

    assert asyncio.run(search()) == (False, False)
