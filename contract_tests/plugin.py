"""The pytest plugin: a simulated KSeF as a fixture. Loaded through the `pytest11` entry point.

Imports of the mock wait until a test asks for it: every pytest run of a project that has ksef-mock installed
loads this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ksef_mock.testing import MockServer

#: The NIP of `ksef_token`.
DEFAULT_NIP = "5265877635"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the conformance suite."""
    group = parser.getgroup("ksef", "KSeF conformance (pytest --pyargs contract_tests)")
    group.addoption(
        "--ksef-target",
        default="mock",
        metavar="TARGET",
        help="what to check: mock (starts one, the default), test (KSeF TEST), or a URL",
    )
    group.addoption(
        "--ksef-force-production",
        action="store_true",
        help="let the target be KSeF production; only read-only requirements are checked there",
    )


@pytest.fixture(scope="session")
def _ksef_mock_server() -> Iterator[MockServer]:
    # One server for the worker's whole session: under xdist each worker is a process with its own.
    from ksef_mock.testing import MockServer

    with MockServer() as mock:
        yield mock


@pytest.fixture
def ksef_mock(_ksef_mock_server: MockServer) -> MockServer:
    """A running simulated KSeF (`ksef_mock.testing.MockServer`), in its initial state for each test."""
    _ksef_mock_server.reset()
    return _ksef_mock_server


@pytest.fixture
def ksef_token(ksef_mock: MockServer) -> str:
    """An active KSeF token of NIP 5265877635 with all permissions, known to `ksef_mock`."""
    return ksef_mock.issue_token(DEFAULT_NIP)
