"""Who may see the dashboard, and what its answers tell the browser."""

from __future__ import annotations

import asyncio
import builtins
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from ksef_mock.app import create_app
from ksef_mock.core.installed import how_to_install
from ksef_mock.dashboard import render
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.dashboard.support import Browse, Dashboard, Serve
from tests.support import Api

PAGES = ["/_mock/", "/_mock/ui/requests", "/_mock/ui/logins/x"]
SECRET = "correct horse"


def answer(
    settings: Settings, method: str, path: str, *, client: str = "127.0.0.1", **options: Any
) -> httpx.Response:
    """The answer of a mock to a client of any address."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(settings), client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as http:
            return await http.request(method, path, **options)

    return asyncio.run(ask())


def sign_in(token: str, *, origin: str | None = "http://127.0.0.1:8080", **fields: str) -> httpx.Response:
    headers = {} if origin is None else {"Origin": origin}
    return answer(
        Settings(control_token=SECRET),
        "POST",
        "/_mock/ui/session",
        client="192.0.2.1",
        data={"token": token, **fields},
        headers=headers,
    )


@pytest.mark.parametrize("path", [*PAGES, "/_mock/ui/nothing"])
def test_answers_allow_nothing_from_elsewhere_and_are_not_kept(dashboard: Dashboard, path: str) -> None:
    response = dashboard.http.get(path)
    if path.endswith("nothing"):
        assert response.status_code == 404
        return
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("dashboard.css", "text/css; charset=utf-8"),
        ("dashboard.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_static_files_have_their_type(dashboard: Dashboard, name: str, media_type: str) -> None:
    response = dashboard.http.get(f"/_mock/ui/static/{name}")
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)


@pytest.mark.parametrize("name", ["nothing.css", "..%2frender.py", "..", "%2e%2e%2f%2e%2e%2fcli.py", "a/b"])
def test_no_other_file_is_served(dashboard: Dashboard, name: str) -> None:
    assert dashboard.http.get(f"/_mock/ui/static/{name}").status_code == 404


def test_the_slash_may_be_left_out(dashboard: Dashboard) -> None:
    response = dashboard.http.get("/_mock")
    assert (response.status_code, response.headers["location"]) == (308, "/_mock/")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("client", "allowed"), [("127.0.0.1", True), ("192.0.2.1", False)])
def test_without_a_control_token_it_answers_this_machine_only(path: str, client: str, allowed: bool) -> None:
    response = answer(Settings(), "GET", path, client=client)
    assert (response.status_code in (200, 404)) is allowed
    assert (response.status_code == 403) is not allowed


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("token", "allowed"), [(None, False), ("wrong", False), (SECRET, True)])
def test_the_header_opens_it_too(path: str, token: str | None, allowed: bool) -> None:
    headers = {} if token is None else {"X-Mock-Control-Token": token}
    response = answer(Settings(control_token=SECRET), "GET", path, headers=headers)
    assert (response.status_code == 401) is not allowed
    if not allowed:
        assert "Control token" in response.text


@pytest.mark.parametrize(
    ("settings", "client", "status"),
    [(Settings(), "192.0.2.1", 403), (Settings(control_token=SECRET), "127.0.0.1", 401)],
)
def test_the_events_are_guarded_too(settings: Settings, client: str, status: int) -> None:
    assert answer(settings, "GET", "/_mock/ui/events", client=client).status_code == status


def test_events_tell_of_requests_and_of_the_clock(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    with dashboard.http.stream("GET", "/_mock/ui/events") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        pulses = (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))
        first = next(pulses)
        assert (first["sequence"], first["offset"], first["frozen"]) == (0, "", False)
        api.challenge()
        assert next(pulses)["sequence"] == 1
        ksef_mock.clock.advance(3_600)
        assert next(pulses)["offset"] == "+1 h"
        ksef_mock.clock.freeze()
        assert next(pulses)["frozen"]


@pytest.mark.parametrize("host", ["[", "a b", "", "x" * 1_000])
@pytest.mark.parametrize("token", [None, SECRET])
def test_a_host_that_is_none_is_refused_or_does_not_matter(host: str, token: str | None) -> None:
    headers = {"Host": host} | ({"X-Mock-Control-Token": token} if token else {})
    response = answer(Settings(control_token=token), "GET", "/_mock/", headers=headers)
    assert response.status_code in (200, 403)
    assert answer(Settings(control_token="x"), "GET", "/_mock/?q=x", headers=headers).status_code == 401


def test_signing_in_leads_back_to_the_page_that_was_asked_for() -> None:
    response = answer(Settings(control_token=SECRET), "GET", "/_mock/ui/requests?kind=all&q=x")
    assert 'value="/_mock/ui/requests?kind=all&amp;q=x"' in response.text


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_have() -> None:
    response = sign_in(SECRET, next="/_mock/ui/requests?q=x")
    assert (response.status_code, response.headers["location"]) == (303, "/_mock/ui/requests?q=x")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/_mock" in cookie
    assert SECRET not in cookie


def test_the_cookie_opens_the_pages_until_signing_out(serve: Serve, browse: Browse) -> None:
    mock, _ = serve(settings=Settings(control_token=SECRET))
    dashboard = browse(mock)
    assert dashboard.http.get("/_mock/").status_code == 401
    assert dashboard.http.post("/_mock/ui/session", data={"token": SECRET}).status_code == 303
    assert "Sign out" in dashboard.get().text
    assert dashboard.http.post("/_mock/ui/session/end").status_code == 303
    assert dashboard.http.get("/_mock/").status_code == 401


def test_the_cookie_of_another_control_token_opens_nothing() -> None:
    cookie = sign_in(SECRET).headers["set-cookie"].partition(";")[0]

    def look(control_token: str, cookie: str) -> int:
        settings = Settings(control_token=control_token)
        return answer(settings, "GET", "/_mock/", headers={"Cookie": cookie}).status_code

    assert look(SECRET, cookie) == 200
    assert look("x", cookie) == 401
    name = cookie.partition("=")[0]
    for value in ("", SECRET, "0" * 64):
        assert look(SECRET, f"{name}={value}") == 401


@pytest.mark.parametrize("token", ["", "wrong", "ż", SECRET + " "])
def test_a_wrong_control_token_gets_no_cookie(token: str) -> None:
    response = sign_in(token)
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert "the control token is wrong" in response.text


@pytest.mark.parametrize(
    "path",
    ["https://example.com/", "//example.com/", "/v2/auth/challenge", "/_mock/ui/\r\nx: y", "/_mock/\\x", ""],
)
def test_signing_in_leads_to_the_dashboards_own_pages_only(path: str) -> None:
    assert sign_in(SECRET, next=path).headers["location"] == "/_mock/"


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://example.com", "http://127.0.0.1:9090", "http://localhost:8080", "http://["],
)
def test_forms_of_other_sites_are_refused(origin: str | None) -> None:
    response = sign_in(SECRET, origin=origin)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


def test_a_form_that_is_too_large_is_refused() -> None:
    assert sign_in("x" * 20_000).status_code == 413


@pytest.mark.parametrize("path", PAGES)
def test_without_jinja2_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    render._environment.cache_clear()
    response = answer(Settings(), "GET", path)
    render._environment.cache_clear()
    assert response.status_code == 501
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert how_to_install("dashboard") in response.text


def test_the_server_does_not_load_jinja2_until_a_page_is_asked_for() -> None:
    code = "import sys; from ksef_mock.app import create_app; create_app(); sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
