"""The journal over HTTP: what narrows it down, and following it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ksef_mock.core.exchange import Exchange
from ksef_mock.serving import server
from ksef_mock.testing import MockServer
from ksef_mock.trail.journal import Query
from tests.support import OTHER_NIP, Api, error


@pytest.fixture
def control(ksef_mock: MockServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock", timeout=60) as http:
        yield http


@pytest.fixture
def some_requests(api: Api, ksef_token: str) -> None:
    """A login, one that ends in 450, a refused one, a request without a bearer."""
    api.login(ksef_token)
    api.submit(api.token_request(ksef_token, nip=OTHER_NIP))
    api.submit(api.token_request(ksef_token, challenge={"challenge": "x" * 36, "timestampMs": 1}))
    api.limits(None)


def found(control: httpx.Client, **params: Any) -> list[tuple[str, int]]:
    response = control.get("/journal", params=params)
    assert response.status_code == 200, response.text
    return [(entry["path"].removeprefix("/v2"), entry["status"]) for entry in response.json()["entries"]]


@pytest.mark.usefixtures("some_requests")
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"method": "post", "path": "ksef-token"}, [("/auth/ksef-token", s) for s in (202, 202, 400)]),
        ({"path": "/auth/*token"}, [("/auth/ksef-token", s) for s in (202, 202, 400)]),
        ({"path": "/limits/*"}, [("/limits/context", 401)]),
        ({"status": "401"}, [("/limits/context", 401)]),
        ({"status": "4xx"}, [("/auth/ksef-token", 400), ("/limits/context", 401)]),
        ({"code": "21111"}, [("/auth/ksef-token", 400)]),
        (
            {"failed": "true"},
            [("/auth/ksef-token", 202), ("/auth/ksef-token", 400), ("/limits/context", 401)],
        ),
        ({"failed": "false", "path": "ksef-token"}, [("/auth/ksef-token", 202)]),
        ({"client": "127.0.0.1", "limit": "1"}, [("/limits/context", 401)]),
        ({"client": "192.0.2.1"}, []),
        ({"limit": "0"}, []),
        ({"limit": "2"}, [("/auth/ksef-token", 400), ("/limits/context", 401)]),
    ],
)
def test_filters(control: httpx.Client, params: dict[str, str], expected: list[tuple[str, int]]) -> None:
    assert found(control, **params) == expected


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"status": "teapot"}, "status"),
        ({"status": "600"}, "status"),
        ({"code": "x"}, "code"),
        ({"failed": "maybe"}, "failed"),
        ({"limit": "-1"}, "limit"),
        ({"after": "x"}, "after"),
    ],
)
def test_filters_that_make_no_sense_are_refused_by_name(
    control: httpx.Client, params: dict[str, str], named: str
) -> None:
    for path in ("/journal", "/journal/stream"):
        code, _, details = error(control.get(path, params=params))
        assert code in (21001, 21405)  # what is no number is unreadable
        assert named in details[0]


def test_looking_leaves_no_trace(ksef_mock: MockServer, control: httpx.Client) -> None:
    control.get("/journal")
    control.get("/health")
    with control.stream("GET", "/journal/stream"):
        pass
    assert len(ksef_mock.journal) == 0


class Follower:
    """Reads a stream of server-sent events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def next(self) -> dict[str, str]:
        """The next event that is more than a comment or a `retry`."""
        event: dict[str, str] = {}
        for line in self._lines:
            if not line:
                if "data" in event:
                    return event
                event = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
        raise EOFError

    def entry(self) -> dict[str, Any]:
        event = self.next()
        assert event["event"] == "entry"
        entry: dict[str, Any] = json.loads(event["data"])
        assert event["id"] == str(entry["sequence"])
        return entry


def test_following_shows_what_comes_and_nothing_from_before(control: httpx.Client, api: Api) -> None:
    api.challenge()
    with control.stream("GET", "/journal/stream") as response:
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        follower = Follower(response)
        api.limits(None)
        assert follower.entry()["path"] == "/v2/limits/context"
        api.challenge()
        assert follower.entry()["path"] == "/v2/auth/challenge"


def test_following_can_begin_anywhere(control: httpx.Client, api: Api) -> None:
    for _ in range(3):
        api.challenge()
    for headers, params, first in (({}, {"after": 0}, 1), ({"Last-Event-ID": "2"}, {}, 3)):
        with control.stream("GET", "/journal/stream", headers=headers, params=params) as response:
            assert Follower(response).entry()["sequence"] == first


def test_last_event_id_must_be_one(control: httpx.Client) -> None:
    for wrong in ("x", "-1", "9" * 5_000, "²"):
        response = control.get("/journal/stream", headers={b"Last-Event-ID": wrong.encode()})
        assert error(response)[0] == 21405


def test_following_is_narrowed_down_too(control: httpx.Client, api: Api) -> None:
    with control.stream("GET", "/journal/stream", params={"failed": "true"}) as response:
        follower = Follower(response)
        api.challenge()
        api.limits(None)
        assert follower.entry()["status"] == 401


def test_following_goes_on_after_a_reset(control: httpx.Client, api: Api) -> None:
    for _ in range(3):
        api.challenge()
    with control.stream("GET", "/journal/stream") as response:
        follower = Follower(response)
        control.post("/reset")
        assert follower.next()["event"] == "reset"
        assert follower.entry()["path"] == "/_mock/reset"


def test_a_stop_of_the_server_ends_it_cleanly_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_GRACE", 3_600.0)  # whatever is waited for so long does not end here
    mock = MockServer().start()
    ended = threading.Event()

    def follow() -> None:
        with httpx.stream("GET", f"{mock.url}/_mock/journal/stream", timeout=60) as response:
            started.set()
            list(response.iter_lines())  # raises if the connection breaks off
        ended.set()

    started = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    assert started.wait(60)
    mock.stop()
    thread.join(60)
    assert ended.is_set()


def test_query_knows_the_end_of_a_path_and_patterns(ksef_mock: MockServer) -> None:
    exchange = Exchange("GET", "/api/v2/tokens/x", "127.0.0.1", 0, "0" * 32)
    asyncio.run(ksef_mock.journal.record(exchange, 200, None, 1.0))
    entry = ksef_mock.journal.last()
    for path in ("/tokens/x", "x", "/tokens/*", "*", "/api/v2/tokens/x"):
        assert Query(path=path).admits(entry)
    for path in ("/tokens", "/token*x/", "/api/v2/tokens/*"):
        assert not Query(path=path).admits(entry)
