"""Several processes on one store: what may happen once happens once, and every change is everybody's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ksef_mock.core.codes import SUCCESS
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.ksef.auth.operation import OPERATIONS
from ksef_mock.settings import Settings
from ksef_mock.system.system import System
from tests.redis_server import LOSSY, needs_redis, redis_server
from tests.served import Served, serving
from tests.state.contender import NIP as CONTEXT
from tests.support import NIP, Api

PROCESSES, EACH = 3, 25
#: Seconds, for machines that have other things to do; nothing here waits as long.
_PATIENCE = 120


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'state'}"
    else:
        with redis_server(*LOSSY) as server:
            yield server.url


async def _prepared(spec: str) -> dict[str, list[str]]:
    """Logins to redeem, challenges to use, on a clock that stands still."""
    system = System(Settings(store=spec))
    await system.catch_up()
    await system.controls.freeze()
    logins: list[str] = []
    for _ in range(15):
        operation = system.operations.prepare(
            method=AuthenticationMethod.TOKEN, context=CONTEXT, subject=CONTEXT, verdict=SUCCESS
        )
        assert await system.store.insert(OPERATIONS, operation.reference, operation, None)
        logins.append(operation.reference)
    challenges = [(await system.challenges.issue("127.0.0.1")).value for _ in range(15)]
    await system.close()
    return {"redeem": logins, "use": challenges, "admit": [f"group {number}" for number in range(4)]}


def test_thousands_of_concurrent_attempts(spec: str) -> None:
    orders = asyncio.run(_prepared(spec))
    line = json.dumps(orders | {"attempts": EACH, "limit": 40}) + "\n"
    contenders = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.state.contender", spec],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    won: Counter[str] = Counter()
    try:
        for contender in contenders:
            assert contender.stdin is not None
            contender.stdin.write(line)
            contender.stdin.flush()
        for contender in contenders:
            assert contender.stdout is not None
            assert contender.stdout.readline() == "ready\n"
        for contender in contenders:
            assert contender.stdin is not None
            contender.stdin.write("go\n")
            contender.stdin.flush()
        for contender in contenders:
            output, _ = contender.communicate(timeout=_PATIENCE)
            assert contender.returncode == 0
            won.update(json.loads(output))
    finally:
        for contender in contenders:
            contender.kill()
            contender.wait()
    # PROCESSES * EACH attempts were made at each of them.
    assert {name: won[name] for name in orders["redeem"]} == dict.fromkeys(orders["redeem"], 1)
    assert {name: won[name] for name in orders["use"]} == dict.fromkeys(orders["use"], 1)
    assert {name: won[name] for name in orders["admit"]} == dict.fromkeys(orders["admit"], 40)


def _call(served: Served, method: str, path: str, **options: object) -> httpx.Response:
    # A connection for each call: any worker may take it.
    return httpx.request(method, served.url + path, timeout=_PATIENCE, **options)  # type: ignore[arg-type]


def test_workers_are_one_mock(spec: str) -> None:
    with serving("--workers", "2", "--store", spec) as served:
        assert len(served.workers()) == 2
        keys = {_call(served, "GET", "/v2/security/public-key-certificates").text for _ in range(6)}
        assert len(keys) == 1
        for _ in range(4):
            assert _call(served, "POST", "/_mock/clock/advance", json={"seconds": 3_600}).status_code == 200
        for _ in range(6):
            clock = _call(served, "GET", "/_mock/clock").json()
            assert clock["offsetSeconds"] == pytest.approx(4 * 3_600)
        api = Api(served.url)
        login = api.login(served.token)
        assert api.limits(login.access_token).status_code == 200
        api.close()
        entries = _call(served, "GET", "/_mock/journal").json()["entries"]
        assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
        paths = [entry["path"] for entry in entries]
        assert paths.count("/v2/security/public-key-certificates") >= 6
        assert paths.count("/v2/auth/token/redeem") == 1

        victim = served.workers()[0]
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + _PATIENCE
        while victim in (workers := served.workers()) or len(workers) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(6):
            assert _call(served, "GET", "/_mock/health").status_code == 200
        workers = served.workers()
        served.process.send_signal(signal.SIGTERM)
        _, errors = served.process.communicate(timeout=_PATIENCE)
        assert served.process.returncode == 0
        assert f"worker {victim} ended with exit code -9: starting another" in errors
        for worker in workers:
            assert not Path(f"/proc/{worker}").exists()


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    with serving("--workers", "2", "--store", f"sqlite:{tmp_path / 'state'}") as served:
        workers = served.workers()
        served.kill()
        deadline = time.monotonic() + _PATIENCE
        while any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _refused(*options: str) -> str:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_workers_need_a_store_that_they_can_share() -> None:
    assert "--workers 2 needs a store that processes share" in _refused("--workers", "2")


def test_store_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to have a header " * 20)
    assert "unknown store 'mongodb://x': memory, sqlite:FILE" in _refused("--store", "mongodb://x")
    assert "file is not a database" in _refused("--store", f"sqlite:{tmp_path / 'text'}")
    assert "No such file or directory" in _refused("--store", f"sqlite:{tmp_path / 'missing' / 'state'}")


def test_store_that_cannot_be_reached(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    assert "cannot use the store" in _refused("--store", f"unix://{tmp_path / 'socket'}")


def test_state_in_a_file_outlives_a_kill_in_the_middle_of_a_login(tmp_path: Path) -> None:
    store = tmp_path / "state"
    with serving("--store", f"sqlite:{store}") as served:
        api = Api(served.url)
        finished = api.login(served.token)
        http = httpx.Client(base_url=served.url)
        assert http.post("/_mock/clock/advance", json={"seconds": 600}).status_code == 200
        assert http.post("/_mock/keys/rotate", json={"usage": "KsefTokenEncryption"}).status_code == 200
        http.close()
        keys = api.call("GET", "/security/public-key-certificates").json()
        used, unused = api.challenge(), api.challenge()
        body = api.token_request(served.token, challenge=used)
        started = api.call("POST", "/auth/ksef-token", json=body).json()
        served.kill()
        api.close()
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    with serving("--store", f"sqlite:{store}") as again:
        api = Api(again.url)
        clock = httpx.get(again.url + "/_mock/clock").json()
        assert clock["offsetSeconds"] == pytest.approx(600)
        assert api.call("GET", "/security/public-key-certificates").json() == keys
        assert api.limits(finished.access_token).status_code == 200
        redeemed = api.call("POST", "/auth/token/redeem", bearer=started["authenticationToken"]["token"])
        assert redeemed.status_code == 200
        assert api.call("POST", "/auth/ksef-token", json=body).status_code == 400
        body = api.token_request(served.token, challenge=unused, nip=NIP)
        assert api.call("POST", "/auth/ksef-token", json=body).status_code == 202
        second = api.call("POST", "/auth/token/redeem", bearer=started["authenticationToken"]["token"])
        assert second.status_code == 400
        entries = httpx.get(again.url + "/_mock/journal").json()["entries"]
        assert entries[-1]["sequence"] == entries[0]["sequence"] + len(entries) - 1
        api.close()
