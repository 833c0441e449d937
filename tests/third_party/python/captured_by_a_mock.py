"""A pytest plugin: what is meant for KSeF's own hosts reaches a mock in this process, in the whole run."""
# mypy: ignore-errors

from ksef_mock.testing import MockServer

mock = MockServer()
hosts = mock.capture_hosts()


def pytest_configure(config):
    del config
    mock.start()
    hosts.__enter__()


def pytest_unconfigure(config):
    del config
    hosts.__exit__(None, None, None)
    seen = len(mock.journal.entries())
    mock.stop()
    print(f"the mock was asked {seen} times")  # noqa: T201
