from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import HealthCheck, settings

from ksef_mock.testing import MockServer
from tests.ports import reserved_port
from tests.support import Api
from tests.world import World

pytest_plugins = ["pytester"]

# httpx gives a request up after five seconds unless told otherwise; a machine may have other things to do.
for _step in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _step, 60.0)

# The same examples in each run, however slow the machine is. `--hypothesis-profile=explore` looks for others.
settings.register_profile("explore", deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("repeatable", settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture
def api(ksef_mock: MockServer) -> Iterator[Api]:
    api = Api(ksef_mock.url)
    yield api
    api.close()


@pytest.fixture
def world(ksef_mock: MockServer, api: Api) -> World:
    return World(ksef_mock, api)


@pytest.fixture
def port() -> Iterator[int]:
    """A port of 127.0.0.1 that only a server of this test can have."""
    with reserved_port() as port:
        yield port


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[MockServer, Api]]]:
    """Start a mock with other settings: `mock, api = serve(token_key="ec")`."""
    running: list[tuple[MockServer, Api]] = []

    def start(**options: Any) -> tuple[MockServer, Api]:
        mock = MockServer(**options).start()
        api = Api(mock.url)
        running.append((mock, api))
        return mock, api

    yield start
    for mock, api in running:
        api.close()
        mock.stop()
