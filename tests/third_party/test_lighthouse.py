"""Unmodified clients read the lighthouse."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ksef_mock.testing import MockServer
from tests.third_party.node_client import NODE
from tests.third_party.programs import client, python_client

PYTHON = Path(__file__).parent / "python" / "lighthouse_of_ksef_client.py"


def read(node_modules: Path, mock: MockServer) -> dict[str, Any]:
    command = ["node", str(NODE / "lighthouse.mjs"), str(node_modules), mock.url, mock.lighthouse.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
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


def test_pypi_ksef_client(ksef_mock: MockServer, tmp_path: Path) -> None:
    def read() -> dict[str, Any]:
        arguments = (PYTHON, ksef_mock.url, ksef_mock.lighthouse.url)
        seen: dict[str, Any] = json.loads(client(python_client("ksef-client"), *arguments, folder=tmp_path))
        return seen

    assert read() == {"status": "AVAILABLE", "active": [], "messages": []}

    ksef_mock.lighthouse.play("test-now")
    seen = read()
    assert seen["status"] == "TOTAL_FAILURE"
    assert [message["event_id"] for message in seen["active"]] == [1003, 1002]
    assert [message["id"] for message in seen["messages"]] == [
        "K/2026/AWR/02",
        "K/2026/AWR/01",
        "K/2026/NI/01",
    ]
    maintenance = seen["messages"][2]
    assert maintenance["category"] == "MAINTENANCE"
    assert maintenance["type"] == "MAINTENANCE_ANNOUNCEMENT"
    assert maintenance["end"] == "2026-01-26T22:00:00+00:00"
    assert seen["messages"][0]["end"] is None

    ksef_mock.lighthouse.play("outage")
    assert read()["status"] == "FAILURE"
    ksef_mock.clock.advance(hours=1)
    seen = read()
    assert seen["status"] == "AVAILABLE"
    assert [message["type"] for message in seen["messages"]] == ["FAILURE_END", "FAILURE_START"]
    assert len({message["event_id"] for message in seen["messages"]}) == 1

    for how, status in (("502", 502), ("access-denied", 403)):
        ksef_mock.lighthouse.break_down(how)
        assert read() == {"error": status}
