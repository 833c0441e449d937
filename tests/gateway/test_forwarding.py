"""Whose address counts: X-Forwarded-For is believed from trusted proxies only."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.app import create_app
from ksef_mock.cli import main
from ksef_mock.gateway.forwarding import TrustedProxies
from ksef_mock.settings import Settings

PROXY, OUTER, CLIENT = "192.0.2.1", "192.0.2.2", "203.0.113.7"


@pytest.mark.parametrize(
    ("trusted", "peer", "headers", "client"),
    [
        ([], PROXY, [CLIENT], PROXY),
        ([OUTER], PROXY, [CLIENT], PROXY),
        ([PROXY], PROXY, [], PROXY),
        ([PROXY], PROXY, [CLIENT], CLIENT),
        ([PROXY], CLIENT, ["127.0.0.1"], CLIENT),
        # What the client wrote itself stands before what the proxy has appended.
        ([PROXY], PROXY, ["127.0.0.1, 203.0.113.7"], CLIENT),
        ([PROXY], PROXY, ["127.0.0.1", CLIENT], CLIENT),
        # A chain of proxies.
        ([PROXY, OUTER], PROXY, [f"10.0.0.1, {CLIENT}, {OUTER}"], CLIENT),
        ([PROXY], PROXY, [f"{CLIENT}, {OUTER}"], OUTER),
        ([PROXY, OUTER], PROXY, [OUTER], OUTER),
        # Networks, IPv6, IPv4 in IPv6.
        (["192.0.2.0/24"], PROXY, [CLIENT], CLIENT),
        (["192.0.2.77/24"], PROXY, [CLIENT], CLIENT),
        (["10.0.0.0/8"], PROXY, [CLIENT], PROXY),
        (["2001:db8::/32"], "2001:db8::1", ["2001:db9::1"], "2001:db9::1"),
        ([PROXY], f"::ffff:{PROXY}", [CLIENT], CLIENT),
        # What names no address is not believed, nor anything before it.
        ([PROXY], PROXY, [f"{CLIENT}, unknown"], PROXY),
        ([PROXY], PROXY, [""], PROXY),
        ([PROXY], PROXY, [f"{CLIENT}:443"], PROXY),
        ([PROXY], "a unix socket", [CLIENT], "a unix socket"),
    ],
)
def test_first_untrusted_address_from_the_end_is_the_client_s(
    trusted: list[str], peer: str, headers: list[str], client: str
) -> None:
    assert TrustedProxies(trusted).client_ip(peer, headers) == client


def client_ip(settings: Settings, peer: str, *forwarded: str) -> str:
    """The `clientIp` of a challenge asked for through `peer`."""
    headers = [("X-Forwarded-For", value) for value in forwarded]

    async def ask() -> str:
        transport = httpx.ASGITransport(create_app(settings), client=(peer, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            answer = await http.post("/v2/auth/challenge", headers=headers)
        found: str = answer.json()["clientIp"]
        return found

    return asyncio.run(ask())


def test_header_is_ignored_unless_its_sender_is_trusted() -> None:
    assert client_ip(Settings(), PROXY, CLIENT) == PROXY
    trusting = Settings(trusted_proxies=(PROXY,))
    assert client_ip(trusting, PROXY, CLIENT) == CLIENT
    assert client_ip(trusting, OUTER, CLIENT) == OUTER


def control_status(settings: Settings, peer: str, *forwarded: str) -> int:
    headers = [("X-Forwarded-For", value) for value in forwarded]

    async def ask() -> int:
        transport = httpx.ASGITransport(create_app(settings), client=(peer, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return (await http.get("/_mock/journal", headers=headers)).status_code

    return asyncio.run(ask())


def test_proxy_on_this_machine_does_not_open_the_control_interface() -> None:
    settings = Settings(trusted_proxies=("127.0.0.1",))
    assert control_status(settings, "127.0.0.1") == 200
    assert control_status(settings, "127.0.0.1", CLIENT) == 403
    assert control_status(settings, "127.0.0.1", f"127.0.0.1, {CLIENT}") == 403
    assert control_status(Settings(), CLIENT, "127.0.0.1") == 403


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        Settings(trusted_proxies=("proxy.example",))
    refused = CliRunner().invoke(main, ["serve", "--trusted-proxy", "proxy.example"])
    assert refused.exit_code == 2
    assert "'proxy.example' is neither an IP address nor a network" in refused.output
