"""Mocks of their own in one process: what is told to one is seen by nobody else."""

from __future__ import annotations

import gc
import logging
import re
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ksef_client_min import KsefClient
from ksef_client_min.package import Package
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.serving import server
from ksef_mock.settings import FirstToken, Settings
from ksef_mock.tenants import registry
from ksef_mock.testing import MockServer
from tests.sending.erp import Erp
from tests.support import NIP, OTHER_NIP, Api

HEADER = "X-KSeF-Mock-Tenant"


class Control:
    """A program in any language: it knows HTTP."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=600, headers={"X-Error-Format": "problem-details"})

    def add(self, **order: Any) -> dict[str, Any]:
        response = self.http.post("/_mock/tenants", json=order)
        assert response.status_code == 201, response.text
        body: dict[str, Any] = response.json()
        return body

    def refused(self, **order: Any) -> str:
        response = self.http.post("/_mock/tenants", json=order)
        assert response.status_code == 400, response.text
        (error,) = response.json()["errors"]
        assert error["code"] == 21405
        return str(error["details"][0])

    def names(self) -> list[str]:
        return [tenant["name"] for tenant in self.http.get("/_mock/tenants").json()["tenants"]]


@pytest.fixture
def mock() -> Iterator[MockServer]:
    """One of this module: tenants outlive a reset."""
    with MockServer(token_key="ec") as mock:
        yield mock


@pytest.fixture
def control(mock: MockServer) -> Iterator[Control]:
    control = Control(mock.url)
    yield control
    control.http.close()


@pytest.fixture
def apis() -> Iterator[Any]:
    opened: list[Api] = []

    def api(url: str, **headers: str) -> Api:
        opened.append(Api(url))
        opened[-1].http.headers.update(headers)
        return opened[-1]

    yield api
    for each in opened:
        each.close()


# -- making them ------------------------------------------------------------------------------------------


def test_a_new_one_says_where_it_is_and_how_to_log_in(mock: MockServer, control: Control, apis: Any) -> None:
    made = control.add()
    assert made == {
        "name": made["name"],
        "profile": "test",
        "url": f"{mock.url}/t/{made['name']}",
        "lighthouseUrl": f"{made['url']}/latarnia",
        "qrUrl": f"{made['url']}/qr",
        "pagesUrl": f"{made['url']}/_mock/",
        "header": {"name": HEADER, "value": made["name"]},
        "nip": NIP,
        "token": made["token"],
        "idleSeconds": 3_600.0,
        "unusedSeconds": made["unusedSeconds"],
    }
    assert apis(made["url"]).login(made["token"]).access_token


def test_an_order_without_a_body_will_do(control: Control) -> None:
    assert control.http.post("/_mock/tenants").status_code == 201


def test_it_is_told_other_settings(control: Control, apis: Any) -> None:
    made = control.add(
        name="orders",
        nip=OTHER_NIP,
        token="a-text-of-mine",
        profile="prod",
        tokenKey="both",
        delay={"polls": 1},
        lifetimes={"accessToken": 60},
        rateLimits="production",
        seed={"tokens": [{"nip": NIP, "token": "seeded"}]},
        idleSeconds=60,
    )
    assert (made["profile"], made["nip"], made["token"]) == ("prod", OTHER_NIP, "a-text-of-mine")
    api = apis(made["url"])
    assert len(api.public_keys()) == 2
    submitted = api.submit(api.token_request("a-text-of-mine", nip=OTHER_NIP))
    assert [api.status(submitted)["code"] for _ in range(2)] == [100, 200]
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"]).json()
    assert redeemed["accessToken"]["token"]
    control.http.post(f"{made['url']}/_mock/clock/advance", json={"seconds": 61})
    assert api.limits(redeemed["accessToken"]["token"]).status_code == 401
    assert api.status(api.submit(api.token_request("seeded")))["code"] == 100
    health = control.http.get(f"{made['url']}/_mock/health").json()
    assert health["profile"] == "prod"
    assert control.http.get("/_mock/health").json()["profile"] == "test"


def test_what_is_not_told_is_as_the_mock_itself_has_it(apis: Any) -> None:
    first = FirstToken(OTHER_NIP, "the-mock-s-own")
    with MockServer(Settings(profile="prod", token_key="ec", first_token=first)) as mock:
        control = Control(mock.url)
        made = control.add()
        assert (made["profile"], made["nip"]) == ("prod", OTHER_NIP)
        assert made["token"] != "the-mock-s-own"
        assert apis(made["url"]).public_keys()[0]["certificate"]
        control.http.close()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"name": ""}, "name: '' is none"),
        ({"name": "a/b"}, "name: 'a/b' is none"),
        ({"name": ".."}, "name: '..' is none"),
        ({"name": "ż"}, "name: 'ż' is none"),
        ({"name": "a\n"}, "name: 'a\\n' is none"),
        ({"name": "a" * 64}, "name: "),
        ({"nip": "1"}, "'1' is no valid NIP"),
        ({"token": "with a blank"}, "without white space"),
        ({"profile": "production"}, "profile: expected one of"),
        ({"delay": {"polls": -1}}, "delay.polls: "),
        ({"delay": {"percentiles": [[50, 2], [40, 1]]}}, "percentiles rise"),
        ({"lifetimes": {"accessToken": 0}}, "lifetimes.accessToken: "),
        ({"idleSeconds": 0}, "idleSeconds: "),
        ({"journalSize": 10**9}, "journalSize: "),
        ({"store": "sqlite:file"}, "store: "),
        ({"controlToken": "x"}, "controlToken: "),
        ({"seed": {"tokens": [{"nip": "1"}]}}, "tokens[0]"),
        ({"seed": {"certificates": [{"file": "/etc/passwd"}]}}, "certificates[0]: file: no files"),
        ({"token": "x", "seed": {"tokens": [{"nip": OTHER_NIP, "token": "x"}]}}, "has the text of one of"),
    ],
)
def test_an_order_that_makes_no_sense_makes_none(control: Control, order: dict[str, Any], said: str) -> None:
    assert said in control.refused(**order)
    assert control.names() == []


def test_a_name_is_taken_until_its_tenant_is_removed(control: Control) -> None:
    control.add(name="orders")
    assert "there is a tenant 'orders' already" in control.refused(name="orders")
    assert control.http.delete("/_mock/tenants/orders").status_code == 204
    control.add(name="orders")


def test_their_number_is_bounded() -> None:
    with MockServer(Settings(max_tenants=2)) as mock:
        control = Control(mock.url)
        for name in ("a", "b"):
            control.add(name=name)
        assert "there are 2 tenants already" in control.refused(name="c")
        control.http.delete("/_mock/tenants/a")
        control.add(name="c")
        assert control.names() == ["b", "c"]
        assert control.http.get("/_mock/tenants").json()["limit"] == 2
        control.http.close()


def test_who_is_not_asked_for_anything_is_gone(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    late = 0.0
    monkeypatch.setattr(registry, "monotonic", lambda: time.monotonic() + late)
    used, unused = control.add(name="used", idleSeconds=100), control.add(name="unused", idleSeconds=100)
    late = 90.0
    assert control.http.get(f"{used['url']}/_mock/health").status_code == 200
    late = 110.0
    assert control.names() == ["used"]
    assert control.http.get(f"{unused['url']}/_mock/health").status_code == 404
    assert control.http.delete("/_mock/tenants/unused").status_code == 404
    control.add(name="unused")
    assert control.names() == ["used", "unused"]


def test_a_mock_with_a_remote_store_has_none(tmp_path: Any) -> None:
    with MockServer(Settings(store=f"sqlite:{tmp_path / 'state'}")) as mock:
        control = Control(mock.url)
        assert "tenants keep their state in memory" in control.refused()
        control.http.close()


def test_the_control_token_guards_them() -> None:
    with MockServer(Settings(control_token="secret")) as mock:
        control = Control(mock.url)
        for path in ("/_mock/tenants", "/_mock/tenants/orders"):
            assert control.http.request("DELETE", path).status_code in (401, 405)
        assert control.http.post("/_mock/tenants").status_code == 401
        control.http.headers["X-Mock-Control-Token"] = "secret"
        url = control.add(name="orders")["url"]
        assert control.http.post(f"{url}/_mock/reset").status_code == 204
        del control.http.headers["X-Mock-Control-Token"]
        assert control.http.get("/_mock/tenants").status_code == 401
        assert control.http.delete("/_mock/tenants/orders").status_code == 401
        assert control.http.post(f"{url}/_mock/reset").status_code == 401
        control.http.close()


# -- asking them ------------------------------------------------------------------------------------------


def test_they_share_nothing_with_each_other_nor_with_the_mock(
    mock: MockServer, control: Control, apis: Any
) -> None:
    one, two = control.add(name="one"), control.add(name="two")
    first, second, own = apis(one["url"]), apis(two["url"]), apis(mock.url)
    keys = [api.public_keys()[0]["publicKeyId"] for api in (first, second, own)]
    assert len(set(keys)) == 3
    # state
    assert second.status(second.submit(second.token_request(one["token"])))["code"] == 450
    login = first.login(one["token"])
    assert second.limits(login.access_token).status_code == 401
    # clock
    control.http.post(f"{one['url']}/_mock/clock/advance", json={"seconds": 3_600})
    assert first.limits(login.access_token).status_code == 401
    assert abs(control.http.get(f"{two['url']}/_mock/clock").json()["offsetSeconds"]) < 1
    assert mock.clock.state.frozen is None
    # faults
    control.http.post(f"{one['url']}/_mock/faults", json={"status": 503})
    assert first.http.post("/auth/challenge").status_code == 503
    assert second.http.post("/auth/challenge").status_code == 200
    # journal and metrics
    paths = [entry.path for entry in mock.journal.entries()]
    assert not [path for path in paths if "token" in path or path.startswith("/t/")]
    metrics = control.http.get("/_mock/metrics").text
    assert "/auth/ksef-token" not in metrics
    assert "/auth/ksef-token" in control.http.get(f"{one['url']}/_mock/metrics").text
    # a reset of the mock itself
    mock.reset()
    assert second.login(two["token"])
    assert control.names() == ["one", "two"]


def test_its_token_works_again_after_its_reset(control: Control, apis: Any) -> None:
    made = control.add()
    api = apis(made["url"])
    old = api.login(made["token"])
    control.http.post(f"{made['url']}/_mock/reset")
    assert api.limits(old.access_token).status_code == 401
    assert api.login(made["token"])


def test_the_header_names_it_at_the_mock_s_own_address(mock: MockServer, control: Control, apis: Any) -> None:
    made = control.add(name="orders")
    by_path, by_header = apis(made["url"]), apis(mock.url, **{HEADER: "orders"})
    login = by_header.login(made["token"])
    assert by_path.limits(login.access_token).status_code == 200
    both = apis(made["url"], **{HEADER: "orders"})
    assert both.limits(login.access_token).status_code == 200
    response = control.http.get("/_mock/journal/count", headers={HEADER: "orders"})
    assert response.json()["count"] > 5
    assert control.http.get("/latarnia/status", headers={HEADER: "orders"}).status_code == 200
    lighthouse = {HEADER: "orders", "Host": "api-latarnia-test.ksef.mf.gov.pl"}
    assert control.http.get("/status", headers=lighthouse).json()["status"] == "AVAILABLE"


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2", "/webs/api/v2"])
def test_it_answers_at_every_address_of_the_api(control: Control, prefix: str) -> None:
    url = control.add()["url"]
    assert control.http.post(f"{url}{prefix}/auth/challenge").status_code == 200


def test_the_name_may_be_spelled_with_percents(mock: MockServer, control: Control) -> None:
    control.add(name="orders")
    assert control.http.post(f"{mock.url}/t/%6frders/v2/auth/challenge").status_code == 200
    assert control.http.get(f"{mock.url}/t/orders%2Fv2%2Fauth%2Fsessions").status_code == 401


NOBODY_S = [
    pytest.param("/t/nobody/v2/auth/sessions", {}, id="path"),
    pytest.param("/t/nobody", {}, id="path alone"),
    pytest.param("/t/", {}, id="no name"),
    pytest.param("/t//v2/auth/sessions", {}, id="no name in front"),
    pytest.param("/v2/auth/sessions", {HEADER: "nobody"}, id="header"),
    pytest.param("/v2/auth/sessions", {HEADER: ""}, id="empty header"),
    pytest.param("/_mock/health", {HEADER: "nobody"}, id="health"),
    pytest.param("/", {HEADER: "nobody", "Accept": "text/html"}, id="front"),
    pytest.param("/v2/auth/sessions", {HEADER: "ORDERS"}, id="another case"),
    pytest.param("/t/orders/v2/auth/sessions", {HEADER: "nobody"}, id="two names"),
    pytest.param("/t/nobody/v2/auth/sessions", {HEADER: "orders"}, id="two names, the other way"),
    pytest.param("/t/" + "x" * 5_000, {}, id="long"),
    pytest.param("/v2/auth/sessions", {HEADER: "é\x80"}, id="no ASCII"),
]


@pytest.mark.parametrize(("path", "headers"), NOBODY_S)
def test_whoever_there_is_not_is_never_the_mock_itself(
    mock: MockServer, control: Control, path: str, headers: dict[str, str]
) -> None:
    control.add(name="orders")
    mock.faults.add(status=503)
    for method in ("GET", "POST", "DELETE"):
        sent = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        response = control.http.request(method, path, headers=sent)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        detail = response.json()["detail"]
        assert ("there is no tenant" in detail and "POST /_mock/tenants" in detail) or "names" in detail
        assert len(detail) < 300
    assert [state.acted for state in mock.faults.states()] == [0]
    assert mock.journal.entries()[-1].path.startswith("/t/")


def test_a_removed_one_is_nobody_s(control: Control) -> None:
    url = control.add(name="orders")["url"]
    assert control.http.post(f"{url}/v2/auth/challenge").status_code == 200
    assert control.http.delete("/_mock/tenants/orders").status_code == 204
    assert control.http.post(f"{url}/v2/auth/challenge").status_code == 404
    response = control.http.delete("/_mock/tenants/orders")
    assert (response.status_code, "no tenant 'orders'" in response.json()["detail"]) == (404, True)


def test_a_tenant_has_none_of_its_own(control: Control) -> None:
    url = control.add(name="orders")["url"]
    for method, path in (("GET", "/tenants"), ("POST", "/tenants"), ("DELETE", "/tenants/orders")):
        response = control.http.request(method, f"{url}/_mock{path}")
        assert response.status_code == 404
        assert "a tenant has no tenants of its own" in response.json()["detail"]
    assert control.http.get(f"{url}/t/orders/_mock/health").status_code == 404


def test_tests_in_parallel_do_not_see_each_other(mock: MockServer) -> None:
    problems: list[BaseException] = []

    def test(seconds: int) -> None:
        try:
            with mock.tenant() as tenant, KsefClient(tenant.url) as client:
                client.login_with_token(tenant.token, nip=tenant.nip)
                tenant.clock.advance(seconds=seconds)
                client.context_limits()
                refreshed = tenant.journal.entries(path="/auth/token/refresh")
                assert len(refreshed) == (1 if seconds >= 900 else 0)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=test, args=(seconds,)) for seconds in (0, 900, 30, 1_800, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


# -- what they answer with --------------------------------------------------------------------------------


@pytest.mark.parametrize("by_header", [False, True])
def test_links_to_upo_lead_back_to_it(mock: MockServer, control: Control, apis: Any, by_header: bool) -> None:
    made = control.add(name="orders")
    api = apis(mock.url, **{HEADER: "orders"}) if by_header else apis(made["url"])
    erp = Erp(api, api.login(made["token"]).access_token)
    session = erp.open()
    sent = erp.sent(session, invoice(NIP))
    pages = erp.closed(session)["upo"]["pages"]
    for link in (sent["upoDownloadUrl"], pages[0]["downloadUrl"]):
        assert link.startswith(f"{made['url']}/storage/")
        assert httpx.get(link).headers["content-type"] == "application/xml"
        assert httpx.get(link.replace("/t/orders/", "/")).status_code == 401


def test_packages_are_uploaded_to_it(mock: MockServer) -> None:
    with (
        mock.tenant("orders") as tenant,
        KsefClient(tenant.url) as client,
        Package([("one.xml", invoice(tenant.nip))]) as package,
    ):
        client.login_with_token(tenant.token, nip=tenant.nip)
        status = client.await_session(client.send_batch(package))
        assert (status.status.code, status.successful_invoice_count) == (200, 1)
        assert tenant.journal.entries(path="/storage/*")
        assert mock.journal.entries() == []


def test_the_conformance_suite_finds_it_as_good_as_the_mock(mock: MockServer) -> None:
    with mock.tenant(token_key="rsa") as tenant:
        areas = [word for area in ("CHAL", "UPO", "HEAD", "STATUS") for word in ("--only", area)]
        command = [sys.executable, "-m", "contract_tests", "run", tenant.url, *areas]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout
        assert re.search(r"all: \d\d+ passed", done.stdout), done.stdout


def test_a_firewall_sends_back_to_it(control: Control) -> None:
    url = control.add(name="orders")["url"]
    control.http.post(f"{url}/_mock/faults", json={"name": "waf-redirect", "times": 1})
    response = control.http.get(f"{url}/v2/auth/sessions?pageSize=10")
    assert (response.status_code, response.headers["location"]) == (
        307,
        "/t/orders/v2/auth/sessions?pageSize=10",
    )


def test_qr_codes_open_below_it(control: Control) -> None:
    made = control.add(name="orders")
    link = f"{made['qrUrl']}/invoice/{NIP}/02-02-2026/UtQp9Gpc51y-u3xApZjIjgkpZ01js-J8KflSPW8WzIE"
    page = control.http.get(link, headers={"Accept": "application/json"})
    assert page.status_code == 200
    assert page.json()["verdict"]
    journal = control.http.get(f"{made['url']}/_mock/journal").json()["entries"]
    assert journal[-1]["path"].startswith("/qr/invoice/")


def test_a_request_is_shown_as_curl_sends_it_again(control: Control) -> None:
    url = control.add(name="orders")["url"]
    control.http.get(f"{url}/v2/auth/sessions")
    shown = control.http.get(f"{url}/_mock/requests/1").json()["wire"]["curl"]
    assert f"{url}/v2/auth/sessions" in shown


def test_its_refusals_are_logged_with_its_address(control: Control, caplog: pytest.LogCaptureFixture) -> None:
    url = control.add(name="orders")["url"]
    with caplog.at_level(logging.WARNING, logger="ksef_mock.requests"):
        control.http.get(f"{url}/v2/auth/sessions")
    assert "GET /t/orders/v2/auth/sessions" in caplog.text
    assert f"{url}/_mock/ui/requests?q=" in caplog.text


def test_every_address_of_its_pages_is_its_own(control: Control) -> None:
    url = control.add(name="orders", seed={"tokens": [{"nip": NIP, "token": "seeded"}]})["url"]
    control.http.get(f"{url}/v2/auth/sessions")
    control.http.headers["Origin"] = str(control.http.base_url).rstrip("/")
    seen: set[str] = set()
    waiting = ["/t/orders/_mock/"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        page = control.http.get(path)
        assert page.status_code == 200, path
        if not page.headers["content-type"].startswith("text/html"):
            continue
        addresses = re.findall(r'\b(?:href|src|action)="(/[^"]*)"', page.text)
        assert [each for each in addresses if not each.startswith("/t/orders/_mock/")] == []
        assert len(page.content) == int(page.headers["content-length"])
        waiting += re.findall(r'\b(?:href|src)="(/[^"]*)"', page.text.replace("&amp;", "&"))
    assert len(seen) > 10
    done = control.http.post(
        "/t/orders/_mock/ui/clock", data={"do": "advance", "seconds": "60", "next": "/_mock/ui/keys"}
    )
    assert (done.status_code, done.headers["location"]) == (303, "/t/orders/_mock/ui/keys?done=clock")
    refused = control.http.post(
        "/t/orders/_mock/ui/clock",
        data={"do": "advance", "seconds": "x"},
        headers={"Referer": f"{url}/_mock/ui/keys"},
    )
    assert 'href="/t/orders/_mock/ui/keys"' in refused.text
    assert control.http.get(url, headers={"Accept": "text/html"}).headers["location"] == "/t/orders/_mock/"


def test_people_sign_in_to_its_pages() -> None:
    with MockServer(Settings(control_token="secret")) as mock, mock.tenant("orders") as tenant:
        control = Control(mock.url)
        control.http.headers["Origin"] = mock.url
        answer = control.http.post(
            f"{tenant.url}/_mock/ui/session", data={"token": "secret", "next": "/_mock/ui/keys"}
        )
        assert answer.headers["location"] == "/t/orders/_mock/ui/keys"
        assert "Path=/t/orders/_mock;" in answer.headers["set-cookie"]
        assert control.http.get(f"{tenant.url}/_mock/ui/keys").status_code == 200
        control.http.close()


# -- leaving them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["remove", "stop"])
def test_who_waits_for_news_is_told_that_it_is_over(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_GRACE", 3_600.0)  # not cut off because it is slow
    mock = MockServer().start()
    tenant = mock.tenant()
    with httpx.stream("GET", f"{tenant.url}/_mock/journal/stream", timeout=60) as response:
        assert response.status_code == 200
        tenant.remove() if end == "remove" else mock.stop()
        assert "entry" not in response.read().decode()
    mock.stop()


def test_nothing_stays_of_one_that_is_removed(mock: MockServer) -> None:
    # As `serve` does: what is frozen would never be collected.
    gc.collect()
    gc.freeze()
    try:
        gone = []
        for _ in range(3):
            with mock.tenant() as tenant:
                api = Api(tenant.url)
                api.login(tenant.token)
                api.close()
                gone.append(weakref.ref(tenant._app.state.system))
        del tenant
        deadline = time.monotonic() + 60
        # What is imported at a first need freezes whatever there is at that moment: once.
        while gone[-1]() is not None:  # the server hears a moment later that the client has hung up
            assert time.monotonic() < deadline
            gc.collect()
    finally:
        gc.unfreeze()


# -- in Python --------------------------------------------------------------------------------------------


def test_it_is_steered_as_a_mock_server_is(mock: MockServer) -> None:
    with mock.tenant("orders", profile="demo", token_key="rsa", nip=OTHER_NIP) as tenant:
        assert repr(tenant) == f"<MockTenant {mock.url}/t/orders, profile demo>"
        assert (tenant.name, tenant.nip, tenant.headers) == ("orders", OTHER_NIP, {HEADER: "orders"})
        api = Api(tenant.url)
        another = tenant.issue_token(NIP)
        api.login(another)
        tenant.revoke_token(another)
        assert api.status(api.submit(api.token_request(another)))["code"] == 450
        tenant.faults.add(path="/auth/challenge", status=503, times=1)
        assert api.http.post("/auth/challenge").status_code == 503
        tenant.lighthouse.announce("FAILURE")
        assert tenant.lighthouse.url == f"{tenant.url}/latarnia"
        assert httpx.get(f"{tenant.lighthouse.url}/status").json()["status"] == "FAILURE"
        assert httpx.get(f"{mock.lighthouse.url}/status").json()["status"] == "AVAILABLE"
        assert tenant.add_invoice(invoice(NIP)).startswith(NIP)
        assert tenant.coverage() == mock.coverage()
        snapshot = tenant.snapshot()
        tenant.reset()
        tenant.restore(snapshot)
        api.close()
    with pytest.raises(RuntimeError, match="not running"):
        tenant.reset()
    tenant.remove()
    assert httpx.get(f"{tenant.url}/_mock/health").status_code == 404


def test_arguments_are_checked_at_once(mock: MockServer) -> None:
    wrong: Any = "3"
    with pytest.raises(TypeError, match="delay is a Delay"):
        mock.tenant(delay=wrong)
    with pytest.raises(ValueError, match="no valid NIP"):
        mock.tenant(nip="1")
    with pytest.raises(ValueError, match="unknown profile"):
        mock.tenant(profile="production")  # type: ignore[arg-type]
    with pytest.raises(registry.NoTenant, match="keep their state in memory"):
        mock.tenant(settings=Settings(store="sqlite:never-made"))
    with pytest.raises(registry.NoTenant, match="is none"):
        mock.tenant("a b")
    with pytest.raises(RuntimeError, match="not been started"):
        MockServer().tenant()
