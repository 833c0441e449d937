"""What is simulated: the list of operations, the 501 of the others, and that /_mock/coverage cannot lie."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from ksef_mock.gateway.endpoints import endpoints, simulated
from ksef_mock.gateway.operations import OPERATIONS, Operation
from ksef_mock.gateway.unsimulated import Unsimulated
from ksef_mock.ksef.limits.limits import RATE_LIMITS, UNGROUPED_WINDOWS
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer
from tests import openapi

needs_document = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)


def documented() -> dict[tuple[str, str], dict[str, Any]]:
    paths = json.loads(openapi.DOCUMENT.read_text())["paths"]
    return {
        (method.upper(), path): operation
        for path, item in paths.items()
        for method, operation in item.items()
    }


@pytest.fixture
def coverage(ksef_mock: MockServer) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{ksef_mock.url}/_mock/coverage").json()
    return body


@needs_document
def test_operations_are_those_of_the_document_in_its_order() -> None:
    assert [(operation.method, operation.path) for operation in OPERATIONS] == list(documented())


@needs_document
@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}"
)
def test_group_and_rates_of_each_operation_are_the_documented_ones(operation: Operation) -> None:
    described = documented()[operation.method, operation.path]
    row = re.search(
        r"\*\*Limity liczby żądań\*\* .*\| (\S+)\s*$",
        described["responses"]["429"]["description"],
        re.MULTILINE,
    )
    assert row is not None
    group = re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), row[1])
    assert operation.group == (None if group == "-" else group)
    windows = UNGROUPED_WINDOWS if operation.group is None else getattr(RATE_LIMITS, operation.group).windows
    rates = described["x-rate-limits"]
    assert [limit for limit, _ in windows] == [
        rates[name] for name in ("perSecond", "perMinute", "perHour") if name in rates
    ]


def call(mock: MockServer, method: str, path: str) -> httpx.Response:
    return httpx.request(method, mock.url + "/v2" + re.sub(r"\{\w+\}", "x", path))


def test_what_answers_501_is_what_is_not_simulated(ksef_mock: MockServer, coverage: dict[str, Any]) -> None:
    for operation in coverage["operations"]:
        status = call(ksef_mock, operation["method"], operation["path"]).status_code
        assert (status == 501) is not operation["simulated"], operation
        assert status not in (404, 405), operation


def test_coverage_counts_what_it_lists(coverage: dict[str, Any]) -> None:
    operations = coverage["operations"]
    assert coverage["total"] == len(operations) == len(OPERATIONS)
    assert coverage["simulated"] == sum(operation["simulated"] for operation in operations)
    assert 0 < coverage["simulated"] < coverage["total"]


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("POST", "/sessions/online", "/sessions/online"),
        ("POST", "/sessions/batch/x/close", "/sessions/batch/{referenceNumber}/close"),
        ("GET", "/invoices/exports/x", "/invoices/exports/{referenceNumber}"),
        ("GET", "/sessions/x/invoices/failed", "/sessions/{referenceNumber}/invoices/failed"),
        (
            "GET",
            "/sessions/x/invoices/y",
            "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}",
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["/v2", "/api/v2", "/webs/api/v2"])
def test_501_names_the_operation(
    ksef_mock: MockServer, prefix: str, method: str, path: str, template: str
) -> None:
    response = httpx.request(method, ksef_mock.url + prefix + path)
    assert response.status_code == 501
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["title"], body["status"]) == ("Not Implemented", 501)
    assert body["detail"] == f"Operacja {method} {template} nie jest symulowana."
    assert body["instance"] == prefix + path
    assert "GET /_mock/coverage" in str(ksef_mock.journal.last(path).reason)


def test_wrong_method_of_an_operation_that_is_not_simulated_is_405(ksef_mock: MockServer) -> None:
    response = call(ksef_mock, "DELETE", "/sessions/online")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_allow_names_all_methods_of_a_path(ksef_mock: MockServer) -> None:
    response = call(ksef_mock, "PUT", "/tokens")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_without_any_handler_nothing_is_simulated() -> None:
    routes = endpoints([], System())
    assert simulated(routes) == frozenset()
    handlers = [handler for route in routes for handler in route.app.handlers.values()]  # type: ignore[attr-defined]
    assert len(handlers) == len(OPERATIONS)
    assert all(isinstance(handler, Unsimulated) for handler in handlers)
