"""The clock over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.support import Api, error


@pytest.fixture
def control(ksef_mock: MockServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock") as http:
        yield http


def test_it_tells_time_offset_and_whether_it_stands(control: httpx.Client) -> None:
    clock = control.get("/clock").json()
    assert abs(datetime.fromisoformat(clock["time"]).timestamp() - datetime.now().timestamp()) < 60
    assert (clock["offsetSeconds"], clock["frozen"]) == (0, False)


def test_advance_freeze_set_resume(ksef_mock: MockServer, control: httpx.Client) -> None:
    assert control.post("/clock/advance", json={"seconds": 900}).json()["offsetSeconds"] == 900
    assert control.post("/clock/freeze").json()["frozen"] is True
    stands = control.get("/clock").json()["time"]
    assert control.get("/clock").json()["time"] == stands
    body = control.post("/clock/set", json={"time": "2031-03-01T00:00:00Z"}).json()
    assert (body["time"], body["frozen"]) == ("2031-03-01T00:00:00+00:00", True)
    assert control.post("/clock/resume").json()["frozen"] is False
    assert datetime.fromisoformat(control.get("/clock").json()["time"]).date().isoformat() == "2031-03-01"
    control.post("/reset")
    assert control.get("/clock").json()["offsetSeconds"] == 0


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00+00:00"),
        ("2026-03-01T12:00:00+01:00", "2026-03-01T11:00:00+00:00"),
        ("2026-03-01T12:00:00.123456Z", "2026-03-01T12:00:00.123456+00:00"),
    ],
)
def test_times_without_an_offset_are_utc(control: httpx.Client, text: str, time: str) -> None:
    control.post("/clock/freeze")
    assert control.post("/clock/set", json={"time": text}).json()["time"] == time


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("set", {}, "time"),
        ("set", {"time": "yesterday"}, "time: expected "),
        ("set", {"time": 5}, "time: expected "),
        ("set", {"time": "1969-01-01T00:00:00Z"}, "time: expected what leads to a year from"),
        ("set", {"time": "9999-12-31T23:59:59-14:00"}, "time: expected what leads to a year from"),
        ("set", {"time": "0001-01-01T00:00:00+14:00"}, "time: expected what leads to a year from"),
        ("advance", {"seconds": 1e11}, "seconds: expected what leads to a year from"),
        ("advance", {"seconds": -1e11}, "seconds: expected what leads to a year from"),
        ("advance", {"second": 1}, "second"),
    ],
)
def test_times_that_make_no_sense_are_refused_by_name(
    control: httpx.Client, path: str, body: Any, named: str
) -> None:
    code, _, details = error(control.post(f"/clock/{path}", json=body))
    assert code == 21405
    assert named in details[0]
    assert control.get("/clock").json()["offsetSeconds"] == 0


def test_the_api_works_at_both_ends_of_time(control: httpx.Client, api: Api, ksef_token: str) -> None:
    for time in ("1970-01-02T00:00:00Z", "2249-12-31T00:00:00Z"):
        control.post("/clock/set", json={"time": time})
        assert api.http.post("/auth/challenge").json()["timestamp"][:10] == time[:10]
    control.post("/reset")
