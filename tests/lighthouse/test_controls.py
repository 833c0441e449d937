"""The lighthouse by HTTP, by the command and from a seed: the same controls, the same refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.seed.model import SeedError, read_seed
from ksef_mock.testing import MockServer
from tests.support import Api


def order(mock: MockServer, method: str, path: str, expected: int, body: Any = None) -> Any:
    answer = httpx.request(method, f"{mock.url}/_mock/lighthouse{path}", json=body)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


def status(mock: MockServer) -> str:
    shown: str = httpx.get(f"{mock.url}/latarnia/status").json()["status"]
    return shown


def test_events_by_http(ksef_mock: MockServer) -> None:
    (said,) = order(ksef_mock, "POST", "/messages", 201, {"category": "FAILURE", "withApi": True})["messages"]
    assert status(ksef_mock) == "FAILURE"
    state = order(ksef_mock, "GET", "", 200)
    assert state["status"] == "FAILURE"
    assert state["messages"] == [said]
    assert state["withApi"] == [said["eventId"]]
    assert {"outage", "test-now"} <= set(state["scenarios"])
    corrected = order(ksef_mock, "POST", "/correct", 200, {"id": said["id"], "title": "Awaria bramy"})
    assert (corrected["version"], corrected["title"]) == (2, "Awaria bramy")
    (end,) = order(ksef_mock, "POST", "/end", 200, {"eventId": said["eventId"]})["messages"]
    assert (end["type"], end["eventId"]) == ("FAILURE_END", said["eventId"])
    order(ksef_mock, "DELETE", "/messages", 204)
    assert order(ksef_mock, "GET", "", 200)["messages"] == []


def test_scenario_by_http(ksef_mock: MockServer) -> None:
    said = order(ksef_mock, "POST", "/play", 200, {"name": "outage"})["messages"]
    # What will have been said at the end is known from the start on.
    assert [message["type"] for message in said] == ["FAILURE_START", "FAILURE_END"]
    assert len({message["eventId"] for message in said}) == 1
    assert status(ksef_mock) == "FAILURE"
    assert len(httpx.get(f"{ksef_mock.url}/latarnia/messages").json()) == 1


def test_maintenance_in_seconds(ksef_mock: MockServer) -> None:
    ksef_mock.clock.freeze()
    wish = {"category": "MAINTENANCE", "inSeconds": 60, "forSeconds": 60}
    order(ksef_mock, "POST", "/messages", 201, wish)
    assert status(ksef_mock) == "AVAILABLE"
    ksef_mock.clock.advance(seconds=61)
    assert status(ksef_mock) == "MAINTENANCE"
    ksef_mock.clock.advance(seconds=60)
    assert status(ksef_mock) == "AVAILABLE"


def test_breakdown_by_http(ksef_mock: MockServer) -> None:
    order(ksef_mock, "PUT", "/breakdown", 204, {"name": "502"})
    assert httpx.get(f"{ksef_mock.url}/latarnia/status").status_code == 502
    order(ksef_mock, "DELETE", "/breakdown", 204)
    assert status(ksef_mock) == "AVAILABLE"


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/messages", {"category": "NOTHING"}, "NOTHING"),
        ("POST", "/messages", {"category": "MAINTENANCE"}, "end"),
        ("POST", "/messages", {"category": "FAILURE", "end": "2020-01-01T00:00:00Z"}, "end"),
        ("POST", "/messages", {"category": "FAILURE", "start": "0001-01-01T00:00:00+14:00"}, "start"),
        (
            "POST",
            "/messages",
            {"category": "FAILURE", "start": "2026-01-01T00:00:00Z", "inSeconds": 1},
            "inSeconds",
        ),
        ("POST", "/messages", {"category": "FAILURE", "forSeconds": 1e300}, "forSeconds: expected"),
        ("POST", "/messages", {"category": "FAILURE", "title": "x" * 201}, "title"),
        ("POST", "/messages", {"category": "FAILURE", "text": ""}, "text"),
        ("POST", "/end", {"eventId": 7}, "no event 7"),
        ("POST", "/end", None, "no event"),
        ("POST", "/correct", {"id": "K/1"}, "K/1"),
        ("POST", "/play", {"name": "nothing"}, "test-now"),
        ("PUT", "/breakdown", {"name": "503"}, "503"),
        ("PUT", "/breakdown", {"slowSeconds": 301}, "slowSeconds"),
    ],
)
def test_orders_that_make_no_sense(
    ksef_mock: MockServer, method: str, path: str, body: Any, said: str
) -> None:
    answer = httpx.request(method, f"{ksef_mock.url}/_mock/lighthouse{path}", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["exception"]["exceptionDetailList"][0]["details"][0]
    assert order(ksef_mock, "GET", "", 200)["messages"] == []


def test_messages_are_bounded(ksef_mock: MockServer) -> None:
    for _ in range(200):
        ksef_mock.lighthouse.announce("FAILURE")
    with pytest.raises(ValueError, match="200 messages"):
        ksef_mock.lighthouse.announce("FAILURE")


def test_controls_are_guarded(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    from ksef_mock.settings import Settings

    mock, _ = serve(settings=Settings(control_token="secret"))
    assert httpx.post(f"{mock.url}/_mock/lighthouse/play", json={"name": "outage"}).status_code == 401
    assert status(mock) == "AVAILABLE"


def run(mock: MockServer, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["lighthouse", *arguments, "--url", mock.url])
    assert done.exit_code == code, done.output
    return done.output


def test_command(ksef_mock: MockServer) -> None:
    ksef_mock.clock.freeze()
    assert run(ksef_mock, "show").splitlines() == ["AVAILABLE", "No messages."]
    (message,) = json.loads(run(ksef_mock, "failure", "--title", "Awaria bramy", "--json"))["messages"]
    assert message["title"] == "Awaria bramy"
    assert "v2 Awaria API" in run(ksef_mock, "correct", message["id"], "--title", "Awaria API")
    assert "FAILURE_END" in run(ksef_mock, "end", str(message["eventId"]))
    assert "MAINTENANCE" in run(ksef_mock, "maintenance", "--in", "60", "--for", "60", "--with-api")
    ksef_mock.clock.advance(seconds=60)
    assert run(ksef_mock, "show").startswith("MAINTENANCE\n")
    assert "TOTAL_FAILURE" in run(ksef_mock, "total-failure")
    run(ksef_mock, "withdraw")
    assert "K/2026/NI/01" in run(ksef_mock, "play", "test-now")
    assert status(ksef_mock) == "TOTAL_FAILURE"
    run(ksef_mock, "down", "504")
    assert "504" in run(ksef_mock, "show")
    assert httpx.get(f"{ksef_mock.url}/latarnia/status").status_code == 504
    run(ksef_mock, "down", "slow", "--seconds", "0")
    run(ksef_mock, "up")
    assert status(ksef_mock) == "TOTAL_FAILURE"
    assert "test-now" in run(ksef_mock, "play", "nothing", code=1)


def test_port_of_its_own_by_the_command(tmp_path: Path) -> None:
    arguments = ["serve", "--port", "0", "--lighthouse-port", "0", "--store", f"sqlite:{tmp_path / 'db'}"]
    command = [sys.executable, "-m", "ksef_mock.cli", *arguments, "--workers", "2", "--lighthouse-cors"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed: dict[str, str] = {}
            for line in process.stdout:
                name, _, value = line.partition(": ")
                printed[name] = value.strip()
                if name == "Lighthouse":
                    break
            answers = [httpx.get(f"{printed['Lighthouse']}/status") for _ in range(4)]
            assert [answer.json() for answer in answers] == [{"status": "AVAILABLE"}] * 4
            assert answers[0].headers["access-control-allow-origin"] == "*"
            assert httpx.get(f"{printed['Lighthouse']}/_mock/health").status_code == 403
        finally:
            process.terminate()


def test_seed(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    seed = {
        "clock": {"time": "2026-05-04T12:00:00Z", "frozen": True},
        "lighthouse": {
            "messages": [
                {"category": "FAILURE", "start": "2026-05-04T11:00:00Z", "withApi": True},
                {"category": "MAINTENANCE", "inSeconds": 3600, "forSeconds": 60, "title": "Przerwa"},
            ],
        },
    }
    mock, _ = serve(seed=seed)
    assert status(mock) == "FAILURE"
    assert httpx.post(f"{mock.url}/v2/auth/challenge").status_code == 503
    maintenance, failure = httpx.get(f"{mock.url}/latarnia/messages").json()
    assert (maintenance["title"], failure["start"]) == ("Przerwa", "2026-05-04T11:00:00+00:00")
    mock.lighthouse.withdraw()
    mock.reset()
    assert status(mock) == "FAILURE"


def test_seed_plays_a_scenario(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    mock, _ = serve(seed={"lighthouse": {"play": "test-now", "breakdown": "502"}})
    assert httpx.get(f"{mock.url}/latarnia/status").status_code == 502
    mock.lighthouse.break_down()
    assert status(mock) == "TOTAL_FAILURE"


@pytest.mark.parametrize(
    ("lighthouse", "said"),
    [
        ({"play": "nothing"}, "lighthouse.play"),
        ({"messages": [{"category": "X"}]}, r"lighthouse.messages\[0\]|lighthouse.messages\[...\]"),
        ({"messages": [{"category": "MAINTENANCE"}]}, r"lighthouse.messages\[0\]: end"),
    ],
)
def test_seed_that_makes_no_sense(lighthouse: dict[str, Any], said: str) -> None:
    with pytest.raises(SeedError, match=said), MockServer(seed={"lighthouse": lighthouse}):
        pass
    assert read_seed({}).lighthouse.messages == ()
