"""How often a mock has to ask its Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ksef_mock.settings import Settings
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer
from tests.redis_server import LOSSY, RedisServer, needs_redis, redis_server
from tests.support import NIP, Api

pytestmark = needs_redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server(*LOSSY) as server:
        yield server


class Counted:
    """Counts what is sent over the connections of a mock's store: one round trip for each."""

    def __init__(self, mock: MockServer) -> None:
        self.calls: list[str] = []
        store: Any = mock._running.store
        original = store._redis.execute_command

        async def execute(*words: Any, **options: Any) -> Any:
            self.calls.append(
                " ".join(str(word)[:40] for word in words if not str(word).startswith("{"))[:400]
            )
            return await original(*words, **options)

        store._redis.execute_command = execute


@pytest.fixture
def mock(server: RedisServer) -> Iterator[MockServer]:
    with MockServer(Settings(store=f"{server.url}?prefix=round-trips")) as mock:
        yield mock
        mock.reset()


@pytest.fixture
def api(mock: MockServer) -> Iterator[Api]:
    api = Api(mock.url)
    yield api
    api.close()


def test_a_login_takes_ten_round_trips(mock: MockServer, api: Api) -> None:
    token, key = mock.issue_token(NIP), api.public_keys()[0]
    api.login(token)  # loads the scripts
    counted = Counted(mock)
    challenge = api.challenge()
    submitted = api.submit(api.token_request(token, challenge=challenge, key=key))
    assert api.status(submitted)["code"] == 200
    assert api.redeem(submitted.json()["authenticationToken"]["token"]).status_code == 200
    assert len(counted.calls) <= 10, "\n".join(counted.calls)


@pytest.mark.parametrize("kind", ["asks the store", "is refused before it could", "needs nothing of it"])
def test_a_request_sees_what_another_process_has_changed_just_before(
    server: RedisServer, mock: MockServer, api: Api, kind: str
) -> None:
    login = api.login(mock.issue_token(NIP))

    async def elsewhere() -> None:
        other = System(Settings(store=f"{server.url}?prefix=round-trips"))
        await other.catch_up()
        await other.controls.warn(kind)
        await other.close()

    asyncio.run(elsewhere())
    answer = {
        "asks the store": lambda: api.limits(login.access_token),
        "is refused before it could": lambda: api.call("GET", "/tokens"),
        "needs nothing of it": lambda: api.call("GET", "/security/public-key-certificates"),
    }[kind]()
    assert answer.headers["x-system-warning"] == kind


def test_a_body_is_there_for_the_request_that_begins_anew(
    server: RedisServer, mock: MockServer, api: Api
) -> None:
    token = mock.issue_token(NIP)
    body = api.token_request(token)

    async def elsewhere() -> None:
        other = System(Settings(store=f"{server.url}?prefix=round-trips"))
        await other.catch_up()
        await other.controls.warn("once more")
        await other.close()

    asyncio.run(elsewhere())
    submitted = api.submit(body)
    assert (submitted.status_code, submitted.headers["x-system-warning"]) == (202, "once more")
    assert len(mock.journal.entries(path="/auth/ksef-token")) == 1
