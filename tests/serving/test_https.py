"""Clients by https: those that trust the mock's CA get in, by KSeF's own names too, and no others."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ksef_client_min import DEMO, PROD, TEST, AsyncKsefClient, Environment, KsefClient, KsefConnectionError
from ksef_mock.serving.tls import TlsAuthority
from ksef_mock.testing import MockServer
from tests.support import NIP


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`resolver(mock)`: from now on every name leads to this mock, whatever the port."""

    def override(mock: MockServer) -> None:
        address = ("127.0.0.1", urlsplit(mock.url).port)

        def getaddrinfo(*_arguments: Any, **_options: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return override


def test_client_logs_in_with_the_ca_file_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with MockServer(tls=True) as mock:
        assert mock.url.startswith("https://127.0.0.1:")
        monkeypatch.setenv("SSL_CERT_FILE", str(mock.ca_file))
        with KsefClient(mock.url) as ksef:
            ksef.login_with_token(mock.issue_token(NIP), nip=NIP)
            assert ksef.sessions().items[0].is_current


def test_asynchronous_client_logs_in_with_a_context() -> None:
    async def scenario(mock: MockServer) -> bool:
        transport = httpx.AsyncHTTPTransport(verify=mock.ssl_context())
        async with AsyncKsefClient(mock.url, transport=transport) as ksef:
            await ksef.login_with_token(mock.issue_token(NIP), nip=NIP)
            return (await ksef.sessions()).items[0].is_current

    with MockServer(tls=True) as mock:
        assert asyncio.run(scenario(mock))


@pytest.mark.parametrize("environment", [TEST, DEMO, PROD], ids=lambda each: each.name)
def test_fixed_addresses_of_ksef_lead_to_the_mock(resolver: Any, environment: Environment) -> None:
    with MockServer(tls=True) as mock:
        token = mock.issue_token(NIP)
        resolver(mock)
        with KsefClient(environment, transport=httpx.HTTPTransport(verify=mock.ssl_context())) as ksef:
            ksef.login_with_token(token, nip=NIP)
        assert mock.journal.last("/auth/token/redeem").status == 200


def test_client_that_does_not_trust_the_ca_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with (
        MockServer(tls=True) as mock,
        KsefClient(mock.url) as ksef,
        pytest.raises(KsefConnectionError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        ksef.login_with_token(mock.issue_token(NIP), nip=NIP)


def test_client_that_trusts_another_mock_refuses() -> None:
    with MockServer(tls=True) as mock, MockServer(tls=True) as other:
        transport = httpx.HTTPTransport(verify=other.ssl_context())
        with KsefClient(mock.url, transport=transport) as ksef, pytest.raises(KsefConnectionError):
            ksef.login_with_token(mock.issue_token(NIP), nip=NIP)


def test_name_that_the_certificate_has_not_is_refused(resolver: Any) -> None:
    with MockServer(tls=True) as mock, httpx.Client(verify=mock.ssl_context()) as http:
        resolver(mock)
        with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
            http.get("https://podatki.gov.pl/_mock/health")


def test_several_mocks_can_share_an_authority() -> None:
    authority = TlsAuthority.create()
    with (
        MockServer(tls=authority) as one,
        MockServer(tls=authority) as two,
        httpx.Client(verify=one.ssl_context()) as http,
    ):
        assert [http.get(f"{mock.url}/_mock/health").status_code for mock in (one, two)] == [200, 200]


def test_protocols() -> None:
    with MockServer(tls=True) as mock:
        parts = urlsplit(mock.url)
        assert parts.hostname
        context = mock.ssl_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection((parts.hostname, parts.port or 0)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert secure.selected_alpn_protocol() == "http/1.1"
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.set_ciphers("ALL:@SECLEVEL=0")  # else the client itself has none to offer
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection((parts.hostname, parts.port or 0)) as plain,
            old.wrap_socket(plain) as secure,
        ):
            assert secure.version() == "TLSv1.2"
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection((parts.hostname, parts.port or 0)) as plain,
            pytest.raises(ssl.SSLError, match=r"EOF|PROTOCOL_VERSION"),
        ):
            old.wrap_socket(plain)


def test_plain_http_and_broken_handshakes_are_dropped_and_harm_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with MockServer(tls=True) as mock, httpx.Client(verify=mock.ssl_context(), base_url=mock.url) as http:
        parts = urlsplit(mock.url)
        assert http.get("/_mock/health").status_code == 200
        for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(100), b""):
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as plain:
                plain.sendall(sent)
                plain.shutdown(socket.SHUT_WR)
                assert b"HTTP/1.1 200" not in plain.recv(1_000)
        assert http.get("/_mock/health").status_code == 200
    assert "Traceback" not in caplog.text


def test_stop_ends_handshakes_that_are_under_way() -> None:
    with MockServer(tls=True) as mock, httpx.Client(verify=mock.ssl_context(), base_url=mock.url) as http:
        parts = urlsplit(mock.url)
        plain = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)
        assert http.get("/_mock/health").status_code == 200  # by now the other connection was accepted too
    with plain, contextlib.suppress(ConnectionResetError):
        assert plain.recv(1) == b""
    gc.collect()  # warns of what was not closed


def test_files_and_contexts_are_there_only_with_tls() -> None:
    with MockServer() as mock:
        assert mock.url.startswith("http://")
        with pytest.raises(RuntimeError, match="tls=True"):
            mock.ssl_context()
        with pytest.raises(RuntimeError, match="tls=True"):
            mock.ca_file  # noqa: B018
    with MockServer(tls=True) as mock:
        path = mock.ca_file
        assert path.is_file()
    assert not path.exists()


def test_host_that_the_authority_may_not_certify_is_refused_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="may not certify"):
        MockServer(tls=True, host="8.8.8.8").start()
