"""/collective-identifiers over HTTP: one number for several invoices of one seller."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ksef_mock.ksef.collective.rules import collective_number
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.test_metadata import seed
from tests.redis_server import RedisServer
from tests.scenarios.sending import logged_in
from tests.support import NIP, OTHER_NIP, Api, error
from tests.world import World

Serve = Callable[..., tuple[MockServer, Api]]

BUYER, STRANGER = OTHER_NIP, "7762811692"
NUMBER = re.compile(rf"{NIP}-IZ202607-[0-9A-F]{{12}}-[0-9A-F]{{2}}")
#: The days before and after the moment at which the tests begin.
JULY = {"dateCreatedFrom": "2026-07-01T00:00:00Z", "dateCreatedTo": "2026-07-31T00:00:00Z"}
NOWHERE = f"{NIP}-20260612-6310EC800000-28"


@pytest.fixture
def mock(ksef_mock: MockServer) -> MockServer:
    return at_a_moment(ksef_mock)


def at_a_moment(mock: MockServer) -> MockServer:
    mock.clock.freeze()
    mock.clock.set(datetime(2026, 7, 20, 1, 13, 13))
    return mock


def login(mock: MockServer, api: Api, nip: str, *permissions: str) -> str:
    token = mock.issue_token(nip, list(permissions) or None)
    return api.login(token, nip=nip).access_token


@pytest.fixture
def seller(mock: MockServer, api: Api) -> str:
    return login(mock, api, NIP)


@pytest.fixture
def buyer(mock: MockServer, api: Api) -> str:
    return login(mock, api, BUYER)


@pytest.fixture
def stranger(mock: MockServer, api: Api) -> str:
    return login(mock, api, STRANGER)


def complaint(response: httpx.Response, code: int) -> list[str]:
    """The details of a 400 with this code."""
    found, _, details = error(response)
    assert found == code
    return details


def invoices(mock: MockServer, count: int = 2, *, seller: str = NIP, buyer: str = BUYER) -> list[str]:
    party = {"identifier": {"type": "Nip", "value": buyer}}
    return seed(mock, *[{"seller": {"nip": seller}, "buyer": party}] * count)


def generate(api: Api, bearer: str | None, entries: list[Any]) -> httpx.Response:
    """`entries`: KSeF numbers, or whole entries."""
    body = {"invoices": [{"ksefNumber": each} if isinstance(each, str) else each for each in entries]}
    return api.call("POST", "/collective-identifiers", bearer=bearer, json=body)


def made(api: Api, bearer: str, entries: list[Any]) -> str:
    response = generate(api, bearer, entries)
    assert response.status_code == 201, response.text
    number: str = response.json()["collectiveIdentifierNumber"]
    return number


def query(api: Api, bearer: str, page: str = "", **filters: Any) -> httpx.Response:
    path = f"/collective-identifiers/query?{page}"
    return api.call("POST", path, bearer=bearer, json=JULY | filters)


def listed(api: Api, bearer: str, page: str = "", **filters: Any) -> list[str]:
    response = query(api, bearer, page, **filters)
    assert response.status_code == 200, response.text
    return [each["collectiveIdentifierNumber"] for each in response.json()["collectiveIdentifiers"]]


def contents(
    api: Api, bearer: str, *numbers: str, page: str = "", continuation: str | None = None
) -> httpx.Response:
    return api.call(
        "POST",
        f"/collective-identifiers/invoices?{page}",
        bearer=bearer,
        json={"collectiveIdentifierNumbers": list(numbers)},
        headers={} if continuation is None else {"x-continuation-token": continuation},
    )


def entries(api: Api, bearer: str, *numbers: str) -> list[dict[str, Any]]:
    response = contents(api, bearer, *numbers, page="pageSize=500")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["invoices"]
    return found


def naming(api: Api, bearer: str, ksef_number: str, page: str = "") -> httpx.Response:
    return api.call("GET", f"/collective-identifiers/ksef/{ksef_number}?{page}", bearer=bearer)


# -- the number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ["1111111111-IZ202607-65ED02180000-E7", "8631941578-IZ202607-323B52184000-CD"]
)
def test_the_checksum_is_that_of_the_documented_numbers(number: str) -> None:
    assert collective_number(number[:10], number[13:19], number[20:32]) == number


def test_a_number_tells_seller_month_and_second(mock: MockServer, api: Api, buyer: str) -> None:
    number = made(api, buyer, invoices(mock))
    assert NUMBER.fullmatch(number)
    assert number[20:].startswith("323B5")  # as the documented one, which was made in the same second
    assert collective_number(number[:10], number[13:19], number[20:32]) == number


def test_the_month_is_utcs(mock: MockServer, api: Api, buyer: str) -> None:
    mock.clock.set(datetime(2026, 7, 31, 23, 30))  # August in Warsaw
    assert made(api, login(mock, api, BUYER), invoices(mock))[13:19] == "202607"
    mock.clock.advance(1800)
    assert made(api, login(mock, api, BUYER), invoices(mock))[13:19] == "202608"


def test_the_same_invoices_may_be_named_again(mock: MockServer, api: Api, buyer: str) -> None:
    named = invoices(mock)
    assert len({made(api, buyer, named) for _ in range(5)}) == 5


# -- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permission", ["InvoiceRead", "InvoiceWrite", "CollectiveIdentifierManage"])
def test_any_of_three_permissions_is_enough(mock: MockServer, api: Api, permission: str) -> None:
    bearer = login(mock, api, BUYER, permission)
    number = made(api, bearer, invoices(mock))
    assert listed(api, bearer) == [number]
    assert len(entries(api, bearer, number)) == 2


def test_others_are_refused(mock: MockServer, api: Api) -> None:
    bearer = login(mock, api, BUYER, "CredentialsRead", "Introspection")
    named = invoices(mock)
    for response in (
        generate(api, bearer, named),
        query(api, bearer),
        contents(api, bearer, "x"),
        naming(api, bearer, named[0]),
    ):
        assert response.status_code == 403
        assert response.json()["reasonCode"] == "missing-permissions"
        assert response.json()["security"]["requiredAnyOfPermissions"] == [
            "InvoiceRead",
            "InvoiceWrite",
            "CollectiveIdentifierManage",
        ]
    assert generate(api, None, named).status_code == 401


def test_a_payer_need_not_be_a_party(mock: MockServer, api: Api, stranger: str) -> None:
    assert entries(api, stranger, made(api, stranger, invoices(mock)))


# -- what is refused --------------------------------------------------------------------------------------


def test_71001_names_each_invoice_that_there_is_not(mock: MockServer, api: Api, buyer: str) -> None:
    known, other = *invoices(mock, 1), f"{NIP}-20260612-62EAFD400000-41"
    assert error(generate(api, buyer, [known, NOWHERE, other])) == (
        71001,
        "Faktura o podanym identyfikatorze nie istnieje.",
        [f"Faktura o numerze KSeF {number} nie została znaleziona." for number in (NOWHERE, other)],
    )


def test_71001_of_an_invoice_that_is_not_stored_yet(serve: Serve) -> None:
    mock, api = serve(settings=Settings(storage_delay=60))
    mock.clock.freeze()
    erp = logged_in(World(mock, api), NIP)
    session = erp.open()
    numbers = [erp.sent(session, invoice(seller=NIP, number=n))["ksefNumber"] for n in ("1", "2")]
    assert error(generate(api, erp.access, numbers))[0] == 71001
    mock.clock.advance(61)
    assert generate(api, erp.access, numbers).status_code == 201


def test_71004_names_each_invoice_of_another_seller(mock: MockServer, api: Api, buyer: str) -> None:
    ours, theirs = invoices(mock, 1), invoices(mock, 2, seller=STRANGER)
    assert error(generate(api, buyer, ours + theirs)) == (
        71004,
        "Faktury mają różnych sprzedawców.",
        [f"Faktura o numerze KSeF {number} ma innego sprzedawcę." for number in theirs],
    )


def test_71005_names_each_invoice_that_is_named_twice(mock: MockServer, api: Api, buyer: str) -> None:
    first, second = invoices(mock)
    assert error(generate(api, buyer, [first, second, first, first])) == (
        71005,
        "Powtórzony numer KSeF w żądaniu.",
        [f"Powtórzony numer KSeF {first}."],
    )


def test_71002_after_132_of_one_context(mock: MockServer, api: Api, buyer: str, stranger: str) -> None:
    shared, *others = invoices(mock, 3)
    for _ in range(132):
        made(api, buyer, [shared, others[0]])
    assert error(generate(api, buyer, [others[1], shared])) == (
        71002,
        "Faktura jest już przypisana do maksymalnej liczby Identyfikatorów Zbiorczych.",
        [
            f"Faktura o numerze KSeF {shared} jest już przypisana"
            " do maksymalnej liczby Identyfikatorów Zbiorczych."
        ],
    )
    assert generate(api, stranger, [others[1], shared]).status_code == 201, "each context has its own count"
    mock.clock.advance(86_400)
    bearer = login(mock, api, BUYER)
    assert error(generate(api, bearer, [others[1], shared]))[0] == 71002, "nothing expires"
    assert len(naming(api, bearer, shared, "pageSize=200").json()["collectiveIdentifiers"]) == 133


@pytest.mark.parametrize(
    ("entries_", "detail"),
    [
        ([], "'invoices' must not be empty."),
        ([{"ksefNumber": NOWHERE}], "'invoices' must contain at least 2 items."),
        ([{}, {}], "'invoices[0].ksefNumber' must not be empty."),
        (
            [{"ksefNumber": "x"}, {"ksefNumber": NOWHERE}],
            "'invoices[0].ksefNumber' is not in the correct format.",
        ),
        (
            [{"ksefNumber": NOWHERE}, {"ksefNumber": NOWHERE, "description": "ż" * 513}],
            "The length of 'invoices[1].description' must be 512 characters or fewer."
            " You entered 513 characters.",
        ),
        (
            [{"ksefNumber": NOWHERE, "payment": {"amount": 1}}, {"ksefNumber": NOWHERE}],
            "'invoices[0].payment.currency' must not be empty.",
        ),
    ],
)
def test_21405_of_a_body_that_breaks_a_rule(
    api: Api, buyer: str, entries_: list[dict[str, Any]], detail: str
) -> None:
    response = api.call("POST", "/collective-identifiers", bearer=buyer, json={"invoices": entries_})
    assert detail in complaint(response, 21405)


def test_21001_of_a_currency_that_there_is_not(api: Api, buyer: str) -> None:
    entry = {"ksefNumber": NOWHERE, "payment": {"amount": 1, "currency": "ZŁ"}}
    [detail] = complaint(generate(api, buyer, [entry, entry]), 21001)
    assert "Path: $.invoices[0].payment.currency | LineNumber: 0 | BytePositionInLine: " in detail


def test_the_limit_of_the_context_counts(mock: MockServer, api: Api, buyer: str) -> None:
    sessions = {"maxInvoiceSizeInMB": 1, "maxInvoiceWithAttachmentSizeInMB": 3, "maxInvoices": 10}
    limits = {"onlineSession": sessions, "batchSession": sessions, "collectiveIdentifier": {"maxInvoices": 3}}
    path = "/testdata/limits/context/session"
    assert api.call("POST", path, bearer=buyer, json=limits).status_code == 200
    named = invoices(mock, 4)
    assert complaint(generate(api, buyer, named), 21405) == ["'invoices' must contain between 2 and 3 items."]
    assert generate(api, buyer, named[:3]).status_code == 201


def test_500_invoices_with_long_descriptions_fit(mock: MockServer, api: Api, buyer: str) -> None:
    payment = {"amount": 1.5, "currency": "PLN"}
    named = [
        {"ksefNumber": number, "payment": payment, "description": "ż" * 512} for number in invoices(mock, 500)
    ]
    number = made(api, buyer, named)
    assert len(entries(api, buyer, number)) == 500
    [entry] = query(api, buyer).json()["collectiveIdentifiers"]
    assert entry["invoiceCount"] == 500


# -- lists ------------------------------------------------------------------------------------------------


def test_a_list_tells_date_and_count_and_who_made_it(mock: MockServer, api: Api, buyer: str) -> None:
    number = made(api, buyer, invoices(mock, 3))
    expected = {
        "collectiveIdentifierNumber": number,
        "dateCreated": "2026-07-20T01:13:13+00:00",
        "invoiceCount": 3,
        "createdInCurrentContext": True,
    }
    assert query(api, buyer).json() == {"collectiveIdentifiers": [expected]}


def test_the_seller_sees_what_others_made_of_its_invoices(
    mock: MockServer, api: Api, seller: str, buyer: str, stranger: str
) -> None:
    theirs = made(api, buyer, invoices(mock))
    own = made(api, seller, invoices(mock))
    assert sorted(listed(api, seller)) == sorted([theirs, own])
    assert listed(api, seller, createdInCurrentContext=True) == [own]
    assert listed(api, seller, createdInCurrentContext=False) == [theirs]
    assert listed(api, buyer) == [theirs]
    assert listed(api, stranger) == []


def test_filters(mock: MockServer, api: Api, buyer: str) -> None:
    two, three = made(api, buyer, invoices(mock, 2)), made(api, buyer, invoices(mock, 3))
    assert listed(api, buyer, invoiceCountFrom=3) == [three]
    assert listed(api, buyer, invoiceCountTo=2) == [two]
    assert listed(api, buyer, invoiceCountFrom=3, invoiceCountTo=3) == [three]
    assert listed(api, buyer, collectiveIdentifierNumber=two) == [two]
    assert listed(api, buyer, collectiveIdentifierNumber="nothing") == []
    assert listed(api, buyer, dateCreatedTo="2026-07-20T01:13:12Z") == []
    assert listed(api, buyer, dateCreatedFrom="2026-07-20T01:13:13.0000001Z") == []
    to_the_tick = dict.fromkeys(JULY, "2026-07-20T01:13:13Z")
    assert sorted(listed(api, buyer, **to_the_tick)) == sorted([two, three])
    assert listed(api, buyer, dateCreatedTo="2026-07-20T03:13:13") != [], "without an offset: Warsaw"


@pytest.mark.parametrize(
    ("filters", "detail"),
    [
        ({"dateCreatedFrom": None}, "'dateCreatedFrom' must not be empty."),
        ({"dateCreatedTo": None}, "'dateCreatedTo' must not be empty."),
        (
            {"dateCreatedFrom": "2026-08-01T00:00:00Z"},
            "'dateCreatedFrom' must be less than or equal to '2026-07-31T00:00:00Z'.",
        ),
        (
            {"dateCreatedFrom": "2026-04-21T23:59:59Z"},
            "The specified condition was not met for 'dateCreatedFrom'.",
        ),
        (
            {"invoiceCountFrom": 3, "invoiceCountTo": 2},
            "'invoiceCountFrom' must be less than or equal to '2'.",
        ),
    ],
)
def test_a_query_that_breaks_a_rule(api: Api, buyer: str, filters: dict[str, Any], detail: str) -> None:
    assert complaint(query(api, buyer, **filters), 21405) == [detail]


def test_a_hundred_days_are_the_longest_range(api: Api, buyer: str) -> None:
    assert query(api, buyer, dateCreatedFrom="2026-04-22T00:00:00Z").status_code == 200


def test_pages_are_sorted_and_complete(mock: MockServer, api: Api, buyer: str) -> None:
    named = invoices(mock)
    numbers = []
    for position in range(25):
        numbers.append(made(api, buyer, named))
        if position % 5 == 4:
            mock.clock.advance(60)
    bearer = login(mock, api, BUYER)
    for method, path, body in (
        ("POST", "query", JULY),
        ("GET", f"ksef/{named[0]}", None),
    ):
        seen: list[dict[str, Any]] = []
        headers: dict[str, str] = {}
        lengths = []
        while True:
            full = f"/collective-identifiers/{path}?pageSize=10"
            page = api.call(method, full, bearer=bearer, json=body, headers=headers).json()
            seen += page["collectiveIdentifiers"]
            lengths.append(len(page["collectiveIdentifiers"]))
            if "continuationToken" not in page:
                break
            headers = {"x-continuation-token": page["continuationToken"]}
        assert lengths == [10, 10, 5]
        keys = [(each["dateCreated"], each["collectiveIdentifierNumber"]) for each in seen]
        assert keys == sorted(keys, reverse=True)
        assert {each["collectiveIdentifierNumber"] for each in seen} == set(numbers)


@pytest.mark.parametrize(("path", "most"), [("query", 200), ("invoices", 500), (f"ksef/{NOWHERE}", 200)])
def test_the_sizes_of_pages(api: Api, buyer: str, path: str, most: int) -> None:
    def ask(size: str, **headers: str) -> httpx.Response:
        body = JULY | {"collectiveIdentifierNumbers": ["x"]}
        method, options = ("GET", {}) if path.startswith("ksef") else ("POST", {"json": body})
        full = f"/collective-identifiers/{path}?pageSize={size}"
        return api.call(method, full, bearer=buyer, headers=headers, **options)

    for size in (9, most + 1):
        detail = f"'pageSize' must be between 10 and {most}. You entered {size}."
        assert complaint(ask(str(size)), 21405) == [detail]
    assert ask("10").status_code == ask(str(most)).status_code == 200
    complaint(ask("ten"), 21001)
    for wrong in ("x", base64.b64encode(b'{"DateCreated":1}').decode()):
        refused = ask("10", **{"x-continuation-token": wrong})
        assert error(refused) == (21418, "Przesłany token kontynuacji jest nieprawidłowy.", [])
    assert ask("10", **{"x-continuation-token": ""}).status_code == 200


# -- invoices and their details ---------------------------------------------------------------------------


def test_details_are_for_the_maker_and_the_parties(mock: MockServer, api: Api, stranger: str) -> None:
    payer, outsider = "5250012312", "5261040828"
    third = {"identifier": {"type": "Nip", "value": payer}, "role": 6}
    party = {"identifier": {"type": "Nip", "value": BUYER}}
    detailed, plain = seed(mock, *[{"seller": {"nip": NIP}, "buyer": party, "thirdSubjects": [third]}] * 2)
    payment = {"amount": 45, "currency": "EUR"}
    entry = {"ksefNumber": detailed, "payment": payment, "description": "Opis"}
    number = made(api, stranger, [entry, plain])

    def shown(nip: str) -> dict[str, dict[str, Any]]:
        return {each.pop("ksefNumber"): each for each in entries(api, login(mock, api, nip), number)}

    base = {"collectiveIdentifierNumber": number, "detailsHidden": False}
    for nip in (STRANGER, NIP, BUYER, payer):
        assert shown(nip) == {detailed: {**base, "payment": payment, "description": "Opis"}, plain: base}
    assert shown(outsider) == {detailed: {**base, "detailsHidden": True}, plain: base}


@pytest.mark.parametrize("details", [{"description": "Opis"}, {"payment": {"amount": -1, "currency": "PLN"}}])
def test_one_detail_is_enough_to_hide(
    mock: MockServer, api: Api, buyer: str, stranger: str, details: dict[str, Any]
) -> None:
    number = made(api, buyer, [{"ksefNumber": each, **details} for each in invoices(mock)])
    assert [each["detailsHidden"] for each in entries(api, stranger, number)] == [True, True]


def test_pages_of_the_invoices_of_several(mock: MockServer, api: Api, buyer: str) -> None:
    shared, *rest = invoices(mock, 26)
    numbers = [made(api, buyer, [shared, *rest[:15]]), made(api, buyer, [shared, *rest[15:]])]
    asked = [*numbers, numbers[0], "unknown"]
    seen: list[tuple[str, str]] = []
    continuation = None
    while True:
        body = contents(api, buyer, *asked, page="pageSize=10", continuation=continuation).json()
        seen += [(each["ksefNumber"], each["collectiveIdentifierNumber"]) for each in body["invoices"]]
        continuation = body.get("continuationToken")
        if continuation is None:
            break
        assert len(body["invoices"]) == 10
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 27
    assert [number for ksef, number in seen if ksef == shared] == sorted(numbers, reverse=True)


def test_at_most_ten_numbers_are_asked_for(api: Api, buyer: str) -> None:
    assert contents(api, buyer, *map(str, range(10))).json() == {"invoices": []}
    detail = "'collectiveIdentifierNumbers' must contain between 1 and 10 items."
    assert complaint(contents(api, buyer, *map(str, range(11))), 21405) == [detail]
    empty = "'collectiveIdentifierNumbers' must not be empty."
    assert complaint(contents(api, buyer), 21405) == [empty]


def test_those_of_an_invoice_whoever_made_them(mock: MockServer, api: Api, buyer: str, stranger: str) -> None:
    named = invoices(mock)
    own, theirs = made(api, buyer, named), made(api, stranger, named)
    found = {
        each["collectiveIdentifierNumber"]: each["createdInCurrentContext"]
        for each in naming(api, buyer, named[1]).json()["collectiveIdentifiers"]
    }
    assert found == {own: True, theirs: False}
    assert naming(api, buyer, NOWHERE).json() == {"collectiveIdentifiers": []}
    malformed = "'ksefNumber' is not in the correct format."
    assert complaint(naming(api, buyer, "5265877635-x"), 21405) == [malformed]


# -- limits and stores ------------------------------------------------------------------------------------


def test_all_four_count_in_one_group(serve: Serve) -> None:
    mock, api = serve(settings=Settings(rate_limits="test"))
    at_a_moment(mock)
    bearer = login(mock, api, BUYER)
    codes = [query(api, bearer).status_code for _ in range(10)]
    codes += [naming(api, bearer, NOWHERE).status_code for _ in range(5)]
    codes += [contents(api, bearer, "x").status_code for _ in range(5)]
    assert codes == [200] * 20
    assert generate(api, bearer, [NOWHERE, NOWHERE]).status_code == 429


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_every_store_keeps_them(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, serve: Serve
) -> None:
    spec = kind
    if kind == "sqlite":
        spec = f"sqlite:{tmp_path / 'store'}"
    elif kind == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        spec = f"{server.url}?prefix=collective"
    mock, api = serve(settings=Settings(store=spec))
    at_a_moment(mock)
    bearer = login(mock, api, BUYER)
    named = [{"ksefNumber": each, "description": "Opis"} for each in invoices(mock, 500)]
    # Several at once: the count of each invoice must be right in the end.
    bodies: list[str] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(made(api, bearer, named[:100]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(bodies)) == 4
    bodies.append(made(api, bearer, named))
    assert sorted(listed(api, bearer)) == sorted(bodies)
    assert len(entries(api, bearer, bodies[4])) == 500
    other, other_api = serve()
    other.restore(mock.snapshot())
    assert len(entries(other_api, bearer, bodies[4])) == 500
    assert len(naming(other_api, bearer, named[0]["ksefNumber"]).json()["collectiveIdentifiers"]) == 5
