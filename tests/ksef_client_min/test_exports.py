"""The client exports packages: fetches, verifies, unpacks; goes on without gaps or repetitions."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from ksef_client_min import (
    AsyncKsefClient,
    Checkpoint,
    KsefApiError,
    KsefClient,
    KsefExportError,
    KsefProtocolError,
    KsefTimeoutError,
    Policy,
)
from ksef_client_min.cli import main
from ksef_client_min.operations.invoices import export_filters
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.exporting import day

NIP = "5265877635"
START = datetime.now(UTC) - timedelta(days=50)
FAST = Policy(poll_at_first=0.01, poll_at_most=0.01)


@pytest.fixture
def serve() -> Iterator[Callable[..., MockServer]]:
    running: list[MockServer] = []

    def serve(**options: Any) -> MockServer:
        running.append(MockServer(Settings(**options)).start())
        return running[-1]

    yield serve
    for mock in running:
        mock.stop()


def client_of(mock: MockServer, transport: httpx.BaseTransport | None = None) -> KsefClient:
    ksef = KsefClient(mock.url, policy=FAST, transport=transport)
    ksef.login_with_token(mock.issue_token(NIP), nip=NIP)
    return ksef


def added(mock: MockServer, count: int) -> dict[str, bytes]:
    files = [invoice(NIP, number=os.urandom(6).hex()) for _ in range(count)]
    return {mock.add_invoice(file): file for file in files}


@pytest.mark.parametrize("compression", [None, "Zip", "TarGz"])
def test_a_package_is_exported(
    serve: Callable[..., MockServer], compression: str | None, tmp_path: Path
) -> None:
    mock = serve(exports=ExportLimits(part_octets=1_000))
    known = added(mock, 5)
    with client_of(mock) as ksef, ksef.export("Subject1", START, compression=compression) as package:
        assert len(package.info.parts) > 1
        found = {each.ksef_number: each.document for each in package.invoices()}
        assert found == known
        assert [each["ksefNumber"] for each in package.metadata] == list(known)
        paths = package.extract(tmp_path / "package")
    assert {path.name: path.read_bytes() for path in paths} == {f"{n}.xml": known[n] for n in known}
    assert len(json.loads((tmp_path / "package/_metadata.json").read_text())["invoices"]) == 5


def test_metadata_alone_and_nothing_at_all(serve: Callable[..., MockServer]) -> None:
    mock = serve()
    with client_of(mock) as ksef:
        with ksef.export("Subject1", START) as package:
            assert list(package.invoices()) == []
        known = added(mock, 2)
        with ksef.export("Subject1", START, only_metadata=True) as package:
            assert [(each.ksef_number, each.document) for each in package.invoices()] == [
                (number, None) for number in known
            ]


def test_asynchronously(serve: Callable[..., MockServer]) -> None:
    mock = serve(exports=ExportLimits(invoices=2))
    known = added(mock, 5)

    async def retrieve() -> list[str]:
        async with AsyncKsefClient(mock.url, policy=FAST) as ksef:
            await ksef.login_with_token(mock.issue_token(NIP), nip=NIP)
            with await ksef.export("Subject1", START) as package:
                assert package.is_truncated
            found: list[str] = []
            async for step in ksef.retrieve("Subject1", Checkpoint(START.isoformat())):
                with step:
                    found += [each.ksef_number for each in step.invoices()]
            return found

    assert sorted(asyncio.run(retrieve())) == sorted(known)


def test_retrieval_goes_on_without_gaps_or_repetitions(serve: Callable[..., MockServer]) -> None:
    mock = serve(exports=ExportLimits(invoices=3))
    given: list[str] = []
    found: list[str] = []
    checkpoint = Checkpoint((START - timedelta(days=300)).isoformat())
    with client_of(mock) as ksef:
        for count in (7, 0, 1, 3, 4):
            given += added(mock, count)
            for step in ksef.retrieve("Subject1", checkpoint):
                with step:
                    found += [each.ksef_number for each in step.invoices()]
                checkpoint = step.checkpoint
    assert sorted(found) == sorted(given)


def test_at_one_moment_of_a_clock_that_stands_still(serve: Callable[..., MockServer]) -> None:
    mock = serve()
    mock.clock.freeze()
    given: list[str] = []
    found: list[str] = []
    checkpoint = Checkpoint(START.isoformat())
    with client_of(mock) as ksef:
        for _ in range(3):
            given += added(mock, 2)
            for step in ksef.retrieve("Subject1", checkpoint):
                with step:
                    found += [each.ksef_number for each in step.invoices()]
                checkpoint = step.checkpoint
    assert sorted(found) == sorted(given)


def test_what_is_not_complete_comes_later(serve: Callable[..., MockServer]) -> None:
    mock = serve(hwm_lag=120)
    known = added(mock, 2)
    checkpoint = Checkpoint(START.isoformat())
    with client_of(mock) as ksef:
        (step,) = ksef.retrieve("Subject1", checkpoint)
        with step:
            assert list(step.invoices()) == []
        # It is complete up to a moment before the invoices; a range that begins after it is nothing yet.
        assert list(ksef.retrieve("Subject1", Checkpoint(datetime.now(UTC).isoformat()))) == []
        mock.clock.advance(200)
        (step,) = ksef.retrieve("Subject1", step.checkpoint)
        with step:
            assert [each.ksef_number for each in step.invoices()] == list(known)


class Meddling(httpx.HTTPTransport):
    """Lets something happen to the first requests to the storage."""

    def __init__(self, *happens: Callable[[httpx.Request], httpx.Response | None]) -> None:
        super().__init__()
        self.happens = list(happens)
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/storage/"):
            assert "authorization" not in request.headers
            self.asked.append(str(request.url))
            if self.happens:
                answer = self.happens.pop(0)(request)
                if answer is not None:
                    return answer
        return super().handle_request(request)


def broken_off(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("cut")


def test_a_part_that_fails_is_fetched_again(serve: Callable[..., MockServer]) -> None:
    mock = serve()
    known = added(mock, 2)
    meddling = Meddling(broken_off, lambda _: httpx.Response(503), lambda _: httpx.Response(500))
    with client_of(mock, meddling) as ksef, ksef.export("Subject1", START) as package:
        assert {each.ksef_number for each in package.invoices()} == set(known)
    assert len(meddling.asked) == 4


def test_a_link_that_has_expired_is_replaced(serve: Callable[..., MockServer]) -> None:
    mock = serve()
    known = added(mock, 2)

    def expire(_: httpx.Request) -> None:
        mock.clock.advance(3_601)

    meddling = Meddling(expire)
    with client_of(mock, meddling) as ksef, ksef.export("Subject1", START) as package:
        assert {each.ksef_number for each in package.invoices()} == set(known)
    first, second = meddling.asked
    assert first != second


def test_a_part_that_is_not_what_was_said_is_refused(serve: Callable[..., MockServer]) -> None:
    mock = serve()
    added(mock, 2)
    for octets, said in (
        (b"", "encrypted size"),
        (bytes(10**6), "larger than"),
    ):
        meddling = Meddling(lambda _, octets=octets: httpx.Response(200, content=octets))  # type: ignore[misc]
        with client_of(mock, meddling) as ksef, pytest.raises(KsefProtocolError, match=said):
            ksef.export("Subject1", START)

    def flipped(request: httpx.Request) -> httpx.Response:
        octets = bytearray(httpx.get(str(request.url)).content)
        octets[20] ^= 1
        return httpx.Response(200, content=bytes(octets))

    with client_of(mock, Meddling(flipped)) as ksef, pytest.raises(KsefProtocolError, match="encrypted hash"):
        ksef.export("Subject1", START)


def test_an_export_that_fails_or_lasts_too_long_is_named(serve: Callable[..., MockServer]) -> None:
    mock = serve()
    with client_of(mock) as ksef:
        started = ksef.start_export("Subject1", START)
        other = KsefClient(mock.url, policy=FAST)
        other.login_with_token(mock.issue_token("1234567890"), nip="1234567890")
        with other, pytest.raises(KsefApiError, match="21175"):
            other.download_export(started)
        ksef.download_export(started).close()
        beyond = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        wanted = export_filters("Subject1", beyond, restricted=True)
        with pytest.raises(KsefExportError, match="420") as failure:
            ksef._run(ksef._core.export(wanted, False, None))
    assert failure.value.code == 420


def test_patience_ends(serve: Callable[..., MockServer]) -> None:
    mock = serve(delay=Delay(polls=5))
    policy = Policy(poll_at_first=0.01, poll_at_most=0.01, export_deadline=0.02)
    ksef = KsefClient(mock.url, policy=policy)
    ksef.login_with_token(mock.issue_token(NIP), nip=NIP)
    with ksef, pytest.raises(KsefTimeoutError, match=r"the export .* took more than"):
        ksef.export("Subject1", START)


# -- by command -------------------------------------------------------------------------------------------


@pytest.fixture
def run(ksef_mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("KSEF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KSEF_URL", ksef_mock.url)
    monkeypatch.setenv("KSEF_NIP", NIP)
    monkeypatch.setenv("KSEF_TOKEN", ksef_mock.issue_token(NIP))

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, result.output
        return result.output

    run("auth", "login")
    return run


def test_the_command_exports_into_a_folder(
    ksef_mock: MockServer, run: Callable[..., str], tmp_path: Path
) -> None:
    known = added(ksef_mock, 2)
    folder = tmp_path / "package"
    assert run("invoice", "export", str(folder), "--from", day(50)) == f"2 invoices in {folder}.\n"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{number}.xml" for number in known),
        "_metadata.json",
    }
    said = json.loads(
        run("invoice", "export", str(folder), "--from", day(50), "--compression", "TarGz", "--json")
    )
    assert said == {"folder": str(folder), "invoices": 2, "truncated": False, "last": None}
    assert "--from is needed" in run("invoice", "export", str(folder), code=2)


def test_the_command_goes_on_where_it_was(
    ksef_mock: MockServer, run: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "all"
    again = ("invoice", "export", str(folder), "--incremental")
    assert "--from is needed the first time" in run(*again, code=2)
    known = added(ksef_mock, 2)
    assert "2 new invoices" in run(*again, "--from", "2026-01-01")
    assert "0 new invoices" in run(*again)
    known |= added(ksef_mock, 1)
    assert json.loads(run(*again, "--json"))["invoices"] == 1
    assert {path.stem for path in folder.glob("*.xml")} == set(known)
    told = json.loads((folder / "_metadata.json").read_text())["invoices"]
    assert [each["ksefNumber"] for each in told] == list(known)
    (folder / ".ksef-checkpoint-Subject1.json").write_text("{")
    assert "is damaged" in run(*again, code=4)
