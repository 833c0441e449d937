from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ksef_mock.testing import MockServer
from tests.dashboard.support import Browse, Dashboard


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
