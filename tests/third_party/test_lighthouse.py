"""Unmodified clients read the lighthouse."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ksef_mock.testing import MockServer
from tests.third_party.node_client import NODE


def read(node_modules: Path, mock: MockServer) -> dict[str, Any]:
    command = ["node", str(NODE / "lighthouse.mjs"), str(node_modules), mock.url, mock.lighthouse.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_ksef_client_ts(node_modules: Path, ksef_mock: MockServer) -> None:
    seen = read(node_modules, ksef_mock)
    assert seen["status"]["status"] == "AVAILABLE"
    assert seen["messages"] == []

    ksef_mock.lighthouse.play("test-now")
    seen = read(node_modules, ksef_mock)
    assert seen["status"]["status"] == "TOTAL_FAILURE"
    assert [message["eventId"] for message in seen["status"]["messages"]] == [1003, 1002]
    # 0.10.0 looks for a member `messages` in /messages, which is an array on TEST: it finds nothing there.
    assert seen["messages"] == []

    ksef_mock.lighthouse.break_down("access-denied")
    assert "error" in read(node_modules, ksef_mock)
