"""`make quick`: which tests belong to what has changed."""

from __future__ import annotations

import pytest

from tests.changed import ROOT, paths_of


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("ksef_mock/ksef/tokens/rules.py", "tests/tokens"),
        ("ksef_mock/api/permissions.py", "tests/permissions"),
        ("ksef_mock/dashboard/pages/keys.py", "tests/dashboard"),
        ("ksef_mock/clock.py", "tests/test_layers.py"),
        ("ksef_client_min/wire.py", "tests/ksef_client_min"),
        ("contract_tests/server/probe.py", "tests/contract_tests/server"),
        ("tests/keys/test_keys.py", "tests/keys/test_keys.py"),
        ("README.md", "tests/test_layers.py"),
    ],
)
def test_of_a_change(path: str, test: str) -> None:
    assert (ROOT / path).exists()
    assert test in paths_of([path])


def test_what_lies_in_a_folder_that_runs_whole_is_not_named_again() -> None:
    paths = ["tests/tokens/test_tokens.py", "ksef_mock/api/tokens.py", "ksef_mock/ksef/tokens/rules.py"]
    assert paths_of(paths) == ["tests/test_layers.py", "tests/tokens"]
