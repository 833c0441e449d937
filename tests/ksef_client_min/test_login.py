"""The client against the mock: synchronous and asynchronous, RSA and EC, errors, refresh, logout."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ksef_client_min import (
    AsyncKsefClient,
    KsefApiError,
    KsefAuthenticationError,
    KsefClient,
    KsefForbiddenError,
    KsefNotLoggedInError,
    KsefProtocolError,
    KsefTimeoutError,
    KsefUnauthorizedError,
    Policy,
)
from ksef_client_min.operations import auth, limits
from ksef_mock.core.waiting import Delay
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP

MINUTE = 60


def waiting_on(mock: MockServer) -> Callable[[float], None]:
    """A `sleep` that moves the mock's clock instead."""
    return lambda seconds: mock.clock.advance(seconds)


@pytest.fixture
def ksef(ksef_mock: MockServer, ksef_token: str) -> Any:
    with KsefClient(ksef_mock.url) as client:
        client.login_with_token(ksef_token, NIP)
        yield client


# -- login ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token_key", ["rsa", "ec", "both"])
def test_synchronous_login(token_key: Any) -> None:
    with MockServer(token_key=token_key) as mock, KsefClient(mock.url) as client:
        reference = client.login_with_token(mock.issue_token(NIP), nip=NIP)
        (session,) = client.sessions().items
        assert (session.reference_number, session.is_current) == (reference, True)
        assert client.context_limits()["onlineSession"]["maxInvoices"] == 10_000
        assert "onlineSession" in client.call(limits.rates())
        assert client.call(auth.status(reference)).authentication_method == "Token"


@pytest.mark.parametrize("token_key", ["rsa", "ec"])
def test_asynchronous_login(token_key: Any) -> None:
    async def scenario(mock: MockServer) -> None:
        async with AsyncKsefClient(mock.url) as client:
            reference = await client.login_with_token(mock.issue_token(NIP), nip=NIP)
            (session,) = (await client.sessions()).items
            assert (session.reference_number, session.is_current) == (reference, True)
            assert "onlineSession" in await client.context_limits()
            assert "onlineSession" in await client.call(limits.rates())
            assert (await client.call(auth.status(reference))).status.code == 200
            await client.refresh()
            await client.logout()
            assert client.session.access_token is None

    with MockServer(token_key=token_key) as mock:
        asyncio.run(scenario(mock))


@pytest.mark.parametrize("suffix", ["", "/", "/v2", "/v2/", "/api/v2", "/webs/api/v2"])
def test_base_url_with_and_without_version(ksef_mock: MockServer, ksef_token: str, suffix: str) -> None:
    with KsefClient(ksef_mock.url + suffix) as client:
        assert client.login_with_token(ksef_token, NIP)


@pytest.mark.parametrize("url", ["", "api.ksef.mf.gov.pl", "ftp://x", "https://", "https://x?y"])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no base URL"):
        KsefClient(url)


@pytest.mark.parametrize("arguments", [{}, {"nip": NIP, "context": ("Nip", NIP)}])
def test_login_needs_exactly_one_context(ksef_mock: MockServer, arguments: Any) -> None:
    with KsefClient(ksef_mock.url) as client, pytest.raises(ValueError, match="either nip or context"):
        client.login_with_token("token", **arguments)


def test_slow_login_is_polled_with_growing_pauses() -> None:
    pauses: list[float] = []
    with MockServer(delay=Delay(polls=4)) as mock, KsefClient(mock.url, sleep=pauses.append) as client:
        client.login_with_token(mock.issue_token(NIP), NIP)
    assert pauses == [0.5, 0.75, 1.125, 1.6875]


def test_login_that_is_never_done_ends_at_the_deadline() -> None:
    policy = Policy(login_deadline=0.0)
    with MockServer(delay=Delay(polls=1)) as mock, KsefClient(mock.url, policy=policy) as client:
        with pytest.raises(KsefTimeoutError, match="took more than 0 s"):
            client.login_with_token(mock.issue_token(NIP), NIP)
        assert client.session.access_token is None


