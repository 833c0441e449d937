"""One request and its answer as they were on the wire, by HTTP, by command, on the dashboard."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.core import wire as kept
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from ksef_mock.trail import journal as trail
from tests.auth.test_xades_login import signed, submit
from tests.dashboard.support import OWNER, Browse, Dashboard
from tests.support import NIP, Api

Serve = Callable[..., tuple[MockServer, Api]]


def control(mock: MockServer, path: str, status: int = 200, **params: Any) -> httpx.Response:
    response = httpx.get(f"{mock.url}/_mock{path}", params=params)
    assert response.status_code == status, response.text
    return response


def one(mock: MockServer, path: str) -> dict[str, Any]:
    """The newest request to `path`."""
    found: dict[str, Any] = control(mock, f"/requests/{mock.journal.last(path).sequence}").json()
    return found


@pytest.fixture(params=["memory", "sqlite"])
def mock_and_api(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> tuple[MockServer, Api]:
    store = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'state'}"
    return serve(settings=Settings(store=store))


def test_a_request_and_its_answer_are_shown_as_they_were(mock_and_api: tuple[MockServer, Api]) -> None:
    mock, api = mock_and_api
    answer = api.call("GET", "/security/public-key-certificates?x=1", headers={"X-Mine": "y"})
    wire = one(mock, "/security/public-key-certificates")["wire"]
    assert wire["target"].endswith("/security/public-key-certificates?x=1")
    assert ["x-mine", "y"] in wire["request"]["headers"]
    assert (wire["method"], wire["status"]) == ("GET", 200)
    assert wire["answer"]["text"] == answer.text
    assert wire["answer"]["length"] == len(answer.content)
    assert ["content-type", answer.headers["content-type"]] in wire["answer"]["headers"]


def test_a_trace_id_names_a_request_too(ksef_mock: MockServer, api: Api) -> None:
    api.challenge()
    entry = ksef_mock.journal.last("/auth/challenge")
    assert control(ksef_mock, f"/requests/{entry.trace_id}").json()["entry"]["sequence"] == entry.sequence


@pytest.mark.parametrize("number", ["0", "99", "x", "9" * 12, "%00", "1.0", "²"])
def test_a_request_that_is_not_there_is_404(ksef_mock: MockServer, number: str) -> None:
    assert "the journal has no request" in control(ksef_mock, f"/requests/{number}", 404).text
    control(ksef_mock, f"/requests/{number}/document", 404)


def test_no_secret_is_shown(mock_and_api: tuple[MockServer, Api]) -> None:
    mock, api = mock_and_api
    token = mock.issue_token(NIP)
    login = api.login(token)
    api.refresh(login.refresh_token)
    api.submit(api.token_request(token) | {"encryptedToken": token})
    made = api.call(
        "POST",
        "/tokens",
        json={"permissions": ["InvoiceRead"], "description": "secret"},
        headers={"Authorization": f"Bearer {login.access_token}"},
    )
    shown = "".join(control(mock, f"/requests/{entry.sequence}").text for entry in mock.journal.entries())
    for secret in (
        token.rpartition("|")[2],
        *(jwt.rpartition(".")[2] for jwt in (login.access_token, login.refresh_token)),
        *([made.json()["token"].rpartition("|")[2]] if made.status_code == 202 else []),
    ):
        assert secret not in shown
        assert secret[:12] not in shown
    # What a JWT says is no secret, and explains much.
    assert login.access_token.rpartition(".")[0] in shown


def test_what_a_store_keeps_has_no_secrets(serve: Serve, tmp_path: Path) -> None:
    mock, api = serve(settings=Settings(store=f"sqlite:{tmp_path / 'state'}"))
    login = api.login(mock.issue_token(NIP))
    api.limits(login.access_token)
    signature = login.access_token.rpartition(".")[2].encode()
    rows = [entry for _, entry in mock._running.store.logged()]
    assert any(login.access_token.partition(".")[0].encode() in row for row in rows)
    assert not any(signature[:12] in row for row in rows)


def test_orders_to_the_mock_are_not_kept(ksef_mock: MockServer) -> None:
    httpx.post(f"{ksef_mock.url}/_mock/tokens", json={"nip": NIP, "token": "a-text-of-my-own"})
    found = one(ksef_mock, "/_mock/tokens")
    assert "wire" not in found
    assert "a-text-of-my-own" not in json.dumps(found)


def test_a_signed_document_is_downloaded_octet_by_octet(mock_and_api: tuple[MockServer, Api]) -> None:
    mock, api = mock_and_api
    document = signed(mock, api, mock.pki.qualified(OWNER))
    submit(api, document)
    number = mock.journal.last("/auth/xades-signature").sequence
    response = control(mock, f"/requests/{number}/document")
    assert response.content == document
    assert response.headers["content-type"] == "application/octet-stream"
    assert "attachment" in response.headers["content-disposition"]
    ran = CliRunner().invoke(main, ["journal", "get", str(number), "--document", "--url", mock.url])
    assert (ran.exit_code, ran.stdout_bytes) == (0, document)


def test_a_document_goes_to_a_file_that_is_not_there_yet(
    ksef_mock: MockServer, api: Api, tmp_path: Path
) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER))
    submit(api, document)
    number = str(ksef_mock.journal.last("/auth/xades-signature").sequence)
    command = ["journal", "get", number, "--out", str(tmp_path / "a.xml"), "--url", ksef_mock.url]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert (tmp_path / "a.xml").read_bytes() == document
    assert CliRunner().invoke(main, command).exit_code == 1


def test_curl_sends_the_same_again(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    body = api.token_request(ksef_token) | {"note": "it's $HOME \\ `x`"}
    refused = api.call("POST", "/auth/ksef-token", json=body | {"challenge": "x" * 36})
    assert refused.status_code == 400
    number = ksef_mock.journal.last("/auth/ksef-token").sequence
    curl = one(ksef_mock, "/auth/ksef-token")["wire"]["curl"]
    ran = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.startswith("HTTP/1.1 400")
    again = ksef_mock.journal.last("/auth/ksef-token")
    assert again.sequence > number
    texts = [
        control(ksef_mock, f"/requests/{each}").json()["wire"]["request"]["text"]
        for each in (number, again.sequence)
    ]
    assert texts[0] == texts[1]


def test_curl_of_a_request_with_a_bearer_asks_for_it(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    api.limits(login.access_token)
    curl = one(ksef_mock, "/limits/context")["wire"]["curl"]
    assert '"Authorization: Bearer $TOKEN"' in curl
    ran = subprocess.run(
        ["sh", "-c", curl],
        env={"TOKEN": login.access_token, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.startswith("HTTP/1.1 200")


def test_octets_that_are_no_text_come_as_base64(ksef_mock: MockServer, api: Api) -> None:
    api.call(
        "POST", "/auth/ksef-token", content=b"\xff\x00\xfe", headers={"Content-Type": "application/json"}
    )
    wire = one(ksef_mock, "/auth/ksef-token")["wire"]
    assert wire["request"]["base64"] == "/wD+"
    assert "--data-binary @document" in wire["curl"]
    assert shlex.split(wire["curl"].replace("\\\n", " "))[0] == "curl"


def test_a_long_body_is_kept_in_part_and_says_so(
    monkeypatch: pytest.MonkeyPatch, ksef_mock: MockServer, api: Api
) -> None:
    monkeypatch.setattr(kept, "LONGEST_BODY", 101)
    body = json.dumps({"challenge": "ł" * 300}, ensure_ascii=False).encode()
    api.call("POST", "/auth/ksef-token", content=body, headers={"Content-Type": "application/json"})
    request = one(ksef_mock, "/auth/ksef-token")["wire"]["request"]
    assert (request["length"], request["missing"]) == (len(body), len(body) - 101)
    assert request["text"].startswith('{"challenge": "łł')
    number = ksef_mock.journal.last().sequence
    assert "only the first 101 of its" in control(ksef_mock, f"/requests/{number}/document", 404).text


def test_old_bodies_make_room_for_new_ones(
    monkeypatch: pytest.MonkeyPatch, ksef_mock: MockServer, api: Api
) -> None:
    monkeypatch.setattr(trail, "_WHOLE", 8_000)
    for _ in range(40):
        api.challenge()
    first, last = (control(ksef_mock, f"/requests/{number}").json()["wire"] for number in (1, 40))
    assert (first["forgotten"], first["answer"]["headers"]) == (True, [])
    assert last["forgotten"] is False
    assert ksef_mock.journal._held <= 8_000


def test_bodies_go_with_their_entries(serve: Serve) -> None:
    mock, api = serve(settings=Settings(journal_size=3))
    for _ in range(10):
        api.challenge()
    assert mock.journal._held == sum(len(row) for _, row in mock.journal._rows)
    mock.reset()
    assert (len(mock.journal), mock.journal._held) == (0, 0)


def test_entries_are_counted(ksef_mock: MockServer, api: Api) -> None:
    for _ in range(3):
        api.challenge()
    api.limits(None)
    assert control(ksef_mock, "/journal/count").json() == {"count": 4}
    assert control(ksef_mock, "/journal/count", status=200, failed="true").json() == {"count": 1}
    command = ["journal", "--count", "--path", "/auth/*", "--url", ksef_mock.url]
    assert CliRunner().invoke(main, command).stdout == "3\n"


def test_the_command_shows_a_request(ksef_mock: MockServer, api: Api) -> None:
    api.limits(None)
    number = str(ksef_mock.journal.last().sequence)
    shown = CliRunner().invoke(main, ["journal", "get", number, "--url", ksef_mock.url]).stdout
    assert "refused: no Authorization: Bearer header" in shown
    assert "GET /v2/limits/context HTTP/1.1" in shown
    assert "www-authenticate" in shown.lower() or "content-type" in shown.lower()
    curl = CliRunner().invoke(main, ["journal", "get", number, "--curl", "--url", ksef_mock.url]).stdout
    assert curl.startswith("curl -i -X GET ")


def test_the_dashboard_shows_a_request(ksef_mock: MockServer, dashboard: Dashboard, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER))
    submit(api, document)
    number = ksef_mock.journal.last().sequence
    assert f"/_mock/ui/requests/{number}" in dashboard.get("/_mock/ui/requests").links()
    page = dashboard.get(f"/_mock/ui/requests/{number}")
    sent, answered, _ = page.all("//pre")[:3]
    assert sent.startswith("POST /v2/auth/xades-signature HTTP/1.1 ")
    assert "<AuthTokenRequest" in sent
    assert answered.startswith("HTTP/1.1 202 content-")
    assert "authenticationToken" in answered
    (link,) = [href for href in page.links() if href.endswith("/document")]
    assert dashboard.http.get(link).content == document
    assert "No such request" in dashboard.get("/_mock/ui/requests/77", status=404).text


def test_what_clients_send_is_never_markup(serve: Serve, browse: Browse) -> None:
    mock, api = serve()
    api.call("GET", "/auth/%3Cscript%3Ealert(1)%3C/script%3E?<script>", headers={"X-A": "<script>alert(1)"})
    page = browse(mock).get(f"/_mock/ui/requests/{mock.journal.last().sequence}")
    assert "<script>alert" not in page.response.text
