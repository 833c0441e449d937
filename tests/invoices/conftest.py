"""A Redis server for the tests of what invoices keep."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redis_server import MISSING, RedisServer, redis_server


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A server that keeps nothing on disk."""
    if MISSING:
        pytest.skip(MISSING)
    with redis_server() as server:
        yield server
