"""One guard stands before everything under /_mock; health alone is open; errors say why, in English."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from ksef_mock.app import _Application, create_app
from ksef_mock.control.guard import Guard
from ksef_mock.control.routes import ROUTES as CONTROLS
from ksef_mock.dashboard.routes import ROUTES as PAGES
from ksef_mock.settings import Settings
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer

TOKEN = "the control token"
STRANGER = "203.0.113.9"
#: What the page to sign in consists of.
SIGN_IN = ("/ui/static/{name}", "/ui/session")


def calls(routes: list[Route]) -> list[tuple[str, str]]:
    return [(method, route.path) for route in routes for method in sorted(route.methods or ())]


def ask(app: ASGIApp, method: str, path: str, address: str = "127.0.0.1", **headers: str) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, "/_mock" + re.sub(r"\{[^}]*\}", "x", path), headers=headers)

    return asyncio.run(answer())


@pytest.mark.parametrize(("method", "path"), [*calls(CONTROLS), ("GET", "/nothing"), ("PATCH", "/keys")])
def test_each_control_is_closed_to_whoever_lacks_permission(method: str, path: str) -> None:
    app, closed = create_app(), create_app(Settings(control_token=TOKEN))
    if path == "/health":
        assert ask(app, method, path, STRANGER).status_code == 200
        assert ask(closed, method, path).status_code == 200
        return
    refused = ask(app, method, path, STRANGER)
    assert refused.status_code == 403
    assert ask(closed, method, path).status_code == 401
    assert ask(closed, method, path, **{"X-Mock-Control-Token": "another"}).status_code == 401
    if method != "HEAD":
        assert refused.json()["detail"] == "without a control token /_mock answers loopback clients only"


@pytest.mark.parametrize(("method", "path"), [call for call in calls(PAGES) if call[1] not in SIGN_IN])
def test_each_page_is_closed_to_whoever_lacks_permission(method: str, path: str) -> None:
    assert ask(create_app(), method, path, STRANGER).status_code == 403
    assert ask(create_app(Settings(control_token=TOKEN)), method, path).status_code == 401


def test_a_control_that_is_added_is_guarded_without_a_line_of_its_own() -> None:
    routes = [Mount("/_mock", Guard([Route("/new", Response(), methods=["GET"])]))]
    app = _Application(routes=routes)
    app.state.system = System()
    app.state.ports = {}
    assert ask(app, "GET", "/new").status_code == 200
    assert ask(app, "GET", "/new", STRANGER).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("GET", "/nothing", None, "no such path in the API"),
        ("PATCH", "/keys", None, "allowed here: GET"),
        ("POST", "/tokens", b"{}", "nip: missing, expected a NIP"),
        ("POST", "/tokens", b"{", "truncated"),
        ("POST", "/invoices", b'{"invoices": [1]}', "invoices[0]: expected an object with seller (required)"),
        ("POST", "/peppol-providers", b"[]", "expected an object with providers (required), got a list"),
        ("DELETE", "/faults/x", None, "there is no fault x"),
        (
            "POST",
            "/keys/rotate",
            b'{"usage": 1}',
            "usage: expected one of KsefTokenEncryption, SymmetricKeyEncryption, got 1",
        ),
    ],
)
@pytest.mark.parametrize("wish", [{}, {"X-Error-Format": "problem-details"}])
def test_errors_are_in_english_and_say_why(
    ksef_mock: MockServer, method: str, path: str, body: bytes | None, why: str, wish: dict[str, str]
) -> None:
    headers = wish | ({} if body is None else {"Content-Type": "application/json"})
    response = httpx.request(method, f"{ksef_mock.url}/_mock{path}", content=body, headers=headers)
    assert 400 <= response.status_code < 500
    assert why in response.text.replace('\\"', '"')
    assert response.text.isascii()
