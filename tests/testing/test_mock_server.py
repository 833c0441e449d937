from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.pki import person
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api


def test_several_live_side_by_side_and_share_nothing() -> None:
    with MockServer() as one, MockServer(token_key="ec") as two:
        assert one.url != two.url
        assert {key.public_key_id for key in one.keys.current()}.isdisjoint(
            key.public_key_id for key in two.keys.current()
        )
        api, other = Api(one.url), Api(two.url)
        token = one.issue_token(NIP)
        login = api.login(token)
        one.clock.advance(seconds=3_600)
        assert other.limits(login.access_token).status_code == 401
        assert other.status(other.submit(other.token_request(token)))["details"] == ["Nieprawidłowy token"]
        assert abs(two.clock.now() - one.clock.now()) > 3_599 * 10**9
        api.close()
        other.close()


def test_it_works_from_asynchronous_tests() -> None:
    async def scenario() -> int:
        with MockServer() as mock:
            mock.issue_token(NIP)
            mock.clock.advance(seconds=1)
            async with httpx.AsyncClient(base_url=mock.url) as http:
                answers = await asyncio.gather(*(http.post("/v2/auth/challenge") for _ in range(5)))
                mock.reset()
                return len({answer.json()["challenge"] for answer in answers})

    assert asyncio.run(scenario()) == 5


def test_it_can_be_started_and_stopped_by_hand_and_again(port: int) -> None:
    mock = MockServer(port=port)
    for _ in range(2):
        mock.start()
        assert httpx.get(f"{mock.url}/_mock/health").status_code == 200
        mock.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{mock.url}/_mock/health")
    mock.stop()


def test_it_stops_at_once_under_open_connections() -> None:
    with MockServer() as mock:
        host, _, port = mock.url.removeprefix("http://").partition(":")
        idle = socket.create_connection((host, int(port)))
        half = socket.create_connection((host, int(port)))
        half.sendall(b"POST /v2/auth/challenge HTTP/1.1\r\nContent-Le")
        httpx.get(f"{mock.url}/_mock/health")
    for connection in (idle, half):
        connection.settimeout(60)
        assert connection.recv(1) == b""
        connection.close()


def test_use_before_the_start_is_an_error() -> None:
    mock = MockServer()
    for use in (lambda: mock.url, lambda: mock.clock, lambda: mock.journal, lambda: mock.issue_token(NIP)):
        with pytest.raises(RuntimeError, match="not been started"):
            use()


def test_use_after_the_stop_is_an_error() -> None:
    with MockServer() as mock:
        pass
    with pytest.raises(RuntimeError, match="not running"):
        mock.issue_token(NIP)


def test_second_start_is_an_error() -> None:
    with MockServer() as mock, pytest.raises(RuntimeError, match="already running"):
        mock.start()


def test_taken_port_is_an_error() -> None:
    with MockServer() as mock, pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        MockServer(port=int(mock.url.rpartition(":")[2])).start()


def test_named_settings_and_whole_settings() -> None:
    assert MockServer(profile="prod", delay=Delay(polls=1)).settings == Settings(
        profile="prod", delay=Delay(polls=1)
    )
    whole = Settings(lifetimes=Lifetimes(challenge=5))
    assert MockServer(whole).settings is whole


@pytest.mark.parametrize("options", [{"profile": "moon"}, {"token_key": "dsa"}])
def test_settings_that_do_not_exist_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        Settings(**options)  # type: ignore[arg-type]


def test_token_orders_are_checked(ksef_mock: MockServer, ksef_token: str) -> None:
    for arguments in ({"nip": "123"}, {"nip": NIP, "permissions": ["?"]}, {"nip": NIP, "token": ksef_token}):
        with pytest.raises(ValueError, match=r"."):
            ksef_mock.issue_token(**arguments)
    with pytest.raises(LookupError):
        ksef_mock.revoke_token("never issued")


def test_permissions_of_a_token_are_those_of_its_logins(ksef_mock: MockServer, api: Api) -> None:
    token = ksef_mock.issue_token(OTHER_NIP, permissions=["InvoiceRead"])
    access_token = api.login(token, nip=OTHER_NIP).access_token
    tokens = api.call("GET", "/tokens", bearer=access_token).json()["tokens"]
    assert [entry["requestedPermissions"] for entry in tokens] == [["InvoiceRead"]]


