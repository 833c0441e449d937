"""What a fault does to requests and to logins, how often, and to which of them."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ksef_mock.app import create_app
from ksef_mock.clock import Clock
from ksef_mock.core.codes import STATUS_DESCRIPTIONS, STATUS_DETAILS, Code, Reason, Status
from ksef_mock.core.errors import ConnectionCut
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.fault import Fault, Hold, InvalidFault, Outcome
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.pki import person, seal
from ksef_mock.state import MemoryStore
from ksef_mock.testing import MockServer
from ksef_mock.trail.faults import MAX_FAULTS
from tests.auth.test_xades_login import outcome as xades_outcome
from tests.auth.test_xades_login import signed, submit
from tests.support import NIP, Api, altered, error

PROBLEM = {"X-Error-Format": "problem-details"}


@pytest.fixture
def control(ksef_mock: MockServer) -> Any:
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock") as http:
        yield http


def statuses(api: Api, count: int, path: str = "/auth/challenge") -> list[int]:
    return [api.http.post(path).status_code for _ in range(count)]


# -- which requests, how often ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [503] * 6),
        ({"times": 2}, [503, 503, 200, 200, 200, 200]),
        ({"every": 3}, [200, 200, 503, 200, 200, 503]),
        ({"every": 2, "times": 2}, [200, 503, 200, 503, 200, 200]),
    ],
)
def test_how_often_it_acts(
    ksef_mock: MockServer, api: Api, options: dict[str, Any], expected: list[int]
) -> None:
    ksef_mock.faults.add(status=503, **options)
    assert statuses(api, 6) == expected


def test_until_removed(ksef_mock: MockServer, api: Api) -> None:
    one = ksef_mock.faults.add(status=503)
    ksef_mock.faults.add(status=502)
    assert statuses(api, 1) == [503]
    assert ksef_mock.faults.remove(one)
    assert not ksef_mock.faults.remove(one)
    assert statuses(api, 1) == [502]
    ksef_mock.faults.clear()
    assert ksef_mock.faults.states() == []
    assert statuses(api, 1) == [200]


@pytest.mark.parametrize(
    ("pattern", "method", "path", "matches"),
    [
        ("*", None, "/auth/challenge", True),
        ("/auth/*", None, "/auth/challenge", True),
        ("/auth/*", None, "/auth/token/redeem", True),
        ("/auth/*", None, "/authentic", False),
        ("/auth/challenge", None, "/auth/challenge", True),
        ("/auth/challenge", None, "/auth/challenge/", False),
        ("/auth/challenge", None, "/AUTH/challenge", False),
        ("/auth/c?allenge", None, "/auth/challenge", True),
        ("/auth/[a-c]*", None, "/auth/challenge", False),
        ("/auth/[a-c]*", None, "/auth/[a-c]x", True),
        ("/auth/{referenceNumber}", "GET", "/auth/20260101-AU-0", True),
        ("/tokens/{referenceNumber}", None, "/tokens", False),
        ("*/redeem", "POST", "/auth/token/redeem", True),
        ("*/redeem", "GET", "/auth/token/redeem", False),
        ("*", "post", "/auth/challenge", True),
        ("/auth/*", None, "/auth/a\nb", True),
    ],
)
def test_which_requests_match(pattern: str, method: str | None, path: str, matches: bool) -> None:
    fault = Fault(path=pattern, method=method, status=500).checked()
    assert fault.matches("GET" if method == "GET" and matches else "POST", path) is matches


def test_a_pattern_full_of_stars_costs_no_time() -> None:
    fault = Fault(path="/" + "*a" * 120 + "b", status=500).checked()
    before = time.thread_time()
    assert not fault.matches("GET", "/" + "a" * 5_000)
    assert time.thread_time() - before < 5  # tried in each way, the stars would take ages


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2", "/webs/api/v2"])
def test_every_prefix_of_the_api_is_meant(ksef_mock: MockServer, prefix: str) -> None:
    ksef_mock.faults.add(path="/auth/challenge", status=503)
    assert httpx.post(f"{ksef_mock.url}{prefix}/auth/challenge").status_code == 503


def test_controls_have_no_faults(ksef_mock: MockServer, control: httpx.Client) -> None:
    ksef_mock.faults.add(status=503)
    ksef_mock.faults.add(cut=True)
    assert control.get("/health").status_code == 200
    assert control.get("/journal").status_code == 200
    assert control.delete("/faults").status_code == 204


def test_faults_add_up_until_one_ends_the_request(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.faults.add(delay_seconds=0.05)
    ksef_mock.faults.add(status=503, times=1)
    ksef_mock.faults.add(status=500)
    before = time.monotonic()
    assert statuses(api, 2) == [503, 500]
    assert time.monotonic() - before >= 0.1
    assert [state.acted for state in ksef_mock.faults.states()] == [2, 1, 1]


def test_concurrent_requests_are_counted_exactly(ksef_mock: MockServer) -> None:
    ksef_mock.faults.add(status=503, every=3, times=10)
    with httpx.Client(base_url=f"{ksef_mock.url}/v2") as http, ThreadPoolExecutor(8) as pool:
        seen = Counter(pool.map(lambda _: http.post("/auth/challenge").status_code, range(60)))
    assert seen == {503: 10, 200: 50}


def test_processes_with_a_common_store_count_together() -> None:
    async def scenario() -> Counter[bool]:
        store = MemoryStore(Clock())
        systems = [create_app(store=store).state.system for _ in range(3)]
        await systems[0].faults.add(Fault(cut=True, every=2, times=20))

        async def ask(number: int) -> bool:
            exchange = Exchange("GET", "/v2/tokens", "127.0.0.1", 0, "0" * 32)
            try:
                await systems[number % 3].catch_up()
                await systems[number % 3].faults.on_request(exchange)
            except ConnectionCut:
                return True
            return False

        return Counter(await asyncio.gather(*map(ask, range(100))))

    assert asyncio.run(scenario()) == {True: 20, False: 80}


def test_reset_removes_faults(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.faults.add(status=503)
    ksef_mock.reset()
    assert ksef_mock.faults.states() == []
    assert statuses(api, 1) == [200]


def test_a_fault_that_is_spent_makes_room_and_one_that_is_not_does_not(
    ksef_mock: MockServer, api: Api
) -> None:
    spent = ksef_mock.faults.add(path="/auth/challenge", status=503, times=1)
    assert statuses(api, 1) == [503]
    for _ in range(MAX_FAULTS):
        ksef_mock.faults.add(path="/nowhere", status=503)
    left = ksef_mock.faults.states()
    assert len(left) == MAX_FAULTS
    assert spent not in {state.id for state in left}
    with pytest.raises(InvalidFault, match="remove some"):
        ksef_mock.faults.add(status=503)


# -- effects on requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 408, 410, 413, 418, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("headers", [{}, PROBLEM], ids=["legacy", "problem"])
def test_statuses_come_in_the_formats_of_ksef(
    ksef_mock: MockServer, api: Api, status: int, headers: dict[str, str]
) -> None:
    ksef_mock.faults.add(status=status)
    response = api.http.post("/auth/challenge", headers=headers)
    assert response.status_code == status
    body = response.json()
    if status == 429 and not headers:
        assert body["status"]["code"] == 429
    elif status == 404:
        assert (body["status"], body["title"]) == (404, "Not Found")
    elif status == 500 and not headers:
        assert body["exception"]["exceptionDetailList"][0]["exceptionCode"] == 500
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert (body["status"], body["instance"]) == (status, "/v2/auth/challenge")
        assert body["title"]
        assert body["detail"]


@pytest.mark.parametrize("code", [None, *Code])
@pytest.mark.parametrize("headers", [{}, PROBLEM], ids=["legacy", "problem"])
def test_400_has_any_exception_code(
    ksef_mock: MockServer, api: Api, code: Code | None, headers: dict[str, str]
) -> None:
    ksef_mock.faults.add(status=400, code=code)
    response = api.call("POST", "/auth/challenge", headers=headers)
    assert error(response)[0] == (code or 21405)


@pytest.mark.parametrize("code", [None, *Reason])
def test_403_has_any_reason_code(ksef_mock: MockServer, api: Api, code: Reason | None) -> None:
    ksef_mock.faults.add(status=403, code=code)
    response = api.call("GET", "/limits/context")
    assert (response.status_code, response.json()["reasonCode"]) == (403, code or "security-service-blocked")


def test_statuses_below_400_have_no_body(ksef_mock: MockServer, api: Api) -> None:
    for status in (200, 204, 302):
        fault = ksef_mock.faults.add(status=status)
        response = api.http.post("/auth/challenge")
        assert (response.status_code, response.content) == (status, b"")
        ksef_mock.faults.remove(fault)


@pytest.mark.parametrize("headers", [{}, PROBLEM], ids=["legacy", "problem"])
def test_rate_limit_says_when_to_come_again(ksef_mock: MockServer, api: Api, headers: dict[str, str]) -> None:
    ksef_mock.faults.add(rate_limit=30, times=1)
    response = api.call("POST", "/auth/challenge", headers=headers)
    assert (response.status_code, response.headers["retry-after"]) == (429, "30")
    said = response.json()["detail"] if headers else response.json()["status"]["details"][0]
    assert "Spróbuj ponownie po 30 sekundach" in said
    assert api.call("POST", "/auth/challenge").status_code == 200


def test_retry_after_beside_a_status(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.faults.add(status=503, retry_after=7, times=1)
    assert api.http.post("/auth/challenge").headers["retry-after"] == "7"
    ksef_mock.faults.add(status=503)
    assert "retry-after" not in api.http.post("/auth/challenge").headers


def wait_for_the_fault(mock: MockServer) -> None:
    deadline = time.monotonic() + 60
    while not mock.faults.states()[0].acted:
        assert time.monotonic() < deadline, "the fault has not acted"
        time.sleep(0.01)


@pytest.fixture
def waiting(ksef_mock: MockServer) -> Iterator[socket.socket]:
    """The connection of a request that a fault of the mock keeps waiting for very long."""
    ksef_mock.faults.add(path="/auth/challenge", delay_seconds=300)
    address = urlsplit(ksef_mock.url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"POST /v2/auth/challenge HTTP/1.1\r\nHost: mock\r\nContent-Length: 0\r\n\r\n")
        wait_for_the_fault(ksef_mock)
        ksef_mock.faults.clear()
        yield connection


def test_delay_keeps_nobody_else_waiting(api: Api, waiting: socket.socket) -> None:
    assert api.challenge()
    assert not select.select([waiting], [], [], 0)[0]


def test_request_that_a_reset_overtakes_is_not_in_the_journal(serve: Any) -> None:
    mock, api = serve()
    mock.faults.add(path="/auth/challenge", delay_seconds=0.2)
    with ThreadPoolExecutor(1) as pool:
        delayed = pool.submit(api.http.post, "/auth/challenge")
        wait_for_the_fault(mock)
        mock.reset()
        assert delayed.result().status_code == 200
    assert list(mock.journal) == []
    assert api.challenge()
    assert [entry.path for entry in mock.journal] == ["/v2/auth/challenge"]


@pytest.mark.parametrize("body", [b"", b"x" * 300_000], ids=["no body", "large body"])
def test_cut_connections_are_closed_without_an_answer(ksef_mock: MockServer, body: bytes) -> None:
    ksef_mock.faults.add(path="/auth/challenge", cut=True, times=1)
    with httpx.Client(base_url=f"{ksef_mock.url}/v2") as http:
        with pytest.raises(httpx.TransportError):
            http.post("/auth/challenge", content=body)
        assert http.post("/auth/challenge").status_code == 200
    entries = ksef_mock.journal.entries(path="/auth/challenge")
    assert [entry.status for entry in entries] == [444, 200]


def test_a_server_that_cannot_cut_says_so() -> None:
    async def scenario() -> None:
        app = create_app()
        await app.state.system.faults.add(Fault(cut=True))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mock") as http:
            await http.post("/v2/auth/challenge")

    with pytest.raises(ConnectionAbortedError, match="cannot do that"):
        asyncio.run(scenario())


# -- effects on logins ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "detail"),
    [(status, detail) for status, details in STATUS_DETAILS.items() for detail in details or [None]],
)
def test_a_login_ends_in_any_status_of_the_table(
    ksef_mock: MockServer, api: Api, ksef_token: str, status: int, detail: str | None
) -> None:
    ksef_mock.faults.add(path="/auth/ksef-token", outcome=Outcome(status, detail), times=1)
    submitted = api.submit(api.token_request(ksef_token))
    seen = api.status(submitted)
    assert (seen["code"], seen["description"]) == (status, STATUS_DESCRIPTIONS[Status(status)])
    shown = detail and detail.format(contextIdentifier=f"nip-{NIP}")
    assert seen.get("details") == ([shown] if shown else None)
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    assert redeemed.status_code == (200 if status == 200 else 400)
    assert api.login(ksef_token)


def test_without_a_detail_it_is_the_first_of_the_status(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    ksef_mock.faults.add(outcome=480)
    details = api.status(api.submit(api.token_request(ksef_token)))["details"]
    assert details == [STATUS_DETAILS[480][0]]


def test_a_login_that_deserves_to_fail_can_succeed(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.faults.add(outcome=200)
    login = api.login(altered(ksef_token))
    assert api.limits(login.access_token).status_code == 200


def test_a_login_made_to_fail_does_not_count_as_use_of_its_token(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    access_token = api.login(ksef_mock.issue_token(NIP)).access_token
    ksef_mock.faults.add(outcome=550, times=1)
    api.submit(api.token_request(ksef_token))
    used = {
        token["referenceNumber"]: token.get("lastUseDate")
        for token in api.call("GET", "/tokens", bearer=access_token).json()["tokens"]
    }
    assert used[ksef_token.partition("|")[0]] is None


def test_an_xades_login_ends_as_told(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.faults.add(path="/auth/xades-signature", outcome=550)
    owner = ksef_mock.pki.self_signed(person("Jan", "Kowalski", nip=NIP), key="ec")
    assert xades_outcome(ksef_mock, api, owner)["code"] == 550


def test_a_login_stays_at_100_for_k_polls(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.faults.add(path="/auth/ksef-token", hold=Hold(polls=3), times=1)
    submitted = api.submit(api.token_request(ksef_token))
    assert [api.status(submitted)["code"] for _ in range(4)] == [100, 100, 100, 200]
    assert api.status(api.submit(api.token_request(ksef_token)))["code"] == 200


def test_a_login_stays_at_100_for_seconds(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    ksef_mock.faults.add(hold=Hold(seconds=60))
    submitted = api.submit(api.token_request(ksef_token))
    assert api.status(submitted)["code"] == 100
    ksef_mock.clock.advance(seconds=59)
    assert api.redeem(submitted.json()["authenticationToken"]["token"]).status_code == 400
    ksef_mock.clock.advance(seconds=1)
    assert api.status(submitted)["code"] == 200


def test_hold_and_outcome_together(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.faults.add(hold=Hold(polls=1))
    ksef_mock.faults.add(outcome=500)
    submitted = api.submit(api.token_request(ksef_token))
    assert [api.status(submitted)["code"] for _ in range(2)] == [100, 500]


def test_only_logins_that_begin_are_counted(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.faults.add(outcome=550, times=1)
    request = api.token_request(ksef_token)
    assert api.submit(request | {"challenge": "20260101-CR-0000000000-0000000000-00"}).status_code == 400
    assert api.status(api.submit(request))["code"] == 550


# -- the issuer of a qualified certificate ----------------------------------------------------------------


def test_issuer_that_does_not_answer_is_a_chain_that_cannot_be_verified(serve: Any) -> None:
    mock, api = serve(profile="demo")
    owner = mock.pki.qualified(seal("Firma", nip=NIP))
    mock.clock.freeze()
    mock.faults.add(ocsp_down=True, times=1)
    submitted = submit(api, signed(mock, api, owner))
    mock.clock.advance(seconds=14)
    assert api.status(submitted)["code"] == 100
    mock.clock.advance(seconds=1)
    status = api.status(submitted)
    assert (status["code"], status["details"]) == (460, ["Błąd weryfikacji łańcucha certyfikatów"])
    submitted = submit(api, signed(mock, api, owner))
    mock.clock.advance(seconds=3)
    assert api.status(submitted)["code"] == 200


def test_nobody_learns_of_a_revocation_from_an_issuer_that_does_not_answer(serve: Any) -> None:
    mock, api = serve(profile="prod")
    owner = mock.pki.qualified(seal("Firma", nip=NIP))
    mock.revoke_certificate(owner.certificate)
    mock.faults.add(ocsp_down=True, times=1)
    found = []
    for _ in range(2):
        submitted = submit(api, signed(mock, api, owner))
        mock.clock.advance(seconds=15)
        found += api.status(submitted)["details"]
    assert found == ["Błąd weryfikacji łańcucha certyfikatów", "Certyfikat odwołany"]


def test_on_test_only_a_request_to_verify_the_chain_asks_the_issuer(ksef_mock: MockServer, api: Api) -> None:
    owner = ksef_mock.pki.qualified(seal("Firma", nip=NIP))
    ksef_mock.faults.add(ocsp_down=True)
    assert xades_outcome(ksef_mock, api, owner)["code"] == 200
    verify = {"params": {"verifyCertificateChain": "true"}}
    submitted = submit(api, signed(ksef_mock, api, owner), **verify)
    ksef_mock.clock.advance(seconds=15)
    assert api.status(submitted)["code"] == 460
    assert [state.acted for state in ksef_mock.faults.states()] == [1]


@pytest.mark.parametrize("kind", ["ksef", "trusted_profile"])
def test_ksef_and_trusted_profile_need_no_foreign_issuer(serve: Any, kind: str) -> None:
    mock, api = serve(profile="demo")
    mock.faults.add(ocsp_down=True)
    owner = getattr(mock.pki, kind)(person("Jan", "Kowalski", nip=NIP))
    assert xades_outcome(mock, api, owner)["code"] == 200


# -- by name ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"X-Error-Format": "problem-details"}])
def test_the_firewall_blocks_any_request(ksef_mock: MockServer, api: Api, headers: dict[str, str]) -> None:
    ksef_mock.faults.add(path="/auth/token/refresh", name="firewall", times=1)
    response = api.http.post("/auth/token/refresh", headers=headers)
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.pop("security").keys() == {"incidentId", "clientIp"}
    assert body == {"title": "Request blocked", "status": 403, "detail": "The proxy failed to connect"}
    assert api.call("POST", "/auth/token/refresh").status_code == 401


def test_the_firewall_sends_back_to_the_same_address_until_it_has_had_enough(
    ksef_mock: MockServer, api: Api
) -> None:
    ksef_mock.faults.add(name="waf-redirect", times=2)
    answers = []
    address = "/auth/challenge?a=%20b"
    while (answer := api.http.post(address)).status_code == 307:
        answers.append(answer)
        address = answer.headers["location"].removeprefix("/v2")
        assert address == "/auth/challenge?a=%20b"
        names = [cookie.partition("=")[0] for cookie in answer.headers.get_list("set-cookie")]
        assert [name.rpartition("_")[0] for name in names] == ["visid_incap", "incap_ses"]
    assert (len(answers), answer.status_code) == (2, 200)


def test_an_unexpected_error_is_a_legacy_500(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.faults.add(name="unexpected-error", times=1)
    response = api.http.post("/auth/challenge")
    assert response.status_code == 500
    exception = response.json()["exception"]
    assert list(exception) == ["exceptionDetailList", "serviceCode", "timestamp"]
    assert exception["exceptionDetailList"] == [
        {"exceptionCode": 500, "exceptionDescription": "Wystąpił nieoczekiwany błąd."}
    ]


def test_a_name_that_nothing_is_known_by(ksef_mock: MockServer, control: httpx.Client) -> None:
    with pytest.raises(InvalidFault, match="name: expected one of firewall, waf-redirect, unexpected-error"):
        ksef_mock.faults.add(name="wall")
    assert control.post("/faults", json={"name": "wall"}).status_code == 400
    assert control.post("/faults", json={"name": "firewall"}).json()["name"] == "firewall"


# -- what is said of it -----------------------------------------------------------------------------------


def test_the_journal_says_when_a_fault_acted(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    fault = ksef_mock.faults.add(path="/auth/challenge", status=503, every=2)
    statuses(api, 2)
    spared, hit = ksef_mock.journal.entries(path="/auth/challenge")
    assert (spared.decisions[0].check, hit.decisions[0].check) == ("challenge", "fault")
    assert hit.decisions[0].reason == f"{fault}: status 503"
    assert hit.facts["faults"] == [fault]
    assert hit.reason == f"fault {fault}: status 503"
    assert "faults" not in spared.facts


def test_faults_over_http(control: httpx.Client, api: Api) -> None:
    order = {"path": "/auth/*", "method": "post", "status": 503, "retryAfter": 3, "times": 2}
    added = control.post("/faults", json=order)
    assert added.status_code == 201
    fault = added.json()
    assert fault | order | {"method": "POST"} == fault
    assert statuses(api, 1) == [503]
    (listed,) = control.get("/faults").json()["faults"]
    assert (listed["id"], listed["seen"], listed["acted"], listed["spent"]) == (fault["id"], 1, 1, False)
    assert control.delete(f"/faults/{fault['id']}").status_code == 204
    assert control.delete(f"/faults/{fault['id']}").status_code == 404
    control.post("/faults", json={"cut": True})
    assert control.delete("/faults").status_code == 204
    assert control.get("/faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({}, "exactly one effect"),
        ({"status": 503, "cut": True}, "status, cut"),
        ({"status": 99}, "such as 404 or 503, got 99"),
        ({"status": 100}, "such as 404 or 503, got 100"),
        ({"status": 599}, "such as 404 or 503, got 599"),
        ({"status": "503"}, "status: expected "),
        ({"status": 400, "code": 1}, "code: expected one of status 400: "),
        ({"status": 403, "code": "nope"}, "code: expected one of status 403: "),
        ({"status": 503, "code": 21405}, "it has none"),
        ({"cut": True, "code": 21405}, "only beside status"),
        ({"cut": True, "retryAfter": 1}, "only beside status"),
        ({"status": 401, "retryAfter": 1}, "retryAfter"),
        ({"status": 503, "retryAfter": -1}, "retryAfter"),
        ({"delaySeconds": 301}, "delaySeconds"),
        ({"delaySeconds": -1}, "delaySeconds"),
        ({"rateLimit": -1}, "rateLimit"),
        ({"cut": True, "times": 0}, "times"),
        ({"cut": True, "every": 0}, "every"),
        ({"cut": True, "path": "/v2/auth/*"}, "prefix"),
        ({"cut": True, "path": "auth"}, "path"),
        ({"cut": True, "path": ""}, "path"),
        ({"cut": True, "path": "/" + "a" * 300}, "path"),
        ({"cut": True, "method": "PO ST"}, "method"),
        ({"outcome": {"status": 100}}, "got 100"),
        ({"outcome": {"status": 460, "detail": "Nieprawidłowy token"}}, "outcome.detail"),
        ({"outcome": {"status": 500, "detail": "x"}}, "outcome.detail"),
        ({"outcome": {}}, "status"),
        ({"outcome": {"status": 450}, "path": "/tokens"}, "outcome: acts on logins"),
        ({"outcome": {"status": 450}, "path": "/auth/*", "method": "GET"}, "outcome: acts on logins"),
        ({"outcome": {"status": 450}, "path": "/permissions/query/*"}, "outcome: acts on logins"),
        ({"outcome": {"status": 450}, "path": "/permissions/*", "method": "GET"}, "outcome: acts on"),
        ({"outcome": {"status": 425}, "path": "/permissions/*"}, "got 425"),
        ({"outcome": {"status": 200}, "path": "/permissions/*"}, "got 200"),
        ({"outcome": {"status": 410}, "path": "/auth/*"}, "got 410"),
        ({"outcome": {"status": 550, "detail": "x"}, "path": "/permissions/*"}, "outcome.detail"),
        ({"outcome": {"status": 200}, "path": "/invoices/exports"}, "outcome.status"),
        ({"outcome": {"status": 550}, "path": "/invoices/exports", "method": "GET"}, "outcome: acts on"),
        ({"outcome": {"status": 550}, "path": "/invoices/query/*"}, "outcome: acts on"),
        ({"outcome": {"status": 450}, "path": "/sessions/online/*"}, "outcome.status"),
        ({"outcome": {"status": 550}, "path": "/sessions/batch/*"}, "outcome.status"),
        ({"hold": {"polls": 1}, "path": "/sessions/*/close"}, "hold: acts on"),
        ({"hold": {"polls": 1}, "path": "/certificates/*"}, "hold: acts on logins"),
        ({"hold": {}}, "hold"),
        ({"hold": {"polls": -1}}, "hold.polls"),
        ({"hold": {"seconds": 1e9}}, "hold.seconds"),
        ({"cut": True, "pth": "*"}, "pth"),
        ([], "expected an object with path, method"),
    ],
)
def test_faults_that_make_no_sense_are_refused_by_name(
    ksef_mock: MockServer, control: httpx.Client, order: Any, named: str
) -> None:
    code, _, details = error(control.post("/faults", json=order))
    assert code == 21405
    assert named in details[0]
    assert ksef_mock.faults.states() == []


def test_not_a_number_is_no_delay(ksef_mock: MockServer) -> None:
    with pytest.raises(InvalidFault, match="delaySeconds"):
        ksef_mock.faults.add(delay_seconds=float("nan"))


def test_delays_of_the_settings_and_of_faults_add_up(serve: Any) -> None:
    mock, api = serve(delay=Delay(polls=1))
    mock.faults.add(hold=Hold(polls=1))
    submitted = api.submit(api.token_request(mock.issue_token(NIP)))
    assert [api.status(submitted)["code"] for _ in range(3)] == [100, 100, 200]
