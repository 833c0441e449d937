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

KEYS = ["{calls}:one"]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server(*LOSSY) as server:
        yield server


class Counted:
    """A client that counts its round trips."""

    def __init__(self, server: RedisServer) -> None:
        make: Any = Redis.from_url
        self.client: Any = make(server.url)
        self.trips = 0
        client: Any = self.client
        execute, pipeline = client.execute_command, client.pipeline

        async def counted(*words: Any, **options: Any) -> Any:
            self.trips += 1
            return await execute(*words, **options)

        def piped(**options: Any) -> Any:
            self.trips += 1
            return pipeline(**options)

        client.execute_command, client.pipeline = counted, piped


def test_calls_at_the_same_time_share_round_trips_and_each_gets_its_own_answer(server: RedisServer) -> None:
    async def story() -> tuple[list[bytes], int]:
        counted = Counted(server)
        calls = Calls(counted.client, KEYS)
        echo = counted.client.register_script("return ARGV[1]")
        await calls(echo, ["loaded"])
        counted.trips = 0
        answers = await asyncio.gather(*(calls(echo, [str(number)]) for number in range(40)))
        await counted.client.aclose()
        return answers, counted.trips

    answers, trips = asyncio.run(story())
    assert answers == [str(number).encode() for number in range(40)]
    assert trips <= 4


def test_a_call_alone_goes_at_once_and_costs_one(server: RedisServer) -> None:
    async def story() -> int:
        counted = Counted(server)
        calls = Calls(counted.client, KEYS)
        echo = counted.client.register_script("return ARGV[1]")
        await calls(echo, ["loaded"])
        counted.trips = 0
        for _ in range(5):
            await calls(echo, ["x"])
        await counted.client.aclose()
        return counted.trips

    assert asyncio.run(story()) == 5


def test_what_fails_fails_alone_and_scripts_that_the_server_forgot_are_sent_again(
    server: RedisServer,
) -> None:
    async def story() -> list[Any]:
        counted = Counted(server)
        calls = Calls(counted.client, KEYS)
        count = counted.client.register_script("return redis.call('INCR', KEYS[1])")
        wrong = counted.client.register_script("return redis.call('HGET', KEYS[1], 'x')")
        await counted.client.delete(*KEYS)
        await calls(count, [])
        await counted.client.script_flush()
        asked = [calls(wrong if number == 5 else count, []) for number in range(9)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await counted.client.aclose()
        return answers

    answers = asyncio.run(story())
    assert isinstance(answers.pop(5), ResponseError)
    assert sorted(answers) == list(range(2, 10))


def test_a_call_that_nobody_waits_for_any_more_leaves_the_others_alone(server: RedisServer) -> None:
    async def story() -> list[Any]:
        counted = Counted(server)
        calls = Calls(counted.client, KEYS)
        echo = counted.client.register_script("return ARGV[1]")
        await calls(echo, ["loaded"])
        tasks = [asyncio.create_task(calls(echo, [str(number)])) for number in range(8)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await counted.client.aclose()
        return [answer for number, answer in enumerate(answers) if number % 3]

    assert asyncio.run(story()) == [b"1", b"2", b"4", b"5", b"7"]
