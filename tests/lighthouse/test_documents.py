"""What the lighthouse answers: its two documents, at each of its addresses, and how it fails."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from lxml import etree

from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import Api

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

#: As recorded on TEST, January to August 2026.
TOTAL = {
    "id": "K/2026/AWR/02",
    "category": "TOTAL_FAILURE",
    "type": "FAILURE_START",
    "title": "Wystąpiła całkowita awaria",
    "text": "Od godziny 13:27 31 stycznia trwa całkowita awaria...",
    "start": "2026-01-31T11:27:00+00:00",
    "published": "2026-01-31T11:35:00+00:00",
    "eventId": 1003,
    "version": 1,
}
PARTIAL = {
    "id": "K/2026/AWR/01",
    "category": "FAILURE",
    "type": "FAILURE_START",
    "title": "Wystąpiła awaria",
    "text": "Od godziny 12:13 31 stycznia trwa awaria...",
    "start": "2026-01-31T10:13:00+00:00",
    "published": "2026-01-31T10:13:00+00:00",
    "eventId": 1002,
    "version": 1,
}
MAINTENANCE = {
    "id": "K/2026/NI/01",
    "category": "MAINTENANCE",
    "type": "MAINTENANCE_ANNOUNCEMENT",
    "title": "Niedostępność",
    "text": "W dniu 2026-01-26 od godz. 12:00 do 00:00 nastąpi niedostępność KSeF związana "
    "z planowanymi pracami serwisowymi",
    "start": "2026-01-26T10:00:00+00:00",
    "end": "2026-01-26T22:00:00+00:00",
    "published": "2026-01-22T08:00:00+00:00",
    "eventId": 1000,
    "version": 1,
}


@pytest.fixture
def mock(ksef_mock: MockServer) -> MockServer:
    """A mock whose clock stands still at noon, 14:00 in Warsaw."""
    ksef_mock.clock.freeze()
    ksef_mock.clock.set(NOON)
    return ksef_mock


def status(mock: MockServer) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{mock.lighthouse.url}/status").raise_for_status().json()
    return body


def messages(mock: MockServer) -> list[dict[str, Any]]:
    body: list[dict[str, Any]] = httpx.get(f"{mock.lighthouse.url}/messages").raise_for_status().json()
    # What the status shows stands among the messages.
    assert all(message in body for message in status(mock).get("messages", ()))
    return body


def challenge(mock: MockServer) -> int:
    return httpx.post(f"{mock.url}/v2/auth/challenge").status_code


def test_all_is_well_from_the_start_on(ksef_mock: MockServer) -> None:
    answer = httpx.get(f"{ksef_mock.url}/latarnia/status?whatever=1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == '{"status":"AVAILABLE"}'
    assert httpx.get(f"{ksef_mock.url}/latarnia/messages").text == "[]"
    assert httpx.head(f"{ksef_mock.url}/latarnia/status").status_code == 200


def test_as_test_now_word_for_word(mock: MockServer) -> None:
    mock.lighthouse.play("test-now")
    for moment in (NOON, datetime(2026, 1, 26, 13, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)):
        mock.clock.set(moment)
        assert status(mock) == {"status": "TOTAL_FAILURE", "messages": [TOTAL, PARTIAL]}
        assert messages(mock) == [TOTAL, PARTIAL, MAINTENANCE]
    # Members come in TEST's order.
    shown = json.loads(httpx.get(f"{mock.lighthouse.url}/messages").text, object_pairs_hook=list)
    assert [[name for name, _ in message] for message in shown] == [
        list(message) for message in (TOTAL, PARTIAL, MAINTENANCE)
    ]


def test_failure_from_its_announcement_to_its_end(mock: MockServer) -> None:
    event = mock.lighthouse.announce("FAILURE")
    start = {
        "id": "K/2026/AWR/01",
        "category": "FAILURE",
        "type": "FAILURE_START",
        "title": "Wystąpiła awaria",
        "text": "Od godziny 14:00 4 maja trwa awaria KSeF.",
        "start": "2026-05-04T12:00:00+00:00",
        "published": "2026-05-04T12:00:00+00:00",
        "eventId": event,
        "version": 1,
    }
    assert status(mock) == {"status": "FAILURE", "messages": [start]}
    assert challenge(mock) == 200  # the API is another matter

    mock.clock.advance(minutes=90)
    mock.lighthouse.end(event)
    assert status(mock) == {"status": "AVAILABLE"}
    end, *rest = messages(mock)
    assert rest == [start]
    assert (end["type"], end["category"], end["eventId"]) == ("FAILURE_END", "FAILURE", event)
    assert (end["id"], end["start"]) == ("K/2026/AWR/02", start["start"])
    assert end["end"] == end["published"] == "2026-05-04T13:30:00+00:00"
    with pytest.raises(ValueError, match="no event"):
        mock.lighthouse.end(event)


def test_failure_that_grows_is_two_events(mock: MockServer) -> None:
    first = mock.lighthouse.announce("FAILURE")
    mock.clock.advance(minutes=20)
    second = mock.lighthouse.announce("TOTAL_FAILURE")
    assert first != second
    shown = status(mock)
    assert shown["status"] == "TOTAL_FAILURE"
    assert [message["eventId"] for message in shown["messages"]] == [second, first]
    mock.lighthouse.end(second)
    assert status(mock)["status"] == "FAILURE"
    mock.lighthouse.end()
    assert status(mock) == {"status": "AVAILABLE"}


def test_maintenance_begins_and_ends_by_the_clock(mock: MockServer) -> None:
    begins = NOON + timedelta(hours=2)
    mock.lighthouse.announce("MAINTENANCE", start=begins, end=begins + timedelta(hours=1), with_api=True)
    (announced,) = messages(mock)
    assert announced["type"] == "MAINTENANCE_ANNOUNCEMENT"
    assert announced["id"] == "K/2026/NI/01"
    assert (announced["start"], announced["end"]) == (
        "2026-05-04T14:00:00+00:00",
        "2026-05-04T15:00:00+00:00",
    )
    seen = []
    for minutes in (0, 119, 1, 59, 1):
        mock.clock.advance(minutes=minutes)
        seen.append((status(mock)["status"], challenge(mock)))
    works, stands = ("AVAILABLE", 200), ("MAINTENANCE", 503)
    assert seen == [works, works, stands, stands, works]
    assert messages(mock) == [announced]


def test_maintenance_ends_early_by_a_correction(mock: MockServer) -> None:
    mock.lighthouse.announce("MAINTENANCE", end=NOON + timedelta(hours=5), with_api=True)
    mock.clock.advance(minutes=10)
    mock.lighthouse.end()
    assert status(mock) == {"status": "AVAILABLE"}
    assert challenge(mock) == 200
    (corrected,) = messages(mock)
    assert (corrected["version"], corrected["end"]) == (2, "2026-05-04T12:10:00+00:00")


def test_what_has_not_begun_is_withdrawn_by_its_end(mock: MockServer) -> None:
    later = NOON + timedelta(days=1)
    event = mock.lighthouse.announce(
        "MAINTENANCE", start=later, end=later + timedelta(hours=1), with_api=True
    )
    mock.lighthouse.end(event)
    mock.clock.set(later)
    assert messages(mock) == []
    assert challenge(mock) == 200


def test_correction_is_the_next_version_of_the_message(mock: MockServer) -> None:
    event = mock.lighthouse.announce("FAILURE")
    mock.clock.advance(minutes=5)
    mock.lighthouse.correct("K/2026/AWR/01", text="Trwa awaria bramy API.")
    (corrected,) = messages(mock)
    assert corrected["version"] == 2
    assert corrected["eventId"] == event
    assert corrected["text"] == "Trwa awaria bramy API."
    assert corrected["title"] == "Wystąpiła awaria"
    assert corrected["published"] == "2026-05-04T12:05:00+00:00"
    assert status(mock)["status"] == "FAILURE"


def test_withdrawn_messages_leave_no_number_for_others(mock: MockServer) -> None:
    first = mock.lighthouse.announce("TOTAL_FAILURE", with_api=True)
    mock.lighthouse.withdraw()
    assert status(mock) == {"status": "AVAILABLE"}
    assert messages(mock) == []
    assert challenge(mock) == 200
    assert mock.lighthouse.announce("FAILURE") == first + 1
    assert messages(mock)[0]["id"] == "K/2026/AWR/02"
    mock.reset()
    assert status(mock) == {"status": "AVAILABLE"}


def test_messages_stay_for_thirty_days_after_what_they_speak_of(mock: MockServer) -> None:
    open_event = mock.lighthouse.announce("FAILURE")
    mock.lighthouse.announce("TOTAL_FAILURE", end=NOON + timedelta(hours=1))
    mock.clock.advance(days=30, minutes=59)
    assert len(messages(mock)) == 3
    mock.clock.advance(minutes=1)
    assert [message["eventId"] for message in messages(mock)] == [open_event]


def test_outage_from_its_announcement_to_its_end(mock: MockServer) -> None:
    mock.lighthouse.play("outage")
    assert status(mock)["status"] == "FAILURE"
    assert challenge(mock) == 503
    mock.clock.advance(hours=1)
    assert status(mock) == {"status": "AVAILABLE"}
    assert challenge(mock) == 200
    assert [message["type"] for message in messages(mock)] == ["FAILURE_END", "FAILURE_START"]


@pytest.mark.parametrize(
    ("scenario", "course"),
    [
        # After so many minutes: the lighthouse, the API.
        ("total-outage", {0: ("FAILURE", 503), 15: ("TOTAL_FAILURE", 503), 120: ("AVAILABLE", 200)}),
        ("maintenance", {0: ("AVAILABLE", 200), 60: ("MAINTENANCE", 503), 180: ("AVAILABLE", 200)}),
        ("false-alarm", {0: ("FAILURE", 200), 60: ("AVAILABLE", 200)}),
        ("unannounced", {0: ("AVAILABLE", 503), 60: ("AVAILABLE", 200)}),
        ("all-clear", {0: ("AVAILABLE", 200)}),
    ],
)
def test_scenarios(mock: MockServer, scenario: str, course: dict[int, tuple[str, int]]) -> None:
    mock.lighthouse.play("outage")  # what was played before makes room
    mock.lighthouse.play(scenario)
    for minutes, expected in course.items():
        mock.clock.set(NOON + timedelta(minutes=minutes))
        assert (status(mock)["status"], challenge(mock)) == expected, minutes


@pytest.mark.parametrize(
    "path", ["", "/", "/status/", "/Status", "/messages/1", "/open-api.json", "/v2/status"]
)
def test_every_other_path_is_denied_by_the_file_store(ksef_mock: MockServer, path: str) -> None:
    refused = httpx.get(f"{ksef_mock.url}/latarnia{path}")
    _is_access_denied(refused)
    _is_access_denied(httpx.post(f"{ksef_mock.url}/latarnia/status"))


def _is_access_denied(answer: httpx.Response) -> None:
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/xml")
    root = etree.fromstring(answer.content)
    assert root.tag == "Error"
    assert [child.tag for child in root] == ["Code", "Message", "RequestId", "HostId"]
    assert root.findtext("Code") == "AccessDenied"
    assert root.findtext("Message") == "Access Denied"


@pytest.mark.parametrize(
    ("how", "code"), [("502", 502), ("504", 504), ("access-denied", 403), ("firewall", 403)]
)
def test_lighthouse_itself_is_down(ksef_mock: MockServer, how: str, code: int) -> None:
    ksef_mock.lighthouse.break_down(how)
    answer = httpx.get(f"{ksef_mock.lighthouse.url}/status")
    assert answer.status_code == code
    if how == "access-denied":
        _is_access_denied(answer)
    if how == "firewall":
        body = answer.json()
        assert (body["title"], body["status"]) == ("Request blocked", 403)
        assert set(body["security"]) == {"incidentId", "clientIp"}
    assert challenge(ksef_mock) == 200
    ksef_mock.lighthouse.break_down(None)
    assert status(ksef_mock) == {"status": "AVAILABLE"}


def test_slow_lighthouse_keeps_nobody_else_waiting(ksef_mock: MockServer) -> None:
    ksef_mock.lighthouse.break_down(slow_seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{ksef_mock.lighthouse.url}/status", timeout=httpx.Timeout(60, read=0.2))
    assert challenge(ksef_mock) == 200


def test_faults_and_warnings_of_the_api_are_not_of_the_lighthouse(ksef_mock: MockServer) -> None:
    ksef_mock.faults.add(status=503)
    ksef_mock.warn("[1]: Przerwa")
    answer = httpx.get(f"{ksef_mock.lighthouse.url}/status", headers={"X-Test-System-Warning": "x"})
    assert answer.status_code == 200
    assert "x-system-warning" not in answer.headers


def test_pages_of_other_origins_may_read_it_where_that_is_asked_for(
    ksef_mock: MockServer, serve: Callable[..., tuple[MockServer, Api]]
) -> None:
    headers = {"Origin": "https://example.pl", "Access-Control-Request-Method": "GET"}
    closed = httpx.get(f"{ksef_mock.lighthouse.url}/status", headers=headers)
    assert "access-control-allow-origin" not in closed.headers
    _is_access_denied(httpx.options(f"{ksef_mock.lighthouse.url}/status", headers=headers))

    mock, _ = serve(settings=Settings(lighthouse_cors=True))
    opened = httpx.get(f"{mock.lighthouse.url}/status", headers=headers)
    assert opened.headers["access-control-allow-origin"] == "*"
    preflight = httpx.options(f"{mock.lighthouse.url}/status", headers=headers)
    assert preflight.status_code == 204
    assert "GET" in preflight.headers["access-control-allow-methods"]
    # Of nothing else: the API stays closed.
    api = httpx.get(f"{mock.url}/v2/security/public-key-certificates", headers=headers)
    assert "access-control-allow-origin" not in api.headers


def test_port_of_its_own(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    mock, _ = serve(lighthouse_port=0)
    assert mock.lighthouse.url != f"{mock.url}/latarnia"
    mock.lighthouse.announce("FAILURE")
    assert status(mock)["status"] == "FAILURE"
    # The lighthouse alone: neither the API nor its controls are there.
    for path in ("/v2/auth/challenge", "/_mock/health", "/_mock/journal", "/latarnia/status", "/"):
        _is_access_denied(httpx.get(mock.lighthouse.url + path))
    assert httpx.get(f"{mock.url}/latarnia/status").json()["status"] == "FAILURE"
    journal = httpx.get(f"{mock.url}/_mock/journal", params={"path": "/latarnia/status"}).json()
    paths = [entry["path"] for entry in journal["entries"]]
    assert paths == ["/latarnia/status", "/latarnia/latarnia/status", "/latarnia/status"]


@pytest.mark.parametrize("host", ["api-latarnia-test.ksef.mf.gov.pl", "api-latarnia.ksef.mf.gov.pl"])
def test_host_of_its_own_by_https(serve: Callable[..., tuple[MockServer, Api]], host: str) -> None:
    mock, _ = serve(tls=True)
    _, port = mock.url.rsplit(":", 1)
    context = mock.ssl_context()

    def get(path: str) -> bytes:
        # As with an entry in the hosts file: the name is checked against the certificate.
        with (
            socket.create_connection(("127.0.0.1", int(port)), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: secure.recv(4096), b""))

    assert isinstance(context, ssl.SSLContext)
    assert get("/status").endswith(b'{"status":"AVAILABLE"}')
    assert b"AccessDenied" in get("/v2/auth/challenge")
    assert b"AccessDenied" in get("/_mock/health")


def test_processes_agree(tmp_path: Any) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with MockServer(Settings(store=store)) as one, MockServer(Settings(store=store)) as other:
        one.lighthouse.announce("FAILURE", with_api=True)
        assert status(other)["status"] == "FAILURE"
        assert challenge(other) == 503
        other.lighthouse.end()
        assert status(one) == {"status": "AVAILABLE"}
        assert challenge(one) == 200
        one.lighthouse.break_down("502")
        assert httpx.get(f"{other.lighthouse.url}/status").status_code == 502


def test_snapshot_has_it(mock: MockServer) -> None:
    mock.lighthouse.announce("TOTAL_FAILURE")
    snapshot = mock.snapshot()
    mock.lighthouse.withdraw()
    mock.restore(snapshot)
    assert status(mock)["status"] == "TOTAL_FAILURE"
