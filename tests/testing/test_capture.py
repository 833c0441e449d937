"""KSeF's own host names lead to a mock in the process, for every library, and for nobody else."""

from __future__ import annotations

import asyncio
import errno
import gc
import http.client
import importlib.util
import os
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
import requests
import urllib3

from ksef_client_min import KsefClient
from ksef_client_min.environments import TEST
from ksef_mock.capture import Capture
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.serving.tls import GATEWAYS, TlsAuthority
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.sending.erp import Erp
from tests.support import NIP, Api
from tests.third_party.tunnel import tunnel

HOST = "api-test.ksef.mf.gov.pl"
URL = f"https://{HOST}/v2/auth/challenge"

#: Posts to an address, as a library does it; returns the status.
Post: TypeAlias = Callable[[str], int]


def with_requests() -> Post:
    session = requests.Session()
    return lambda url: session.post(url, timeout=60).status_code


def with_httpx() -> Post:
    client = httpx.Client(timeout=60)
    return lambda url: client.post(url).status_code


def with_urllib3() -> Post:
    pool = urllib3.PoolManager(retries=False)
    return lambda url: pool.request("POST", url).status


def with_urllib() -> Post:
    opener = urllib.request.build_opener()

    def post(url: str) -> int:
        with opener.open(urllib.request.Request(url, method="POST"), timeout=60) as response:
            status: int = response.status
            return status

    return post


def with_http_client() -> Post:
    context = ssl.create_default_context()

    def post(url: str) -> int:
        connection = http.client.HTTPSConnection(urlsplit(url).netloc, context=context, timeout=60)
        try:
            connection.request("POST", urlsplit(url).path)
            return connection.getresponse().status
        finally:
            connection.close()

    return post


