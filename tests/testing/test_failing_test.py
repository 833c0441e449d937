"""What a failing test says of its mock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_TESTS = """
import httpx

def test_fails(ksef_mock):
    httpx.get(f"{ksef_mock.url}/v2/tokens")
    assert False

def test_fails_without_a_refusal(ksef_mock):
    assert False

def test_passes(ksef_mock):
    httpx.get(f"{ksef_mock.url}/v2/limits/context")
"""


def test_a_failing_test_shows_what_was_refused_and_why(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:logging", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 failed, 1 passed" in done.stdout
    assert done.stdout.count("ksef_mock refused") == 1
    section = done.stdout.partition("ksef_mock refused")[2]
    assert "401 GET /v2/tokens\n    no Authorization: Bearer header\n" in section
    assert "limits" not in section