def test_warning_coverage_and_suspension(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.warn("[1]: Przerwa")
    assert api.http.post("/auth/challenge").headers["x-system-warning"] == "[1]: Przerwa"
    ksef_mock.warn(None)
    assert "x-system-warning" not in api.http.post("/auth/challenge").headers
    assert ksef_mock.coverage()["POST /auth/challenge"] is True
    certificate = ksef_mock.pki.self_signed(person("Jan", "Kowalski", nip=NIP), key="ec").certificate
    assert not ksef_mock.reinstate_certificate(certificate)
    ksef_mock.suspend_certificate(certificate)
    assert ksef_mock.reinstate_certificate(certificate)


PLUGIN_TEST = """
import pytest

seen = []

@pytest.mark.parametrize("round", range(4))
def test_every_test_has_a_fresh_mock(ksef_mock, ksef_token, round):
    import httpx
    assert len(ksef_mock.journal) == 0
    assert ksef_token.partition("|")[2].startswith("nip-5265877635|")
    seen.append(ksef_mock.url)
    assert len(set(seen)) == 1
    ksef_mock.clock.advance(seconds=3600)
    assert httpx.post(ksef_mock.url + "/v2/auth/challenge").status_code == 200
    assert len(ksef_mock.journal) == 1
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_fixtures_come_with_the_installation(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(PLUGIN_TEST)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-n", workers)
    result.assert_outcomes(passed=4)


def test_plugin_costs_nothing_until_it_is_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_nothing_is_imported():\n"
        "    of_the_mock = {name for name in sys.modules if name.startswith('ksef_mock.')}\n"
        "    assert of_the_mock == {'ksef_mock.pytest_plugin'}\n"
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=1)


def test_packages_import_in_one_direction_only() -> None:
    code = (
        "import sys, ksef_mock.cli, ksef_mock.testing, ksef_mock.commands.verify;"
        "sys.exit(any(n.partition('.')[0] in ('ksef_client_min', 'contract_tests') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_shows_its_address() -> None:
    mock = MockServer(profile="prod")
    assert repr(mock) == "<MockServer not started, profile prod>"
    with mock:
        assert repr(mock) == f"<MockServer {mock.url}, profile prod>"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"port": 70_000}, ValueError, "port is 0, for a free one, to 65535, not 70000"),
        ({"port": "8080"}, TypeError, "port is a number, not '8080'"),
        ({"delay": 2}, TypeError, "delay is a Delay, not 2"),
        ({"lifetimes": {}}, TypeError, "lifetimes is a Lifetimes, not {}"),
        ({"settings": {"profile": "prod"}}, TypeError, "settings is a Settings"),
        ({"settings": Settings(), "profile": "prod"}, ValueError, "either settings or single ones"),
        ({"profile": "staging"}, ValueError, "unknown profile 'staging'"),
        ({"seed": 1}, TypeError, "seed is a file or a dictionary, not 1"),
        ({"host": 5}, TypeError, "host is an address or a name such as '127.0.0.1', not 5"),
        ({"host": ""}, TypeError, "host is an address or a name"),
        ({"lighthouse_port": "x"}, TypeError, "lighthouse_port is a number, not 'x'"),
        ({"lighthouse_port": 70_000}, ValueError, "lighthouse_port is 0, for a free one, to 65535"),
        ({"tls": "yes"}, TypeError, "tls is True, False or a TlsAuthority, not 'yes'"),
        ({"wrap": 3}, TypeError, "wrap is a function"),
    ],
)
def test_arguments_are_checked_at_once(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        MockServer(**options)


@pytest.mark.parametrize(
    ("order", "error", "said"),
    [
        (
            lambda mock: mock.issue_token(NIP, "InvoiceRead"),
            TypeError,
            "a list of names, such as",
        ),
        (lambda mock: mock.issue_token(NIP, ["Read"]), ValueError, "'Read' is none: one of InvoiceRead, "),
        (
            lambda mock: mock.lighthouse.announce("OUTAGE"),
            ValueError,
            "one of MAINTENANCE, FAILURE",
        ),
        (lambda mock: mock.lighthouse.play("blackout"), ValueError, "'blackout' is none: one of outage, "),
        (lambda mock: mock.lighthouse.break_down("500"), ValueError, "'500' is none: one of 502, 504, "),
        (lambda mock: mock.sign(b"<a/>", f"nip:{NIP}", mistake="typo"), ValueError, "one of der-ecdsa, "),
        (lambda mock: mock.sign(b"<a/>", f"nip:{NIP}", by="notary"), ValueError, "one of trusted-profile, "),
        (lambda mock: mock.keys.rotate("token"), ValueError, "'token' is none: one of KsefTokenEncryption, "),
        (lambda mock: mock.keys.recertify("token"), ValueError, "one of KsefTokenEncryption, "),
        (lambda mock: mock.warn("Przerwa"), ValueError, "a warning is '[code]: message', several with |"),
    ],
)
def test_what_is_asked_of_it_is_checked_at_once(
    ksef_mock: MockServer, order: Callable[[MockServer], object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        order(ksef_mock)
