"""The metrics: in the format of Prometheus, and true."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ksef_mock.core.codes import StatusDetail
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from ksef_mock.trail.metrics import BUCKETS, Metrics
from tests.control.test_control import answer
from tests.support import OTHER_NIP, Api

Value = Callable[..., float]


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def value(serve: Callable[[], tuple[MockServer, Api]]) -> tuple[MockServer, Api, Value]:
    mock, api = serve()

    def value(name: str, **labels: str) -> float:
        samples = parsed(httpx.get(f"{mock.url}/_mock/metrics").text)
        return samples.get((f"ksef_mock_{name}", frozenset(labels.items())), 0)

    return mock, api, value


def test_requests_by_operation_status_and_code(value: tuple[MockServer, Api, Value]) -> None:
    mock, api, read = value
    token = mock.issue_token(OTHER_NIP)
    login = api.login(token, nip=OTHER_NIP)
    api.submit({})
    httpx.get(f"{mock.url}/v2/nothing")
    httpx.request("BREW", f"{mock.url}/v2/auth/challenge")
    mock.faults.add(path="/auth/challenge", status=503, times=1)
    api.http.post("/auth/challenge")
    status = {"method": "GET", "operation": "/auth/{referenceNumber}", "status": "200", "code": ""}
    assert read("requests_total", **status) == 1
    refused = {"method": "POST", "operation": "/auth/ksef-token", "status": "400", "code": "21405"}
    assert read("requests_total", **refused) == 1
    lost = {"method": "GET", "operation": "unmatched", "status": "404", "code": ""}
    assert read("requests_total", **lost) == 1
    assert read("requests_total", **lost | {"method": "other", "status": "405"}) == 1
    assert login


def test_durations_are_a_histogram(value: tuple[MockServer, Api, Value]) -> None:
    _, api, read = value
    for _ in range(3):
        api.challenge()
    labels = {"method": "POST", "operation": "/auth/challenge"}
    counts = [
        read("request_duration_seconds_bucket", **labels, le=le)
        for le in (*(repr(b).removesuffix(".0") for b in BUCKETS), "+Inf")
    ]
    assert counts == sorted(counts)
    assert counts[-1] == read("request_duration_seconds_count", **labels) == 3
    assert 0 < read("request_duration_seconds_sum", **labels) < 30


def test_logins_by_method_and_outcome(value: tuple[MockServer, Api, Value]) -> None:
    mock, api, read = value
    token = mock.issue_token(OTHER_NIP)
    api.login(token, nip=OTHER_NIP)
    api.submit(api.token_request(token))
    assert read("logins_total", method="Token", outcome="200", detail="") == 1
    # The detail as it stands in the table: with each context in it there would be a series for each.
    assert read("logins_total", method="Token", outcome="450", detail=StatusDetail.TOKEN_CONTEXT) == 1
    assert read("operations") == 2


def test_faults_that_acted(value: tuple[MockServer, Api, Value]) -> None:
    mock, api, read = value
    mock.faults.add(status=503, every=2)
    for _ in range(4):
        api.http.post("/auth/challenge")
    assert read("faults_acted_total", effect="status") == 2
    assert read("faults") == 1
    operation = {"method": "POST", "operation": "/auth/challenge"}
    assert read("requests_total", **operation, status="503", code="") == 2
    assert read("requests_total", **operation, status="200", code="") == 2


def test_clock_start_and_version(value: tuple[MockServer, Api, Value]) -> None:
    mock, _, read = value
    mock.clock.advance(seconds=900)
    assert read("clock_offset_seconds") == pytest.approx(900, abs=5)
    assert read("info", version="0.1.0", profile="test") == 1
    started = parsed(httpx.get(f"{mock.url}/_mock/metrics").text)["process_start_time_seconds", frozenset()]
    assert time.time() - 600 < started <= time.time()


def test_media_type_names_the_version_of_the_format(ksef_mock: MockServer) -> None:
    response = httpx.get(f"{ksef_mock.url}/_mock/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert len(ksef_mock.journal) == 0


def test_every_family_has_help_and_type(ksef_mock: MockServer, api: Api) -> None:
    api.challenge()
    families = list(text_string_to_metric_families(httpx.get(f"{ksef_mock.url}/_mock/metrics").text))
    assert len(families) >= 8
    assert all(
        family.documentation and family.type in ("counter", "gauge", "histogram") for family in families
    )


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "zażółć", "}", "a\\nb"])
def test_label_values_are_escaped(text: str) -> None:
    metrics = Metrics()
    metrics.login("Token", 450, text)
    labels = frozenset({("method", "Token"), ("outcome", "450"), ("detail", text)})
    assert parsed(metrics.exposition([]))["ksef_mock_logins_total", labels] == 1


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, "0.0005"), (0.0005, "0.0005"), (0.0006, "0.001"), (10, "10"), (11, "+Inf")]
)
def test_bounds_belong_to_their_buckets(seconds: float, bucket: str) -> None:
    metrics = Metrics()
    metrics.request("GET", "/x", 200, "", seconds)
    samples = parsed(metrics.exposition([]))
    bounds = [*(repr(bound).removesuffix(".0") for bound in BUCKETS), "+Inf"]
    counts = {
        le: samples[
            "ksef_mock_request_duration_seconds_bucket",
            frozenset({("method", "GET"), ("operation", "/x"), ("le", le)}),
        ]
        for le in bounds
    }
    assert [le for le in bounds if counts[le] == 1] == bounds[bounds.index(bucket) :]


def test_processes_that_share_a_store_are_told_apart(tmp_path: Path) -> None:
    with MockServer(Settings(store=f"sqlite:{tmp_path / 'state'}")) as mock:
        httpx.post(f"{mock.url}/v2/auth/challenge")
        samples = parsed(httpx.get(f"{mock.url}/_mock/metrics").text)
    pid = ("process", str(os.getpid()))
    counted = [labels for name, labels in samples if name == "ksef_mock_requests_total"]
    assert counted
    assert all(pid in labels for labels in counted)
    assert ("process_start_time_seconds", frozenset({pid})) in samples
    assert ("ksef_mock_operations", frozenset()) in samples  # of all processes


def test_a_scraper_sends_the_control_token_as_a_bearer() -> None:
    settings = Settings(control_token="secret")
    for authorization, status in (("Bearer secret", 200), ("Bearer guess", 401), ("Basic secret", 401)):
        response = answer(
            settings, "192.0.2.1", "GET", "/_mock/metrics", headers={"Authorization": authorization}
        )
        assert response.status_code == status
