"""The controls over HTTP: health, reset, clock, tokens, journal, and who may use them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from ksef_mock.app import create_app
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api, altered, error

CONTROLS = [
    ("POST", "/_mock/reset", None),
    ("POST", "/_mock/clock/advance", {"seconds": 1}),
    ("POST", "/_mock/tokens", {"nip": NIP}),
    ("GET", "/_mock/journal", None),
]


@pytest.fixture
def control(ksef_mock: MockServer) -> Any:
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock") as http:
        yield http


def answer(settings: Settings, client_ip: str, method: str, path: str, **options: Any) -> httpx.Response:
    """The answer of a mock to a client of any address."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(settings), client=(client_ip, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.request(method, path, **options)

    return asyncio.run(ask())


# -- what they do -----------------------------------------------------------------------------------------


def test_health_tells_profile_and_time(ksef_mock: MockServer, control: httpx.Client) -> None:
    ksef_mock.clock.freeze()
    health = control.get("/health").json()
    assert (health["status"], health["profile"]) == ("ok", "test")
    assert datetime.fromisoformat(health["time"]).timestamp() == pytest.approx(ksef_mock.clock.now() / 1e9)


def test_reset_forgets_tokens_logins_and_the_journal(
    ksef_mock: MockServer, control: httpx.Client, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    ksef_mock.clock.advance(seconds=3_600)
    assert control.post("/reset").status_code == 204
    assert [entry.path for entry in ksef_mock.journal] == ["/_mock/reset"]
    assert api.limits(login.access_token).status_code == 401
    assert api.status(api.submit(api.token_request(ksef_token)))["code"] == 450
    health = datetime.fromisoformat(control.get("/health").json()["time"])
    assert abs(health.timestamp() - datetime.now().timestamp()) < 60


@pytest.mark.parametrize("seconds", [60, 0.5, -60])
def test_clock_moves(ksef_mock: MockServer, control: httpx.Client, seconds: float) -> None:
    ksef_mock.clock.freeze()
    before = ksef_mock.clock.now()
    response = control.post("/clock/advance", json={"seconds": seconds})
    assert response.status_code == 200
    assert ksef_mock.clock.now() - before == seconds * 10**9
    assert datetime.fromisoformat(response.json()["time"]).timestamp() == pytest.approx(
        ksef_mock.clock.now() / 1e9
    )


@pytest.mark.parametrize("body", [{}, {"seconds": "1"}, {"seconds": None}, {"seconds": 1e12}, [1], "x"])
def test_clock_refuses_what_is_no_time(ksef_mock: MockServer, control: httpx.Client, body: Any) -> None:
    ksef_mock.clock.freeze()
    before = ksef_mock.clock.now()
    assert error(control.post("/clock/advance", json=body))[0] == 21405
    assert ksef_mock.clock.now() == before


def test_token_is_made_with_its_permissions(control: httpx.Client, api: Api) -> None:
    response = control.post("/tokens", json={"nip": OTHER_NIP, "permissions": ["InvoiceRead"]})
    assert response.status_code == 201
    delivery = response.json()
    assert delivery["token"].startswith(f"{delivery['referenceNumber']}|nip-{OTHER_NIP}|")
    assert api.login(delivery["token"], nip=OTHER_NIP)


def test_token_can_have_a_text_of_ones_own_once(control: httpx.Client, api: Api) -> None:
    order = {"nip": NIP, "token": "AAAA-BBBB-CCCC-DDDD"}
    assert control.post("/tokens", json=order).status_code == 201
    assert api.login("AAAA-BBBB-CCCC-DDDD")
    assert error(control.post("/tokens", json=order))[0] == 21405


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"nip": "123"},
        {"nip": 5265877635},
        {"nip": NIP, "permissions": ["Everything"]},
        {"nip": NIP, "permissions": "InvoiceRead"},
        {"nip": NIP, "permission": ["InvoiceRead"]},
    ],
)
def test_token_orders_that_make_no_sense_are_refused(control: httpx.Client, order: dict[str, Any]) -> None:
    assert error(control.post("/tokens", json=order))[0] == 21405


