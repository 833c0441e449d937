"""Exports in stores that several processes use, in turn or at once; and what ends in the middle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ksef_mock.ksef.invoices import exports
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.exporting import fetched, finished, numbers, ordered, status, unpacked
from tests.invoices.test_exports import sent
from tests.redis_server import RedisServer
from tests.sending.erp import Erp
from tests.sending.test_online import erp_of
from tests.support import NIP, Api

Serve = Callable[..., tuple[MockServer, Api]]
LIMITS = ExportLimits(part_octets=1_500)


@pytest.fixture(params=["sqlite", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(store=f"sqlite:{tmp_path / 'state.db'}", exports=LIMITS)
    server: RedisServer = request.getfixturevalue("redis")
    return Settings(store=f"{server.url}?prefix={tmp_path.name}", exports=LIMITS)


def at(erp: Erp, api: Api) -> Erp:
    """The same login at another process."""
    return Erp(api, erp.access, erp.nip)


def test_it_is_ordered_here_made_there_and_fetched_elsewhere(serve: Serve, settings: Settings) -> None:
    mocks = [serve(settings=settings) for _ in range(3)]
    erp = erp_of(*mocks[0])
    invoices = sent(erp, 5)
    export = ordered(erp)
    package = finished(at(erp, mocks[1][1]), export)["package"]
    assert len(package["parts"]) > 1
    elsewhere = httpx.URL(mocks[2][0].url)
    for part in package["parts"]:
        part["url"] = str(httpx.URL(part["url"]).copy_with(port=elsewhere.port))
    assert numbers(unpacked(fetched(export, package))) == list(invoices)
    again = finished(at(erp, mocks[2][1]), export)["package"]
    hashes = [(part["partHash"], part["encryptedPartHash"]) for part in package["parts"]]
    assert hashes == [(part["partHash"], part["encryptedPartHash"]) for part in again["parts"]]


def test_what_ended_in_the_middle_is_made_by_whoever_asks_next(
    serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, api = serve(settings=settings)
    erp = erp_of(first, api)
    invoices = sent(erp, 5)
    export = ordered(erp)
    with monkeypatch.context() as impatient:
        impatient.setattr(exports, "_PATIENCE", 0)
        assert status(erp, export)["status"]["code"] == 100
    first.stop()
    _, api = serve(settings=settings)
    package = finished(at(erp, api), export)["package"]
    assert numbers(unpacked(fetched(export, package))) == list(invoices)


def test_two_make_it_at_once_and_one_package_counts(
    serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PATIENCE", 0)
    mocks = [serve(settings=settings) for _ in range(2)]
    erp = erp_of(*mocks[0])
    sent(erp, 5)
    export = ordered(erp)
    both = [at(erp, api) for _, api in mocks]
    assert {status(each, export)["status"]["code"] for each in both} <= {100, 200}
    first, second = (finished(each, export)["package"] for each in both)
    assert first["parts"]
    strip: Callable[[dict[str, Any]], dict[str, Any]] = lambda part: {  # noqa: E731
        name: value for name, value in part.items() if name not in ("url", "expirationDate")
    }
    assert list(map(strip, first["parts"])) == list(map(strip, second["parts"]))
    assert fetched(export, first) == fetched(export, second)


def test_a_reset_in_the_middle_leaves_nothing(
    serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PATIENCE", 0)
    mock, api = serve(settings=settings)
    erp = erp_of(mock, api)
    sent(erp, 5)
    export = ordered(erp)
    status(erp, export)
    mock.reset()
    erp = erp_of(mock, api)
    answer = erp.call("GET", f"/invoices/exports/{export.reference}")
    assert answer.json()["exception"]["exceptionDetailList"][0]["exceptionCode"] == 21175


class Process:
    """`ksef-mock serve` in a process that can be killed."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", "--nip", NIP, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def start(*options: str) -> Process:
        running.append(Process(*options))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.kill()


def test_a_process_that_was_killed_while_it_made_one_loses_nothing(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    options = ["--store", f"sqlite:{tmp_path / 'state.db'}", "--token", "token", "--export-part-size", "2000"]
    process = start(*options)
    api = Api(process.url)
    erp = Erp(api, api.login("token").access_token)
    invoices = sent(erp, 10)
    export = ordered(erp)
    # Killed while the first look is on its way: before, in the middle or after, the outcome is the same.
    with ThreadPoolExecutor(1) as pool:
        look = pool.submit(erp.call, "GET", f"/invoices/exports/{export.reference}")
        process.kill()
        look.exception(10)
    api.close()
    process = start(*options)
    api = Api(process.url)
    package = finished(at(erp, api), export)["package"]
    assert numbers(unpacked(fetched(export, package))) == list(invoices)
    api.close()
