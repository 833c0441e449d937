"""Calls that share round trips."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ksef_mock.state.redis_calls import Calls
from tests.redis_server import LOSSY, RedisServer, needs_redis, redis_server

pytestmark = needs_redis

KEYS = [b"{calls}:one"]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server(*LOSSY) as server:
        yield server


class Counted:
    """Calls by a client, and how many round trips they took."""

    def __init__(self, server: RedisServer) -> None:
        make: Any = Redis.from_url
        self.client: Any = make(server.url)
        self.calls = Calls(self.client.connection_pool, KEYS, timeout=5.0)
        self.trips = 0
        trip = self.calls._round_trip

        async def counted(commands: bytes, number: int) -> list[Any]:
            self.trips += 1
            return await trip(commands, number)

        vars(self.calls)["_round_trip"] = counted

    async def close(self) -> None:
        await self.calls.close()
        await self.client.aclose()


def test_calls_at_the_same_time_share_round_trips_and_each_gets_its_own_answer(server: RedisServer) -> None:
    async def story() -> tuple[list[bytes], int]:
        counted = Counted(server)
        calls = counted.calls
        echo = counted.client.register_script("return ARGV[1]")
        await calls(echo, ["loaded"])
        counted.trips = 0
        answers = await asyncio.gather(*(calls(echo, [str(number)]) for number in range(40)))
        await counted.close()
        return answers, counted.trips

    answers, trips = asyncio.run(story())
    assert answers == [str(number).encode() for number in range(40)]
    assert trips <= 4


def test_a_call_alone_goes_at_once_and_costs_one(server: RedisServer) -> None:
    async def story() -> int:
        counted = Counted(server)
        calls = counted.calls
        echo = counted.client.register_script("return ARGV[1]")
        await calls(echo, ["loaded"])
        counted.trips = 0
        for _ in range(5):
            await calls(echo, ["x"])
        await counted.close()
        return counted.trips

    assert asyncio.run(story()) == 5


def test_what_fails_fails_alone_and_scripts_that_the_server_forgot_are_sent_again(
    server: RedisServer,
) -> None:
    async def story() -> list[Any]:
        counted = Counted(server)
        calls = counted.calls
        count = counted.client.register_script("return redis.call('INCR', KEYS[1])")
        wrong = counted.client.register_script("return redis.call('HGET', KEYS[1], 'x')")
        await counted.client.delete(*KEYS)
        await calls(count, [])
        await counted.client.script_flush()
        asked = [calls(wrong if number == 5 else count, []) for number in range(9)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await counted.close()
        return answers

    answers = asyncio.run(story())
    assert isinstance(answers.pop(5), ResponseError)
    assert sorted(answers) == list(range(2, 10))


def test_a_call_that_nobody_waits_for_any_more_leaves_the_others_alone(server: RedisServer) -> None:
    async def story() -> list[Any]:
        counted = Counted(server)
        calls = counted.calls
        echo = counted.client.register_script("return ARGV[1]")
        await calls(echo, ["loaded"])
        tasks = [asyncio.create_task(calls(echo, [str(number)])) for number in range(8)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await counted.close()
        return [answer for number, answer in enumerate(answers) if number % 3]

    assert asyncio.run(story()) == [b"1", b"2", b"4", b"5", b"7"]


def test_a_connection_that_the_server_has_closed_is_made_anew(server: RedisServer) -> None:
    async def story() -> list[bytes]:
        counted = Counted(server)
        echo = counted.client.register_script("return ARGV[1]")
        answers = [await counted.calls(echo, ["before"])]
        await counted.client.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(0)
        answers.append(await counted.calls(echo, ["after"]))
        await counted.close()
        return answers

    assert asyncio.run(story()) == [b"before", b"after"]


def test_an_answer_that_does_not_come_is_given_up_and_not_taken_for_the_next_one(server: RedisServer) -> None:
    async def story() -> bytes:
        counted = Counted(server)
        echo = counted.client.register_script("return ARGV[1]")
        await counted.calls(echo, ["loaded"])
        counted.calls._timeout = 0.0
        with pytest.raises(TimeoutError):
            await counted.calls(echo, ["lost"])
        counted.calls._timeout = 5.0
        answer: bytes = await counted.calls(echo, ["found"])
        await counted.close()
        return answer

    assert asyncio.run(story()) == b"found"
