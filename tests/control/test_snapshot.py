"""Snapshots: everything that was issued works in the mock that they are restored into."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.crypto.pki import person
from ksef_mock.settings import Settings
from ksef_mock.system.snapshots import InvalidSnapshot
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome
from tests.redis_server import needs_redis, redis_server
from tests.support import NIP, Api, error

Serve = Callable[..., tuple[MockServer, Api]]
HEAD = b"ksef-mock snapshot 2\n"


def packed(content: Any) -> bytes:
    body = zlib.compress(msgspec.msgpack.encode(content))
    return HEAD + body + hashlib.sha256(body).digest()


@pytest.fixture
def store_of(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """`store_of(kind)`: where a new, empty store of this kind is."""
    with ExitStack() as stack:

        def place(kind: str) -> str:
            if kind == "redis":
                return stack.enter_context(redis_server()).url
            return f"sqlite:{tmp_path / 'state'}" if kind == "sqlite" else kind

        yield place


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("memory", "memory"),
        ("memory", "sqlite"),
        pytest.param("sqlite", "redis", marks=needs_redis),
        pytest.param("redis", "memory", marks=needs_redis),
    ],
)
def test_what_the_first_mock_has_issued_works_in_the_second(
    store_of: Callable[[str], str], serve: Serve, source: str, target: str
) -> None:
    first, api = serve(settings=Settings(store=store_of(source), token_key="both"))
    token = first.issue_token(NIP)
    login = api.login(token)
    owner = first.pki.qualified(person("Jan", "Kowalski", nip=NIP), key="ec")
    first.keys.rotate()
    first.clock.advance(seconds=600)
    pending = api.token_request(token)
    first.faults.add(path="/tokens", status=503, times=2)
    api.http.get("/tokens")
    snapshot = first.snapshot()
    first.clock.advance(seconds=86_400)

    second, other = serve(settings=Settings(store=store_of(target)))
    second.restore(snapshot)
    assert abs(second.clock.now() - first.clock.now() + 86_400 * 10**9) < 60 * 10**9
    assert other.limits(login.access_token).status_code == 200
    assert other.refresh(login.refresh_token).status_code == 200
    assert other.status(other.submit(pending))["code"] == 200
    assert other.login(token)
    assert other.public_keys() == api.public_keys()
    assert outcome(second, other, owner)["code"] == 200
    assert [state.acted for state in second.faults.states()] == [1]
    assert [other.http.get("/tokens").status_code for _ in range(2)] == [503, 401]


def test_restoring_undoes_what_came_after(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    snapshot = ksef_mock.snapshot()
    before = ksef_mock.clock.now()
    later = ksef_mock.issue_token(NIP)
    ksef_mock.revoke_token(ksef_token)
    ksef_mock.clock.advance(seconds=5)
    ksef_mock.faults.add(status=503)
    ksef_mock.restore(snapshot)
    assert ksef_mock.clock.now() == before
    assert api.login(ksef_token)
    assert api.status(api.submit(api.token_request(later)))["details"] == ["Nieprawidłowy token"]


def test_over_http_and_by_the_command(serve: Serve, tmp_path: Path) -> None:
    first, api = serve()
    token = first.issue_token(NIP)
    login = api.login(token)
    file = tmp_path / "state"
    saved = CliRunner().invoke(main, ["snapshot", "save", str(file), "--url", first.url])
    assert (saved.exit_code, file.stat().st_mode & 0o777) == (0, 0o600)
    second, other = serve()
    restored = CliRunner().invoke(main, ["snapshot", "restore", str(file), "--url", second.url])
    assert restored.exit_code == 0, restored.output
    assert other.limits(login.access_token).status_code == 200
    (tmp_path / "garbage").write_bytes(b"garbage")
    refused = CliRunner().invoke(
        main, ["snapshot", "restore", str(tmp_path / "garbage"), "--url", second.url]
    )
    assert (refused.exit_code, refused.output) == (1, "Error: this is no snapshot of ksef-mock\n")


def test_answers_are_not_cached(ksef_mock: MockServer) -> None:
    response = httpx.get(f"{ksef_mock.url}/_mock/snapshot")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.content.startswith(HEAD)


def test_garbage_is_refused_and_changes_nothing(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    good = ksef_mock.snapshot()
    bomb = zlib.compress(b"\0" * 1_000) + b"more"
    wrong = {
        b"": "no snapshot",
        b"garbage": "no snapshot",
        b"ksef-mock snapshot 3\nx": "has version 3, this mock reads 2",
        HEAD: "damaged",
        good[:-1]: "damaged",
        good[:100] + b"x" + good[101:]: "damaged",
        HEAD + b"not zlib" + hashlib.sha256(b"not zlib").digest(): "cannot be read",
        HEAD + b"x" + hashlib.sha256(b"x").digest(): "cut off",
        HEAD + bomb[:-6] + hashlib.sha256(bomb[:-6]).digest(): "cut off",
        packed({"profile": "test"}): "cannot be read",
        packed([1, 2]): "cannot be read",
    }
    for content, named in wrong.items():
        response = httpx.put(
            f"{ksef_mock.url}/_mock/snapshot",
            content=content,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(len(content))},
        )
        code, _, details = error(response)
        assert code == 21405
        assert named in details[0]
    assert api.login(ksef_token)


def test_a_snapshot_of_another_profile_is_refused(ksef_mock: MockServer, serve: Serve) -> None:
    prod, _ = serve(profile="prod")
    with pytest.raises(InvalidSnapshot, match="profile 'prod', this mock's is 'test'"):
        ksef_mock.restore(prod.snapshot())


def test_other_media_types_are_refused(ksef_mock: MockServer) -> None:
    response = httpx.put(f"{ksef_mock.url}/_mock/snapshot", json={})
    assert response.status_code == 415


def test_it_is_behind_the_control_token() -> None:
    with MockServer(Settings(control_token="secret")) as mock:
        assert httpx.get(f"{mock.url}/_mock/snapshot").status_code == 401
