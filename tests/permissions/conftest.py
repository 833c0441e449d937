from __future__ import annotations

import pytest

from ksef_mock.testing import MockServer
from tests.permissions.world import World
from tests.support import Api


@pytest.fixture
def world(ksef_mock: MockServer, api: Api) -> World:
    return World(ksef_mock, api)
