"""Packages of invoices with the client: both of them, and by command."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from ksef_client_min import AsyncKsefClient, KsefApiError, KsefClient, Package, Policy
from ksef_client_min.cli import main
from ksef_client_min.operations import sending
from ksef_client_min.package import Compression
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.support import NIP

Ksef = Callable[..., Result]


def files(number: int) -> list[tuple[str, bytes]]:
    return [(f"{each}.xml", invoice(NIP, number=f"{os.urandom(6).hex()}/{each}")) for each in range(number)]


@pytest.fixture
def client(ksef_client: KsefClient, ksef_token: str) -> KsefClient:
    ksef_client.login_with_token(ksef_token, nip=NIP)
    return ksef_client


@pytest.mark.parametrize("compression", ["Zip", "TarGz"])
@pytest.mark.parametrize("part_size", [100_000_000, 500])
def test_package_is_sent_and_read_back(client: KsefClient, compression: Compression, part_size: int) -> None:
    sent = files(7)
    with Package(sent, compression=compression, part_size=part_size) as package:
        session = client.send_batch(package)
    assert (len(package.parts) == 1) is (part_size > 500)
    found = client.await_session(session)
    assert (found.status.code, found.invoice_count, found.successful_invoice_count) == (200, 7, 7)
    page = client.call(sending.invoices(session.reference_number))
    assert [each.invoice_file_name for each in page.invoices] == [name for name, _ in sent]
    assert found.upo is not None
    upo = client.call(sending.upo(session.reference_number, found.upo.pages[0].reference_number))
    assert all(str(each.ksef_number).encode() in upo for each in page.invoices)


def test_the_same_asynchronously(ksef_mock: MockServer, ksef_token: str) -> None:
    async def scenario() -> int | None:
        async with AsyncKsefClient(ksef_mock.url) as ksef:
            await ksef.login_with_token(ksef_token, nip=NIP)
            with Package(files(3), compression="TarGz", part_size=700) as package:
                session = await ksef.open_batch(package, offline_mode=True)
                await ksef.upload_parts(session, package)
            await ksef.close_batch(session)
            return (await ksef.await_session(session)).successful_invoice_count

    assert asyncio.run(scenario()) == 3


def test_parts_are_what_they_are_declared_as() -> None:
    with Package(files(5), part_size=1_000) as package:
        declared = package.declared()
        assert package.size == sum(part.size for part in package.parts) - sum(
            16 - min(1_000, package.size - 1_000 * number) % 16 for number in range(len(package.parts))
        )
        for part in package.parts:
            octets = package.octets(part)
            assert (len(octets), hashlib.sha256(octets).digest()) == (part.size, part.digest)
    assert declared["compressionType"] == "Zip"
    for size in (0, 100_000_001):
        with pytest.raises(ValueError, match="a part has"):
            Package([], part_size=size)


class Storage(httpx.HTTPTransport):
    """Fails the first uploads."""

    def __init__(self, *failures: Exception | int) -> None:
        super().__init__()
        self.failures = list(failures)
        self.seen: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "/storage/" in request.url.path:
            self.seen.append(request)
            if self.failures:
                failure = self.failures.pop(0)
                if isinstance(failure, Exception):
                    raise failure
                return httpx.Response(failure)
        return super().handle_request(request)


def test_an_upload_that_fails_is_repeated(ksef_mock: MockServer, ksef_token: str) -> None:
    storage = Storage(httpx.ConnectError("down"), 503, 500)
    with KsefClient(ksef_mock.url, transport=storage, sleep=lambda _: None) as client:
        client.login_with_token(ksef_token, nip=NIP)
        with Package(files(1)) as package:
            session = client.send_batch(package)
        assert client.await_session(session).status.code == 200
    assert len(storage.seen) == 4
    assert all("authorization" not in request.headers for request in storage.seen)


def test_an_upload_that_is_refused_is_not(ksef_mock: MockServer, ksef_token: str) -> None:
    storage = Storage()
    with KsefClient(ksef_mock.url, transport=storage, sleep=lambda _: None) as client:
        client.login_with_token(ksef_token, nip=NIP)
        with Package(files(1)) as package:
            session = client.open_batch(package)
            ksef_mock.clock.advance(hours=1)
            with pytest.raises(KsefApiError, match="failed to authenticate") as refused:
                client.upload_parts(session, package)
    assert refused.value.status == 403
    assert len(storage.seen) == 1


def test_attempts_end(ksef_mock: MockServer, ksef_token: str) -> None:
    storage = Storage(*[500] * 9)
    policy = Policy(upload_attempts=3)
    with KsefClient(ksef_mock.url, transport=storage, policy=policy, sleep=lambda _: None) as client:
        client.login_with_token(ksef_token, nip=NIP)
        with Package(files(1)) as package, pytest.raises(KsefApiError):
            client.send_batch(package)
    assert len(storage.seen) == 3


# -- by command ---------------------------------------------------------------------------------------------


@pytest.fixture
def ksef(ksef_mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ksef:
    monkeypatch.setenv("KSEF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KSEF_URL", ksef_mock.url)
    monkeypatch.setenv("KSEF_TOKEN", ksef_mock.issue_token(NIP))

    def run(*arguments: str | Path, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(each) for each in arguments])
        assert result.exit_code == exit_code, result.output
        return result

    run("auth", "login", "--nip", NIP)
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "invoices"
    folder.mkdir()
    for name, content in files(3):
        (folder / name).write_bytes(content)
    (folder / "notes.txt").write_text("no invoice")
    return folder


@pytest.mark.parametrize("kind", ["--zip", "--tar-gz"])
def test_a_folder_is_sent(ksef: Ksef, folder: Path, kind: str) -> None:
    sent = ksef("batch", "send", folder, kind).output
    assert "3 accepted, 0 refused of 3" in sent
    listed = json.loads(ksef("session", "list", "--type", "Batch", "--json").output)["sessions"]
    reference = listed[0]["referenceNumber"]
    assert reference in sent
    assert json.loads(ksef("session", "status", reference, "--json").output)["status"] == 200
    rows = json.loads(ksef("session", "invoices", reference, "--json").output)["invoices"]
    assert [row["invoiceFileName"] for row in rows] == ["0.xml", "1.xml", "2.xml"]
    assert "<Potwierdzenie" in ksef("session", "upo", reference).output


def test_what_was_refused_is_named(ksef: Ksef, folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b"no XML")
    sent = ksef("batch", "send", folder, bad, "--part-size", "1000", exit_code=1).output
    assert "3 accepted, 1 refused of 4" in sent
    assert "bad.xml: 450" in sent
    (row,) = json.loads(ksef("batch", "send", bad, "--json", exit_code=1).output)["refused"]
    assert (row["file"], row["status"]) == ("bad.xml", 450)


def test_a_package_needs_files_of_different_names(ksef: Ksef, folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no *.xml" in ksef("batch", "send", empty, exit_code=2).output
    (empty / "1.xml").write_bytes(b"x")
    assert "two files are called 1.xml" in ksef("batch", "send", folder, empty, exit_code=2).output
