"""A Redis that is killed, comes back, forgets, or does not answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from bench._http import Connection, request
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.redis_server import LOSSLESS, LOSSY, RedisServer, needs_redis, redis_server
from tests.served import serving
from tests.support import Api

pytestmark = needs_redis

LOGINS, ATTEMPTS, LATE = 40, 12, 10


def submit(api: Api, token: str, **options: Any) -> dict[str, Any]:
    """The answer to an accepted login."""
    answer = api.call("POST", "/auth/ksef-token", json=api.token_request(token, **options))
    assert answer.status_code == 202
    body: dict[str, Any] = answer.json()
    return body


def redeem(api: Api, started: dict[str, Any]) -> httpx.Response:
    return api.call("POST", "/auth/token/redeem", bearer=started["authenticationToken"]["token"])


async def _redeem(url: str, token: str, statuses: list[int], begin: asyncio.Event | None = None) -> int:
    """The definite answer to a redemption that is repeated as long as it is 503."""
    if begin is not None:
        await begin.wait()
    redemption = request("POST", "/v2/auth/token/redeem", bearer=token)
    deadline = time.monotonic() + 120
    async with await Connection.open(url) as connection:
        while True:
            status, _ = await connection.send(redemption)
            statuses.append(status)
            if status != 503:
                return status
            assert time.monotonic() < deadline, "the mock has not recovered"
            await asyncio.sleep(0.05)


async def _redeem_all(url: str, tokens: list[str], redis: RedisServer) -> tuple[list[list[int]], list[int]]:
    statuses: list[int] = []
    # Some logins have their turn when there is no Redis any more: the others may all be redeemed by then.
    killed = asyncio.Event()
    attempts = [
        asyncio.create_task(_redeem(url, token, statuses, killed if number < LATE else None))
        for _ in range(ATTEMPTS)
        for number, token in enumerate(tokens)
    ]
    while statuses.count(200) <= LOGINS // 2:
        await asyncio.sleep(0.001)
    redis.kill()
    killed.set()
    while statuses.count(503) < 5:
        await asyncio.sleep(0.001)
    await asyncio.to_thread(redis.start)
    ended = await asyncio.gather(*attempts)
    return [ended[number :: len(tokens)] for number in range(len(tokens))], statuses


def test_killed_in_the_middle_nothing_is_redeemed_twice() -> None:
    with redis_server(*LOSSLESS) as redis, serving("--workers", "3", "--store", redis.url) as served:
        api = Api(served.url)
        tokens = [submit(api, served.token)["authenticationToken"]["token"] for _ in range(LOGINS)]
        by_login, statuses = asyncio.run(_redeem_all(served.url, tokens, redis))
        assert set(statuses) == {200, 400, 503}
        counts = Counter(ended.count(200) for ended in by_login)
        assert set(counts) <= {0, 1}  # 0: redeemed, and the answer was lost with Redis
        assert counts[1] > LOGINS // 2
        for token in tokens:
            again = api.call("POST", "/auth/token/redeem", bearer=token)
            assert "zostały już pobrane" in again.text
        assert api.limits(api.login(served.token).access_token).status_code == 200
        api.close()


@pytest.mark.parametrize("saved", [True, False])
def test_restart_that_loses_writes_revives_no_login(saved: bool) -> None:
    with redis_server(*LOSSY) as redis, MockServer(Settings(store=redis.url)) as mock:
        api = Api(mock.url)
        token = mock.issue_token("5265877635")
        started, challenge = submit(api, token), api.challenge()
        if saved:
            assert b"OK" in redis.command("SAVE")
        assert redeem(api, started).status_code == 200
        submit(api, token, challenge=challenge)
        keys = api.public_keys()
        redis.kill()
        redis.start()  # as it was when it was saved: the login redeemable, the challenge unused
        refused = redeem(api, started)
        assert refused.status_code == 400
        assert "nie została znaleziona" in refused.text
        body = api.token_request(token, challenge=challenge)
        assert api.call("POST", "/auth/ksef-token", json=body).status_code == 400
        assert api.public_keys() == keys
        if not saved:
            token = mock.issue_token("5265877635")
        assert api.limits(api.login(token).access_token).status_code == 200
        api.close()


def test_restart_that_loses_nothing_keeps_logins() -> None:
    with redis_server(*LOSSLESS) as redis, MockServer(Settings(store=redis.url)) as mock:
        api = Api(mock.url)
        token = mock.issue_token("5265877635")
        done, open_ = submit(api, token), submit(api, token)
        assert redeem(api, done).status_code == 200
        redis.kill()
        redis.start()
        assert "zostały już pobrane" in redeem(api, done).text
        assert redeem(api, open_).status_code == 200
        api.close()


def test_unreachable_store_is_a_clean_503() -> None:
    with (
        redis_server(*LOSSY) as redis,
        MockServer(Settings(store=redis.url)) as mock,
        httpx.Client(base_url=mock.url) as http,
    ):
        assert http.post("/v2/auth/challenge").status_code == 200
        calls = mock._running.store._calls  # type: ignore[attr-defined]
        patience, calls._timeout = calls._timeout, 0.1
        redis.pause()
        for _ in range(2):
            assert http.post("/v2/auth/challenge").status_code == 503
        redis.resume()
        calls._timeout = patience
        assert http.post("/v2/auth/challenge").status_code == 200
        redis.kill()
        for path in ("/v2/auth/challenge", "/v2/nothing", "/_mock/health"):
            answer = http.post(path)
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["status"] == 503
        redis.start()
        assert http.post("/v2/auth/challenge").status_code == 200


def test_two_mocks_with_their_own_prefixes_know_nothing_of_each_other() -> None:
    with redis_server(*LOSSY) as redis:
        one, two = (MockServer(Settings(store=f"{redis.url}?prefix={name}")) for name in ("one", "two"))
        with one, two:
            first, second = Api(one.url), Api(two.url)
            token = one.issue_token("5265877635")
            one.clock.advance(seconds=3_600)
            assert two.clock.now() < one.clock.now() - 3_500 * 10**9
            assert first.login(token).access_token
            assert first.public_keys() != second.public_keys()
            one.reset()
            assert second.challenge()
            first.close()
            second.close()
