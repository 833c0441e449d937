"""What is special about a store in a file."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ksef_mock.clock import Clock
from ksef_mock.settings import Settings
from ksef_mock.state import open_store, sqlite
from ksef_mock.state.store import Delete, Swap, Table, Write
from ksef_mock.testing import MockServer
from tests.support import NIP, Api


@pytest.mark.parametrize("content", [b"notes of somebody", b"SQLite format 3\0 and no more"])
def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    file.chmod(0o644)
    with pytest.raises(ValueError, match="cannot be used as a store"):
        open_store(f"sqlite:{file}", Clock())
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (content, 0o644)
    assert list(tmp_path.iterdir()) == [file]


def test_a_foreign_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "invoices.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE invoice (number TEXT)")
    connection.close()
    file.chmod(0o664)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="database of something else"):
        open_store(f"sqlite:{file}", Clock())
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (before, 0o664)


def test_a_store_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "store"
    open_store(f"sqlite:{file}", Clock())
    file.chmod(0o644)
    open_store(f"sqlite:{file}", Clock())
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.touch()
    open_store(f"sqlite:{file}", Clock())
    assert file.stat().st_mode & 0o777 == 0o600


def test_health_says_so_when_nothing_can_be_written(tmp_path: Path) -> None:
    with MockServer(Settings(store=f"sqlite:{tmp_path / 'store'}")) as mock:
        health = f"{mock.url}/_mock/health"
        assert httpx.get(health).status_code == 200
        connection = mock._running.store._connection  # type: ignore[attr-defined]
        connection.execute("PRAGMA query_only = ON")  # as on a disk that takes nothing
        assert httpx.get(health).status_code == 503
        connection.execute("PRAGMA query_only = OFF")
        assert httpx.get(health).status_code == 200


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0"]
    command += ["--store", f"sqlite:{tmp_path / 'store'}", "--nip", NIP]
    tokens: list[str] = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            api = Api(url)
            for token in tokens:
                assert api.call("GET", "/limits/context", bearer=token).status_code == 200
            ksef_token = httpx.post(f"{url}/_mock/tokens", json={"nip": NIP}).json()["token"]
            tokens.append(api.login(ksef_token).access_token)
            api.close()
            process.send_signal(signal.SIGKILL)


class _Record(msgspec.Struct, frozen=True):
    text: str


@pytest.mark.parametrize("faster", [None, "swap", "delete"])
def test_a_swap_that_another_process_overtakes_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faster: str | None
) -> None:
    async def race() -> None:
        clock, table = Clock(), Table("overtaken", _Record)
        one, other = (open_store(f"sqlite:{tmp_path / 'store'}", clock) for _ in range(2))
        later, latest = clock.now() + 60 * 10**9, clock.now() + 90 * 10**9
        writes: dict[str | None, Write] = {
            "swap": Swap(table, "key", _Record("old"), _Record("other"), later),
            "delete": Delete(table, "key"),
        }
        try:
            assert await one.insert(table, "key", _Record("old"), later)
            real, overtaking = sqlite._live, [writes[faster]] if faster else []

            def overtaken(*arguments: Any) -> bytes | None:
                found = real(*arguments)
                while overtaking:  # in between, as another process can
                    coroutine = other.commit(overtaking.pop())
                    with pytest.raises(StopIteration):
                        coroutine.send(None)
                return found

            monkeypatch.setattr(sqlite, "_live", overtaken)
            made = await one.commit(Swap(table, "key", _Record("old"), _Record("new"), latest))
            monkeypatch.undo()
            assert made is (faster is None)
            found = await other.get(table, "key")
            assert found == {None: _Record("new"), "swap": _Record("other"), "delete": None}[faster]
            assert await one.commit(Delete(table, "key")) is (faster != "delete")
            assert not await other.commit(Delete(table, "key"))
        finally:
            await one.close()
            await other.close()

    asyncio.run(race())