def test_waiting_for_a_login_can_be_cancelled() -> None:
    waiting = asyncio.Event()

    async def wait_for_ever(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def scenario(mock: MockServer) -> None:
        async with AsyncKsefClient(mock.url, sleep=wait_for_ever) as client:
            login = asyncio.create_task(client.login_with_token(mock.issue_token(NIP), NIP))
            await waiting.wait()
            login.cancel()
            with pytest.raises(asyncio.CancelledError):
                await login
            assert client.session.access_token is None

    with MockServer(delay=Delay(polls=1)) as mock:
        asyncio.run(scenario(mock))


def test_clock_that_is_years_off_is_a_readable_error(ksef_mock: MockServer, ksef_token: str) -> None:
    ksef_mock.clock.advance(seconds=10 * 366 * 24 * 60 * MINUTE)
    ksef_mock.keys.recertify()
    with KsefClient(ksef_mock.url) as client, pytest.raises(KsefProtocolError, match="valid now"):
        client.login_with_token(ksef_token, NIP)


def test_refused_token_is_an_authentication_error(ksef_mock: MockServer) -> None:
    with KsefClient(ksef_mock.url) as client, pytest.raises(KsefAuthenticationError) as caught:
        client.login_with_token("no such token", NIP)
    assert (caught.value.code, caught.value.details) == (450, ("Nieprawidłowy token",))
    assert caught.value.reference_number == ksef_mock.journal.last("/auth/ksef-token").operation


def test_key_rotated_in_mid_login_is_fetched_again(ksef_mock: MockServer, ksef_token: str) -> None:
    fetched = 0

    def rotate_after_the_first_fetch(response: httpx.Response) -> None:
        nonlocal fetched
        if response.request.url.path.endswith("/public-key-certificates"):
            fetched += 1
            if fetched == 1:
                ksef_mock.keys.rotate(emergency=True)

    with KsefClient(ksef_mock.url) as client:
        client._http.event_hooks["response"].append(rotate_after_the_first_fetch)
        client.login_with_token(ksef_token, NIP)
    assert fetched == 2
    assert [entry.status for entry in ksef_mock.journal.entries(path="/auth/ksef-token")] == [400, 202]
    assert len(ksef_mock.journal.entries(path="/auth/challenge")) == 1


def test_error_has_code_details_and_trace_id(ksef_mock: MockServer, ksef_token: str) -> None:
    with KsefClient(ksef_mock.url) as client, pytest.raises(KsefApiError) as caught:
        client.login_with_token(ksef_token, "123")
    assert (caught.value.status, caught.value.code) == (400, 21405)
    assert "contextIdentifier.value" in caught.value.details[0]
    assert caught.value.trace_id == ksef_mock.journal.last().trace_id


def test_ip_policy_of_the_login_is_sent(ksef_mock: MockServer, ksef_token: str) -> None:
    policy = {"allowedIps": {"ip4Addresses": ["192.0.2.1"]}}
    with KsefClient(ksef_mock.url) as client:
        client.login_with_token(ksef_token, NIP, authorization_policy=policy)
        with pytest.raises(KsefForbiddenError) as caught:
            client.context_limits()
    assert caught.value.reason_code == "ip-not-allowed"


# -- the access token's life ------------------------------------------------------------------------------


def refreshes(mock: MockServer) -> list[int]:
    return [entry.status for entry in mock.journal.entries(path="/auth/token/refresh")]


def test_expired_access_token_is_refreshed_and_the_call_repeated(
    ksef_mock: MockServer, ksef: KsefClient
) -> None:
    before = ksef.session.access_token
    ksef_mock.clock.advance(seconds=16 * MINUTE)
    assert ksef.sessions().items
    assert ksef.session.access_token != before
    assert refreshes(ksef_mock) == [200]


def test_concurrent_threads_share_one_refresh(ksef_mock: MockServer, ksef: KsefClient) -> None:
    ksef_mock.clock.advance(seconds=16 * MINUTE)
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(lambda _: ksef.context_limits(), range(8)))) == 8
    assert refreshes(ksef_mock) == [200]


def test_concurrent_tasks_share_one_refresh(ksef_mock: MockServer, ksef_token: str) -> None:
    async def scenario() -> None:
        async with AsyncKsefClient(ksef_mock.url) as client:
            await client.login_with_token(ksef_token, NIP)
            ksef_mock.clock.advance(seconds=16 * MINUTE)
            calls: list[Awaitable[Any]] = [client.context_limits() for _ in range(8)]
            await asyncio.gather(*calls)

    asyncio.run(scenario())
    assert refreshes(ksef_mock) == [200]


def test_failed_refresh_raises_the_original_401(ksef_mock: MockServer, ksef: KsefClient) -> None:
    ksef_mock.clock.advance(seconds=8 * 24 * 60 * MINUTE)
    with pytest.raises(KsefUnauthorizedError) as caught:
        ksef.context_limits()
    assert isinstance(caught.value.__cause__, KsefUnauthorizedError)
    assert refreshes(ksef_mock) == [401]


class Keeper:
    """A manager of one's own: gets new tokens from elsewhere."""

    def __init__(self, *fresh: str | None) -> None:
        self.access_token: str | None = None
        self.refresh_token: str | None = None
        self.fresh = list(fresh)
        self.asked = 0

    def get_access_token(self) -> str | None:
        return self.access_token

    def set_access_token(self, token: str | None) -> None:
        self.access_token = token

    def get_refresh_token(self) -> str | None:
        return self.refresh_token

    def set_refresh_token(self, token: str | None) -> None:
        self.refresh_token = token

    def on_unauthorized(self) -> str | None:
        self.asked += 1
        return self.fresh.pop(0)