def with_sockets() -> Post:
    context = ssl.create_default_context()

    def post(url: str) -> int:
        host = urlsplit(url).netloc
        with socket.socket() as plain:
            plain.settimeout(60)
            plain.connect((host, 443))  # resolved by the kernel's side of it
            with context.wrap_socket(plain, server_hostname=host) as secure:
                secure.sendall(
                    f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: {host}\r\n"
                    "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                return int(secure.recv(100).split()[1])

    return post


#: Those that the present test has begun.
_LOOPS: list[tuple[asyncio.AbstractEventLoop, threading.Thread]] = []


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """What clients leave to the collector is collected here, not in the middle of some other test."""
    yield
    while _LOOPS:
        loop, thread = _LOOPS.pop()
        asyncio.run_coroutine_threadsafe(_cut_off(loop), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
    gc.collect()


async def _cut_off(loop: asyncio.AbstractEventLoop) -> None:
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    for _ in range(4):
        await asyncio.sleep(0)


def in_a_loop(make: Callable[[], Awaitable[Callable[[str], Awaitable[int]]]]) -> Callable[[], Post]:
    """An asynchronous client that lives in an event loop of a thread of its own."""

    def prepared() -> Post:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        _LOOPS.append((loop, thread))

        async def made() -> Callable[[str], Awaitable[int]]:
            return await make()

        post = asyncio.run_coroutine_threadsafe(made(), loop).result(60)

        async def awaited(url: str) -> int:
            return await post(url)

        return lambda url: asyncio.run_coroutine_threadsafe(awaited(url), loop).result(60)

    return prepared


async def asynchronous_httpx() -> Callable[[str], Awaitable[int]]:
    client = httpx.AsyncClient(timeout=60)

    async def post(url: str) -> int:
        return (await client.post(url)).status_code

    return post


def aiohttp_with(resolver: type[Any] | None) -> Callable[[], Awaitable[Callable[[str], Awaitable[int]]]]:
    async def made() -> Callable[[str], Awaitable[int]]:
        connector = aiohttp.TCPConnector(resolver=None if resolver is None else resolver())
        session = aiohttp.ClientSession(connector=connector)

        async def post(url: str) -> int:
            async with session.post(url) as response:
                return response.status

        return post

    return made


async def asyncio_streams() -> Callable[[str], Awaitable[int]]:
    context = ssl.create_default_context()

    async def post(url: str) -> int:
        host = urlsplit(url).netloc
        reader, writer = await asyncio.open_connection(host, 443, ssl=context)
        writer.write(f"POST {urlsplit(url).path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    return post


LIBRARIES = {
    "requests": with_requests,
    "httpx": with_httpx,
    "httpx, asynchronous": in_a_loop(asynchronous_httpx),
    "urllib3": with_urllib3,
    "aiohttp": in_a_loop(aiohttp_with(None)),
    "aiohttp, threads": in_a_loop(aiohttp_with(aiohttp.ThreadedResolver)),
    "urllib": with_urllib,
    "http.client": with_http_client,
    "sockets": with_sockets,
    "asyncio": in_a_loop(asyncio_streams),
}
each_library = pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
# The clients of these tests are left to the collector, as those of many programs are.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore:Unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

REAL = {
    (owner, name): getattr(owner, name)
    for owner, names in {
        socket: ("getaddrinfo", "gethostbyname", "gethostbyname_ex"),
        socket.socket: ("connect", "connect_ex"),
        ssl.SSLContext: ("wrap_socket", "wrap_bio"),
    }.items()
    for name in names
}


@pytest.fixture(autouse=True)
def nothing_goes_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names that are not captured are unknown; afterwards all functions are those of before."""
    real = socket.getaddrinfo

    def only_here(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not name.startswith(("127.", "0.")) and name != "localhost":
            raise socket.gaierror(socket.EAI_NONAME, f"{name} is not to be asked for")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield
    assert socket.getaddrinfo is only_here
    monkeypatch.undo()
    restored()


def restored() -> None:
    assert {(owner, name): getattr(owner, name) for owner, name in REAL} == REAL
    assert not {"connect", "connect_ex"} & set(vars(socket.socket))


@each_library
@pytest.mark.parametrize("made", ["before", "within"])
def test_every_library_reaches_the_mock(
    ksef_mock: MockServer, library: Callable[[], Post], made: str
) -> None:
    post = library() if made == "before" else None
    for _ in range(2):
        with ksef_mock.capture_hosts():
            post = post or library()
            assert post(URL) == 200
            assert post(URL.replace("-test", "-demo")) == 200
        # Its open connections have ended too: nothing leads to the mock any more.
        with pytest.raises(Exception, match=r"."):
            post(URL)
    assert [entry.status for entry in ksef_mock.journal.entries()] == [200] * 4


@each_library
def test_the_certificate_is_verified(library: Callable[[], Post]) -> None:
    with MockServer(tls=True) as mock:
        port = urlsplit(mock.url).port
        assert port is not None
        another = TlsAuthority.create().certificate_pem.decode()
        with Capture([HOST], port, another):
            post = library()
            with pytest.raises(Exception, match=r"."):
                post(URL)
        assert mock.journal.entries() == []
        with Capture([HOST], port, mock._tls.certificate_pem.decode()) as capture:
            assert capture.context.verify_mode is ssl.CERT_REQUIRED
            assert capture.context.check_hostname
            assert post(URL) == 200


def test_api_lighthouse_and_qr_pages_of_every_environment_are_there(ksef_mock: MockServer) -> None:
    with ksef_mock.capture_hosts(), httpx.Client() as client:
        for environment in ("-test", "-demo", ""):
            host = f"{environment}.ksef.mf.gov.pl"
            assert client.get(f"https://api{host}/v2/auth/sessions").status_code == 401
            assert client.get(f"https://api-latarnia{host}/status").json()["status"] == "AVAILABLE"
            page = client.get(f"https://qr{host}/invoice/{NIP}/02-02-2026/x")
            assert page.headers["content-type"].startswith("text/html")
        assert client.get("https://ksef-test.mf.gov.pl/api/v2/auth/sessions").status_code == 401
        assert client.get(f"https://{HOST.upper()}/v2/auth/sessions").status_code == 401
        assert socket.gethostbyname(f"{HOST}.") == socket.gethostbyname(HOST)


def test_a_whole_client_sends_an_invoice_and_fetches_its_upo(ksef_mock: MockServer) -> None:
    with ksef_mock.capture_hosts():
        api = Api(f"https://{HOST}")
        erp = Erp(api, api.login(ksef_mock.issue_token(NIP)).access_token)
        sent = erp.sent(erp.open(), invoice(NIP))
        assert sent["upoDownloadUrl"].startswith(f"https://{HOST}/storage/")
        assert requests.get(sent["upoDownloadUrl"], timeout=60).status_code == 200
        api.close()
        with KsefClient(TEST) as ksef:
            ksef.login_with_token(ksef_mock.issue_token(NIP), nip=NIP)


def test_a_tenant_captures_too(ksef_mock: MockServer) -> None:
    with ksef_mock.tenant("orders", token_key="ec") as tenant, tenant.capture_hosts():
        api = Api(f"https://{HOST}")
        erp = Erp(api, api.login(tenant.token).access_token)
        sent = erp.sent(erp.open(), invoice(tenant.nip))
        assert sent["upoDownloadUrl"].startswith(f"https://{HOST}/t/orders/storage/")
        assert httpx.get(sent["upoDownloadUrl"]).status_code == 200
        assert httpx.get("https://api-latarnia-test.ksef.mf.gov.pl/status").status_code == 200
        api.close()
        assert ksef_mock.journal.entries() == []


def test_the_fixture_captures_for_a_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import urllib.request

        def test_it(ksef_hosts):
            with urllib.request.urlopen("https://api-test.ksef.mf.gov.pl/_mock/health") as answer:
                assert answer.status == 200
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist").assert_outcomes(passed=1)


# -- nobody else is touched -------------------------------------------------------------------------------


def test_other_hosts_are_asked_for_as_ever(ksef_mock: MockServer) -> None:
    with ksef_mock.capture_hosts():
        for host in ("example.test", f"{HOST}.example.test", f"x.{HOST}", "mf.gov.pl"):
            with pytest.raises(socket.gaierror, match=f"{host} is not to be asked for"):
                socket.getaddrinfo(host, 443)
        [(*_, address), *_] = socket.getaddrinfo("localhost", 1234, family=socket.AF_INET)
        assert address == ("127.0.0.1", 1234)
        assert socket.getaddrinfo(None, 80)
        assert httpx.get(f"{ksef_mock.url}/_mock/health").status_code == 200
        with socket.socket(socket.AF_INET6) as six, pytest.raises(TypeError):
            six.connect("no address")


def test_tls_of_other_hosts_is_judged_by_the_client_s_own_context(ksef_mock: MockServer) -> None:
    with MockServer(tls=True) as other, ksef_mock.capture_hosts():
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{other.url}/_mock/health")
        trusting = httpx.get(f"{other.url}/_mock/health", verify=other.ssl_context())
        assert trusting.status_code == 200


def test_the_client_s_context_is_left_as_it_is(ksef_mock: MockServer) -> None:
    context = ssl.create_default_context()
    before = (context.cert_store_stats(), context.verify_mode, context.check_hostname, context.options)
    with ksef_mock.capture_hosts(), httpx.Client(verify=context) as client:
        assert client.post(URL).status_code == 200
    assert (
        context.cert_store_stats(),
        context.verify_mode,
        context.check_hostname,
        context.options,
    ) == before


def test_nothing_but_https_is_there(ksef_mock: MockServer) -> None:
    with ksef_mock.capture_hosts():
        with pytest.raises(requests.ConnectionError, match="port 80 of a captured host is not served"):
            requests.get(f"http://{HOST}/", timeout=60)
        with socket.socket() as probe:
            assert probe.connect_ex((HOST, 8443)) == errno.ECONNREFUSED
            assert probe.connect_ex((HOST, 443)) == 0
            assert probe.getpeername()[0] == "127.0.0.1"
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo(HOST, 443, family=socket.AF_INET6)
        assert socket.gethostbyname(HOST).startswith("127.")


def test_it_listens_here_alone_and_only_for_so_long() -> None:
    with MockServer(host="0.0.0.0") as mock:
        with mock.capture_hosts():
            with socket.create_connection((HOST, 443)) as connection:
                address, port = connection.getpeername()
            listening = {
                listener.getsockname()
                for served in mock._started._beside
                for server in served.servers
                for listener in server.sockets
            }
            assert listening == {("127.0.0.1", port)} == {(address, port)}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_what_is_resolved_once_leads_nowhere_afterwards(ksef_mock: MockServer) -> None:
    with ksef_mock.capture_hosts():
        address = socket.gethostbyname(HOST)
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex((address, 443)) != 0
    with ksef_mock.capture_hosts(), socket.create_connection((address, 443)):
        assert socket.gethostbyname(HOST) == address, "clients keep what they have resolved"


@pytest.mark.parametrize("library", [with_requests, with_httpx, with_urllib, with_urllib3])
def test_a_proxy_is_passed_by(
    ksef_mock: MockServer, library: Callable[[], Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    before = dict(os.environ)
    with ksef_mock.capture_hosts():
        assert os.environ["NO_PROXY"].startswith("internal.example,ap-demo.ksef.mf.gov.pl,")
        assert library()(URL) == 200
    assert dict(os.environ) == before


def test_through_a_proxy_that_a_client_knows_nothing_is_told_to_the_real_host(
    ksef_mock: MockServer,
) -> None:
    # The other mock stands for the real gateway: the client trusts its CA, and would talk to it.
    with MockServer(tls=True) as real:
        port = urlsplit(real.url).port
        assert port is not None
        with tunnel(port) as proxy, httpx.Client(proxy=proxy, verify=real.ssl_context()) as client:
            assert client.post(URL).status_code == 200
            client._transport_for_url(httpx.URL(URL)).close()
            with (
                ksef_mock.capture_hosts(),
                pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
            ):
                client.post(URL)
        assert len(real.journal.entries()) == 1
    assert ksef_mock.journal.entries() == []


# -- in, out, side by side --------------------------------------------------------------------------------


def test_of_two_the_one_entered_later_has_the_names_until_it_is_left(ksef_mock: MockServer) -> None:
    with MockServer(Settings(profile="prod")) as other, ksef_mock.capture_hosts():
        assert profile() == "test"
        with other.capture_hosts(HOST):
            assert profile() == "prod"
            assert profile("api.ksef.mf.gov.pl") == "test"
            with ksef_mock.capture_hosts(HOST):
                assert profile() == "test"
            assert profile() == "prod"
        assert profile() == "test"


def test_they_may_be_left_in_any_order(ksef_mock: MockServer) -> None:
    with MockServer(Settings(profile="prod")) as other:
        contexts: list[AbstractContextManager[None]] = [ksef_mock.capture_hosts(), other.capture_hosts()]
        for context in contexts:
            context.__enter__()
        contexts[0].__exit__(None, None, None)
        assert profile() == "prod"
        contexts[1].__exit__(None, None, None)
    restored_but_for_the_resolver()


def test_threads_enter_and_leave_as_they_like(ksef_mock: MockServer) -> None:
    wrong: list[object] = []

    def work() -> None:
        try:
            for _ in range(5):
                with ksef_mock.capture_hosts():
                    wrong.extend({post(URL) for post in (with_requests(), with_http_client())} - {200})
        except BaseException as problem:
            wrong.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    restored_but_for_the_resolver()


def test_it_is_left_by_an_exception_and_by_a_mock_that_stops() -> None:
    mock = MockServer().start()
    with pytest.raises(ZeroDivisionError), mock.capture_hosts():
        _ = 1 / 0
    restored_but_for_the_resolver()
    with mock.capture_hosts():
        mock.stop()
        with pytest.raises(requests.ConnectionError):
            requests.get(URL, timeout=60)
    restored_but_for_the_resolver()
    with pytest.raises(RuntimeError, match="not running"), mock.capture_hosts():
        pass
    restored_but_for_the_resolver()


def test_what_somebody_puts_over_it_meanwhile_stays(
    ksef_mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ksef_mock.capture_hosts():
        mine = socket.getaddrinfo

        def theirs(*arguments: Any, **options: Any) -> Any:
            return mine(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", theirs)
            with ksef_mock.capture_hosts():
                assert with_requests()(URL) == 200
            assert socket.getaddrinfo is theirs


def test_hosts_are_those_that_are_named(ksef_mock: MockServer) -> None:
    with ksef_mock.capture_hosts("qr.ksef.mf.gov.pl", HOST):
        assert profile() == "test"
        with pytest.raises(requests.ConnectionError):
            requests.get("https://api.ksef.mf.gov.pl", timeout=60)
    with (
        pytest.raises(ValueError, match=r"'example.com' is no host of KSeF's"),
        ksef_mock.capture_hosts("example.com"),
    ):
        pass
    assert HOST in GATEWAYS


def test_aiohttp_resolves_past_python_s_sockets_where_it_can() -> None:
    # Else the case "aiohttp" above says nothing that "aiohttp, threads" does not.
    assert importlib.util.find_spec("aiodns") is not None
    assert aiohttp.resolver.DefaultResolver is aiohttp.AsyncResolver


def profile(host: str = HOST) -> str:
    found: str = requests.get(f"https://{host}/_mock/health", timeout=60).json()["profile"]
    return found


def restored_but_for_the_resolver() -> None:
    real = {place: function for place, function in REAL.items() if place[1] != "getaddrinfo"}
    assert {(owner, name): getattr(owner, name) for owner, name in real} == real
