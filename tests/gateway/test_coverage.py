"""What is simulated: the list of operations, the 501 of the others, and that /_mock/coverage cannot lie."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from ksef_mock.app import _ROOMS, create_app
from ksef_mock.core.operation import Operation
from ksef_mock.core.permissions import Permission
from ksef_mock.gateway.endpoints import endpoints, simulated
from ksef_mock.gateway.operations import API_VERSION, OPERATIONS
from ksef_mock.gateway.unsimulated import Unsimulated
from ksef_mock.ksef.limits.limits import ANONYMOUS, RATE_LIMITS, UNLIMITED, Rate
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer
from tests import openapi
from tests.support import NIP, Api

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
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_group_and_rates_of_each_operation_are_the_documented_ones(operation: Operation) -> None:
    described = documented()[operation.method, operation.path]
    row = re.search(
        r"\*\*Limity liczby żądań\*\* .*\| (\S+)\s*$",
        described["responses"]["429"]["description"],
        re.MULTILINE,
    )
    assert row is not None
    group = re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), row[1])
    assert operation.group == (ANONYMOUS if group == "-" else group)
    rates = described["x-rate-limits"]
    assert getattr(RATE_LIMITS, operation.group) == Rate(
        *(rates.get(name, UNLIMITED) for name in ("perSecond", "perMinute", "perHour"))
    )


@needs_document
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_permissions_and_bearer_of_each_operation_are_the_documented_ones(operation: Operation) -> None:
    described = documented()[operation.method, operation.path]
    assert operation.any_of == tuple(described.get("x-required-permissions", ()))
    assert operation.bearer is ("security" in described)


def call(mock: MockServer, method: str, path: str, bearer: str | None = None) -> httpx.Response:
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    return httpx.request(method, mock.url + "/v2" + re.sub(r"\{\w+\}", "x", path), headers=headers)


@pytest.fixture
def bearer(ksef_mock: MockServer, api: Api) -> str:
    """An access token with every permission that a KSeF token may have."""
    return api.login(ksef_mock.issue_token(NIP, [*Permission])).access_token


def test_what_answers_501_is_what_is_not_simulated(
    ksef_mock: MockServer, bearer: str, coverage: dict[str, Any]
) -> None:
    # Last what would end the session.
    for operation in sorted(
        coverage["operations"], key=lambda each: each["path"] == "/auth/sessions/current"
    ):
        status = call(ksef_mock, operation["method"], operation["path"], bearer).status_code
        assert (status == 501) is not operation["simulated"], operation
        assert status not in (404, 405), operation


@pytest.fixture
def partial(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MockServer, Api]]:
    """A mock without batch sessions, as one is whenever the API gets operations that are not here yet."""
    monkeypatch.delitem(_ROOMS, "batch")
    with MockServer() as mock:
        api = Api(mock.url)
        yield mock, api
        api.close()


BATCH = [operation for operation in OPERATIONS if operation.path.startswith("/sessions/batch")]
of_batch = pytest.mark.parametrize("operation", BATCH, ids=str)


def test_every_operation_is_simulated() -> None:
    assert simulated(create_app().routes) == set(OPERATIONS)


def test_what_is_not_simulated_is_told(partial: tuple[MockServer, Api]) -> None:
    assert {name for name, is_simulated in partial[0].coverage().items() if not is_simulated} == set(
        map(str, BATCH)
    )


@of_batch
def test_who_may_not_call_what_is_not_simulated_is_told_so_first(
    partial: tuple[MockServer, Api], operation: Operation
) -> None:
    mock, api = partial
    for token in (None, "no.such.token"):
        assert call(mock, operation.method, operation.path, token).status_code == 401
    weak = api.login(mock.issue_token(NIP, ["CredentialsRead"])).access_token
    refused = call(mock, operation.method, operation.path, weak)
    assert refused.status_code == 403
    assert refused.json()["security"]["requiredAnyOfPermissions"] == list(operation.any_of)


def test_coverage_names_the_version_of_the_api(coverage: dict[str, Any]) -> None:
    assert coverage["apiVersion"] == API_VERSION == "2.9.0"


def test_coverage_counts_what_it_lists(coverage: dict[str, Any]) -> None:
    operations = coverage["operations"]
    assert coverage["total"] == len(operations) == len(OPERATIONS)
    assert coverage["simulated"] == sum(operation["simulated"] for operation in operations)
    assert 0 < coverage["simulated"] <= coverage["total"]


@of_batch
@pytest.mark.parametrize("prefix", ["/v2", "/api/v2", "/webs/api/v2"])
def test_501_names_the_operation(partial: tuple[MockServer, Api], prefix: str, operation: Operation) -> None:
    mock, api = partial
    method, template = operation.method, operation.path
    path = operation.shape[1].replace("{}", "x")
    bearer = api.login(mock.issue_token(NIP, [*Permission])).access_token
    response = httpx.request(method, mock.url + prefix + path, headers={"Authorization": f"Bearer {bearer}"})
    assert response.status_code == 501
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["title"], body["status"]) == ("Not Implemented", 501)
    assert body["detail"] == f"Operacja {method} {template} nie jest symulowana."
    assert body["instance"] == prefix + path
    assert "GET /_mock/coverage" in str(mock.journal.last(path).reason)


@of_batch
def test_wrong_method_of_an_operation_that_is_not_simulated_is_405(
    partial: tuple[MockServer, Api], operation: Operation
) -> None:
    response = call(partial[0], "DELETE", operation.path)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_allow_names_all_methods_of_a_path(ksef_mock: MockServer) -> None:
    response = call(ksef_mock, "PUT", "/tokens")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_without_any_handler_nothing_is_simulated() -> None:
    routes = endpoints([], System())
    assert simulated(routes) == frozenset()
    handlers = [handler for route in routes for handler in route.app.handlers.values()]  # type: ignore[attr-defined]
    assert {operation for operation, _ in handlers} == set(OPERATIONS)
    assert all(isinstance(handler, Unsimulated) for _, handler in handlers)


def test_a_route_that_is_no_operation_of_the_api_is_refused() -> None:
    with pytest.raises(KeyError):
        endpoints([Route("/no/such/operation", Unsimulated(OPERATIONS[0]), methods=["GET"])], System())
