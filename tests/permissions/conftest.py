from __future__ import annotations

import pytest

from ksef_mock.testing import MockServer
from tests.support import Api
from tests.world import World


@pytest.fixture
def world(ksef_mock: MockServer, api: Api) -> World:
    return World(ksef_mock, api)