def test_journal_can_be_narrowed_down(control: httpx.Client, api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)

    def paths(**params: Any) -> list[str]:
        return [entry["path"] for entry in control.get("/journal", params=params).json()["entries"]]

    assert paths(path="/auth/challenge") == ["/v2/auth/challenge"]
    assert set(paths(operation=login.reference)) == {
        "/v2/auth/ksef-token",
        f"/v2/auth/{login.reference}",
        "/v2/auth/token/redeem",
    }
    entries = control.get("/journal").json()["entries"]
    assert paths(after=entries[1]["sequence"])[0] == entries[2]["path"]
    assert error(control.get("/journal", params={"after": "x"}))[0] == 21405


def test_unknown_control_is_404_and_wrong_method_405(control: httpx.Client) -> None:
    assert control.get("/nothing").status_code == 404
    assert control.get("/reset").status_code == 405


# -- who may use them -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "body"), CONTROLS)
@pytest.mark.parametrize("client_ip", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_clients_may(method: str, path: str, body: Any, client_ip: str) -> None:
    assert answer(Settings(), client_ip, method, path, json=body).status_code < 300


@pytest.mark.parametrize(("method", "path", "body"), CONTROLS)
@pytest.mark.parametrize("client_ip", ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1", "unix"])
def test_others_may_not(method: str, path: str, body: Any, client_ip: str) -> None:
    response = answer(Settings(), client_ip, method, path, json=body)
    assert (response.status_code, response.json()["reasonCode"]) == (403, "security-service-blocked")


@pytest.mark.parametrize(("method", "path", "body"), CONTROLS)
@pytest.mark.parametrize("client_ip", ["127.0.0.1", "192.0.2.1"])
@pytest.mark.parametrize(("given", "allowed"), [(None, False), ("wrong", False), ("secret", True)])
def test_with_a_control_token_only_its_bearers_may(
    method: str, path: str, body: Any, client_ip: str, given: str | None, allowed: bool
) -> None:
    headers = {} if given is None else {"X-Mock-Control-Token": given}
    settings = Settings(control_token="secret")
    response = answer(settings, client_ip, method, path, json=body, headers=headers)
    assert response.status_code < 300 if allowed else response.status_code == 401


@pytest.mark.parametrize("settings", [Settings(), Settings(control_token="secret")])
def test_health_is_for_everybody(settings: Settings) -> None:
    assert answer(settings, "192.0.2.1", "GET", "/_mock/health").status_code == 200


# -- the journal keeps secrets ----------------------------------------------------------------------------


def test_journal_never_shows_a_secret(
    ksef_mock: MockServer, control: httpx.Client, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    wrong = altered(ksef_token)
    refused: list[Callable[[], object]] = [
        lambda: api.submit(api.token_request(wrong)),
        lambda: api.submit(api.token_request(ksef_token, nip=OTHER_NIP)),
        lambda: api.submit(api.token_request(ksef_token, publicKeyId="x" * 44)),
        lambda: api.submit(api.token_request(ksef_token) | {"encryptedToken": ksef_token}),
        lambda: api.limits(login.access_token + "x"),
        lambda: api.redeem(login.access_token),
        lambda: control.post("/tokens", json={"nip": NIP, "token": ksef_token}),
        lambda: api.call("GET", f"/auth/{login.access_token[:36]}", bearer=login.access_token),
    ]
    for attempt in refused:
        attempt()
    ksef_mock.revoke_token(ksef_token)
    api.submit(api.token_request(ksef_token))
    shown = control.get("/journal").text
    secret = ksef_token.rpartition("|")[2]
    for text in (secret, secret[:12], wrong.rpartition("|")[2], login.access_token, login.refresh_token):
        assert text not in shown
    assert f"{ksef_token.rpartition('|')[0]}|{secret[:4]}…" in shown


def test_journal_keeps_the_last_requests_only() -> None:
    with MockServer(Settings(journal_size=3)) as mock, httpx.Client(base_url=mock.url) as http:
        for number in range(5):
            http.get(f"/number/{number}")
        assert [entry.path for entry in mock.journal] == ["/number/2", "/number/3", "/number/4"]
        assert [entry.sequence for entry in mock.journal] == [3, 4, 5]
        assert len(mock.journal) == 3
        assert mock.journal.last().duration_ms > 0
        with pytest.raises(LookupError, match="/elsewhere"):
            mock.journal.last("/elsewhere")
