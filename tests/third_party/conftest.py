"""Fixtures of the third-party clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.third_party.node_client import install


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """A `node_modules` directory with `ksef-client-ts` in it."""
    return install()
