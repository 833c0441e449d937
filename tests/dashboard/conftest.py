from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from ksef_mock.testing import MockServer
from tests.chromium import chromium
from tests.dashboard.support import Browse, Dashboard
from tests.dashboard.town import settle
from tests.support import Api


@pytest.fixture
def browse() -> Iterator[Browse]:
    """Look at a mock: `browse(mock).get()`."""
    with ExitStack() as stack:

        def look(mock: MockServer) -> Dashboard:
            dashboard = Dashboard(mock.url)
            stack.callback(dashboard.http.close)
            return dashboard

        yield look


@pytest.fixture
def dashboard(ksef_mock: MockServer, browse: Browse) -> Dashboard:
    return browse(ksef_mock)


@pytest.fixture(scope="session")
def town_mock() -> Iterator[MockServer]:
    """A mock that has something for every page to show. Only to be looked at."""
    with MockServer() as mock:
        api = Api(mock.url)
        settle(mock, api)
        api.close()
        yield mock


@pytest.fixture
def town(town_mock: MockServer, browse: Browse) -> Dashboard:
    """The dashboard of `town_mock`."""
    return browse(town_mock)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