def test_401_after_a_new_token_is_final(ksef_mock: MockServer, ksef_token: str) -> None:
    keeper = Keeper("no JWT", "no JWT either")
    with KsefClient(ksef_mock.url, auth_manager=keeper) as client:
        client.login_with_token(ksef_token, NIP)
        ksef_mock.clock.advance(seconds=16 * MINUTE)
        with pytest.raises(KsefUnauthorizedError):
            client.context_limits()
    assert keeper.asked == 1
    assert keeper.access_token == "no JWT"
    assert refreshes(ksef_mock) == []


def test_manager_of_ones_own_gets_the_tokens_and_gives_new_ones(
    ksef_mock: MockServer, ksef_token: str, ksef: KsefClient
) -> None:
    keeper = Keeper()
    with KsefClient(ksef_mock.url, auth_manager=keeper) as client:
        client.login_with_token(ksef_token, NIP)
        assert keeper.refresh_token
        ksef_mock.clock.advance(seconds=16 * MINUTE)
        ksef.refresh()
        keeper.fresh.append(ksef.session.access_token)
        assert client.context_limits()
        assert keeper.asked == 1


def test_manager_without_a_new_token_leads_to_the_original_401(
    ksef_mock: MockServer, ksef_token: str
) -> None:
    with KsefClient(ksef_mock.url, auth_manager=Keeper(None)) as client:
        client.login_with_token(ksef_token, NIP)
        ksef_mock.clock.advance(seconds=16 * MINUTE)
        with pytest.raises(KsefUnauthorizedError):
            client.context_limits()


def test_asynchronous_manager_may_be_a_coroutine(ksef_mock: MockServer, ksef_token: str) -> None:
    class Patient(Keeper):
        async def on_unauthorized(self) -> str | None:  # type: ignore[override]
            await asyncio.sleep(0)
            return await other._refreshed()

    other: AsyncKsefClient

    async def scenario() -> None:
        nonlocal other
        async with AsyncKsefClient(ksef_mock.url) as other:
            await other.login_with_token(ksef_token, NIP)
            manager = Patient()
            async with AsyncKsefClient(ksef_mock.url, auth_manager=manager) as client:
                manager.access_token = "no JWT"
                assert await client.context_limits()

    asyncio.run(scenario())


def test_calls_before_a_login_say_so(ksef_mock: MockServer) -> None:
    with KsefClient(ksef_mock.url) as client:
        for call in (client.sessions, client.context_limits, client.refresh):
            with pytest.raises(KsefNotLoggedInError):
                call()
    assert not list(ksef_mock.journal)


def test_logout_ends_the_session_and_forgets_it(ksef_mock: MockServer, ksef: KsefClient) -> None:
    ksef.logout()
    assert ksef.session.access_token is None
    assert ksef_mock.journal.last().status == 204
    ksef.logout()
    assert len(ksef_mock.journal.entries(path="/auth/sessions/current")) == 1


def test_logout_works_after_the_access_token_has_expired(ksef_mock: MockServer, ksef: KsefClient) -> None:
    ksef_mock.clock.advance(seconds=60 * MINUTE)
    ksef.logout()
    assert ksef_mock.journal.last().status == 204


def test_sessions_can_be_paged_and_revoked(ksef_mock: MockServer, ksef_token: str, ksef: KsefClient) -> None:
    for _ in range(10):
        with KsefClient(ksef_mock.url) as other:
            last = other.login_with_token(ksef_token, NIP)
    first = ksef.sessions()
    assert len(first.items) == 10
    second = ksef.sessions(continuation_token=first.continuation_token)
    assert [item.is_current for item in second.items] == [True]
    ksef.call(auth.revoke_session(last))
    assert last not in [item.reference_number for item in ksef.sessions(page_size=100).items]


def test_sessions_of_two_clients_are_their_own(ksef_mock: MockServer, ksef: KsefClient) -> None:
    with KsefClient(ksef_mock.url) as other:
        other.login_with_token(ksef_mock.issue_token(OTHER_NIP), OTHER_NIP)
        assert len(other.sessions().items) == 1
    assert len(ksef.sessions().items) == 1


# -- secrecy and independence -----------------------------------------------------------------------------


def test_tokens_are_in_no_repr_log_or_traceback(
    ksef_mock: MockServer, ksef: KsefClient, caplog: pytest.LogCaptureFixture
) -> None:
    session = ksef.session
    secrets = [session.access_token or "?", session.refresh_token or "?"]
    caplog.set_level(logging.DEBUG)
    ksef_mock.clock.advance(seconds=8 * 24 * 60 * MINUTE)
    try:
        ksef.context_limits()
    except KsefUnauthorizedError as error:
        seen = "".join(traceback.format_exception(error)) + repr(error)
    seen += repr(session) + repr(ksef) + caplog.text
    assert not [secret for secret in secrets if secret in seen]


def test_client_never_imports_the_mock() -> None:
    code = (
        "import sys, ksef_client_min, ksef_client_min.cli;"
        "sys.exit(any(name.partition('.')[0] in ('ksef_mock', 'contract_tests') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
