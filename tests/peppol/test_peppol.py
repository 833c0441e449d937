"""GET /peppol/query over HTTP, and the seeds of its answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.support import Api, error


def register(mock: MockServer, *providers: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{mock.url}/_mock/peppol-providers", json={"providers": list(providers)})


def page(api: Api, query: str = "") -> dict[str, Any]:
    response = api.call("GET", f"/peppol/query?{query}")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def test_nobody_is_registered_at_first(api: Api) -> None:
    assert page(api) == {"peppolProviders": [], "hasMore": False}


def test_newest_come_first_and_of_the_same_moment_the_lowest_id(ksef_mock: MockServer, api: Api) -> None:
    old, new = "2025-07-11T12:23:56.0154302+00:00", "2025-07-12T00:00:00+00:00"
    orders = [("PPL000002", old), ("PPL000003", new), ("PPL000001", old), ("PDE000001", old)]
    response = register(
        ksef_mock,
        *({"id": number, "name": f"Dostawca {number}", "dateCreated": date} for number, date in orders),
    )
    assert response.status_code == 204
    listed = page(api)["peppolProviders"]
    assert [provider["id"] for provider in listed] == ["PPL000003", "PDE000001", "PPL000001", "PPL000002"]
    assert listed[0] == {"id": "PPL000003", "name": "Dostawca PPL000003", "dateCreated": new}


def test_pages(ksef_mock: MockServer, api: Api) -> None:
    register(ksef_mock, *({"id": f"PPL{number:06}", "name": "Dostawca"} for number in range(20)))
    pages = [page(api, f"pageOffset={offset}&pageSize=10") for offset in range(3)]
    assert [each["hasMore"] for each in pages] == [True, False, False]
    assert [len(each["peppolProviders"]) for each in pages] == [10, 10, 0]
    assert len({provider["id"] for each in pages for provider in each["peppolProviders"]}) == 20


@pytest.mark.parametrize(
    ("query", "code"),
    [("pageSize=9", 21405), ("pageSize=101", 21405), ("pageOffset=-1", 21405), ("pageOffset=x", 21001)],
)
def test_malformed_page_is_refused(api: Api, query: str, code: int) -> None:
    assert error(api.call("GET", f"/peppol/query?{query}"))[0] == code


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "P123456789", "name": "Dostawca"},
        {"id": "PPL123456\n", "name": "Dostawca"},
        {"id": "PPL123456", "name": "x" * 257},
        {"id": "PPL123456"},
        {"id": "PPL123456", "name": "Dostawca", "dateCreated": "today"},
    ],
)
def test_malformed_provider_is_21405(ksef_mock: MockServer, wrong: dict[str, Any]) -> None:
    assert error(register(ksef_mock, wrong))[0] == 21405


def test_provider_is_registered_once(ksef_mock: MockServer) -> None:
    provider = {"id": "PPL123456", "name": "Dostawca"}
    assert register(ksef_mock, provider).status_code == 204
    assert error(register(ksef_mock, provider))[2] == ["there is a provider PPL123456 already"]
