from __future__ import annotations

import pytest

from ksef_mock.clock import Clock
from ksef_mock.crypto.pki import Pki


@pytest.fixture(scope="session")
def pki() -> Pki:
    """One PKI for all tests of a worker: nothing that a test does changes it."""
    return Pki(Clock())
