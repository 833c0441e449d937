"""Each store under the same tests."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ksef_mock.clock import Clock
from ksef_mock.state import Store, open_store
from tests.redis_server import LOSSY, MISSING, RedisServer, redis_server

T = TypeVar("T")

_prefixes = itertools.count()

#: Makes an empty store of the kind under test, on a clock.
MakeStore = Callable[[Clock], Store]


class Loop:
    """Runs coroutines one after the other in the same event loop, and closes its stores in the end."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.stores: list[Store] = []

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        for store in self.stores:
            self(store.close())
        self._runner.close()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    if MISSING:
        pytest.skip(MISSING)
    with redis_server(*LOSSY) as server:
        yield server


@pytest.fixture
def run() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    return clock


@pytest.fixture(params=["memory", "sqlite", "redis"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Names an empty store at each call."""
    if request.param == "memory":
        return lambda: "memory"
    if request.param == "sqlite":
        return lambda: f"sqlite:{tmp_path / str(next(_prefixes))}"
    server: RedisServer = request.getfixturevalue("redis")
    return lambda: f"{server.url}?prefix={next(_prefixes)}"


@pytest.fixture
def make_store(spec: Callable[[], str], run: Loop) -> MakeStore:
    def make(clock: Clock) -> Store:
        store = open_store(spec(), clock)
        run.stores.append(store)
        return store

    return make


@pytest.fixture
def store(make_store: MakeStore, clock: Clock) -> Store:
    return make_store(clock)
