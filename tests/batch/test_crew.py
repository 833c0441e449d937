"""Large packages are judged by processes beside the mock: the same verdicts, whatever becomes of them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ksef_mock.ksef.batch import crew
from ksef_mock.ksef.batch.crew import Crew
from ksef_mock.ksef.invoices.samples import BUYER, invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.batch.sender import Sender, invoices, tarred, zipped
from tests.support import NIP, Api

Serve = Callable[..., tuple[MockServer, Api]]

#: What no archive makes smaller, so that the package is a large one.
LARGE = os.urandom(300_000)
#: Numbers that differ between two mocks.
NUMBER = re.compile(
    r"[0-9]{8}-[A-Z]{2}-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}|[0-9]{10}-[0-9]{8}-[0-9A-F]{12}-.."
)


def files_of_all_kinds() -> dict[str, bytes]:
    good = invoices(70)
    one = invoice(NIP, number="FV/1")
    return {
        **good,
        "large.xml": LARGE,
        "empty.xml": b"",
        "first.xml": one,
        "twice.xml": one,
        "not-ours.xml": invoice(BUYER),
        "no-nip.xml": invoice(NIP, number="FV/2").replace(NIP.encode(), b"12"),
        "no-date.xml": invoice(NIP, number="FV/3").replace(b"2026-02-02<", b"2026-13-02<"),
        "tomorrow.xml": invoice(NIP, date="2199-01-01"),
        "too-large.xml": invoice(NIP).replace(b"</Faktura>", b"<!--" + b"x" * 1_000_000 + b"--></Faktura>"),
        "far-too-large.xml": b"x" * 3_000_001,
        "latin.xml": invoice(NIP, seller_name="Zażółć").decode().encode("iso-8859-2"),
        "again.xml": good["faktura_1.xml"],
    }


def served(serve: Serve, processes: int, **settings: Any) -> tuple[Sender, Crew]:
    mock, api = serve(settings=Settings(batch_processes=processes, **settings))
    return Sender.of(mock, api), mock._running.batches.processing._crew


def shown(sender: Sender, package: bytes, kind: str) -> list[Any]:
    """The counts of a package, and what shows of each invoice."""
    batch, status = sender.sent(package, compressionType=kind)
    return [
        {name: value for name, value in status.items() if name.endswith("Count") or name == "status"},
        *(
            (
                each["ordinalNumber"],
                each["invoiceFileName"],
                each["invoiceHash"],
                each.get("invoiceNumber"),
                NUMBER.sub("…", str(each["status"])),
                bool(each.get("ksefNumber")),
            )
            for each in sender.invoices(batch)
        ),
    ]


@pytest.mark.parametrize(("pack", "kind"), [(zipped, "Zip"), (tarred, "TarGz")])
def test_verdicts_details_and_order_are_those_of_the_mock_alone(serve: Serve, pack: Any, kind: str) -> None:
    package = pack(files_of_all_kinds())
    alone, nobody = served(serve, 0)
    helped, verifiers = served(serve, 3)
    found = shown(helped, package, kind)
    assert found == shown(alone, package, kind)
    assert found[0]["successfulInvoiceCount"] == 71
    assert len({each[4] for each in found[1:]}) >= 7
    assert [len(each._verifiers) for each in (nobody, verifiers)] == [0, 3]
    # They are there for the next one.
    before = [each._process.pid for each in verifiers._verifiers]
    assert shown(helped, pack(invoices(40) | {"large.xml": LARGE}), kind)[0]["successfulInvoiceCount"] == 40
    assert [each._process.pid for each in verifiers._verifiers] == before


@pytest.mark.parametrize(
    ("package", "kind"),
    [(LARGE, "Zip"), (LARGE, "TarGz"), (tarred({"large.xml": LARGE})[:-9_000], "TarGz")],
)
def test_a_large_package_that_is_no_archive_is_refused(serve: Serve, package: bytes, kind: str) -> None:
    alone, _ = served(serve, 0)
    helped, _ = served(serve, 2)
    found = shown(helped, package, kind)
    assert found == shown(alone, package, kind)
    assert found[0]["status"]["code"] == 430
    assert shown(helped, zipped(invoices(1) | {"large.xml": LARGE}), "Zip")[0]["successfulInvoiceCount"] == 1


def test_a_small_package_needs_nobody(serve: Serve) -> None:
    sender, verifiers = served(serve, 2)
    assert shown(sender, zipped(invoices(20)), "Zip")[0]["successfulInvoiceCount"] == 20
    assert verifiers._verifiers == []


def test_a_mock_with_a_defect_judges_alone(serve: Serve) -> None:
    sender, verifiers = served(serve, 2, defects=("self-invoicing-is-refused",))
    found = shown(sender, zipped(invoices(20) | {"large.xml": LARGE}), "Zip")
    assert found[0]["successfulInvoiceCount"] == 20
    assert verifiers._verifiers == []


@pytest.mark.parametrize("after", [1, 3, 6])
def test_of_a_process_that_dies_nothing_is_lost(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    """It is killed when so much was heard: of the opened file, of the count, in the middle of the groups."""
    # Less than a group fits into the pipe: else it may have said all that it had to say.
    monkeypatch.setattr(crew, "_AHEAD", 4_096)
    sender, verifiers = served(serve, 2)
    files = invoices(200) | {"large.xml": LARGE}
    heard = 0
    hear = crew._Verifier.hear

    def hearing(self: crew._Verifier) -> Any:
        nonlocal heard
        heard += 1
        if heard == after:
            self._process.kill()
            self._process.wait()
        return hear(self)

    monkeypatch.setattr(crew._Verifier, "hear", hearing)
    found = shown(sender, zipped(files), "Zip")
    assert [found[0]["successfulInvoiceCount"], found[0]["failedInvoiceCount"]] == [200, 1]
    assert [each[1] for each in found[1:]] == list(files)
    assert "has ended" in caplog.text
    monkeypatch.undo()
    assert (
        shown(sender, zipped(invoices(20) | {"large.xml": LARGE}), "Zip")[0]["successfulInvoiceCount"] == 20
    )
    assert len(verifiers._verifiers) == 2


def test_without_an_interpreter_to_start_the_mock_judges_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sender, verifiers = served(serve, 2)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    found = shown(sender, zipped(invoices(20) | {"large.xml": LARGE}), "Zip")
    assert found[0]["successfulInvoiceCount"] == 20
    assert "packages are verified without it" in caplog.text
    assert verifiers._verifiers == []


@pytest.mark.parametrize(
    ("frozen", "executable", "expected"),
    [(False, "/usr/bin/python", range(1, 5)), (True, "/app", [0]), (False, "", [0])],
)
def test_the_usual_number_is_that_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, frozen: bool, executable: str, expected: Any
) -> None:
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    monkeypatch.setattr(sys, "executable", executable)
    assert crew.usual_number() in expected


def test_a_stop_in_the_middle_ends_them_and_a_new_start_goes_on(tmp_path: Path) -> None:
    settings = Settings(batch_processes=2, store=f"sqlite:{tmp_path / 'mock.db'}")
    files = invoices(200) | {"large.xml": LARGE}
    with MockServer(settings=settings) as mock:
        with closing(Api(mock.url)) as api:
            sender = Sender.of(mock, api)
            batch = sender.open(zipped(files))
            sender.upload(batch)
            sender.closed(batch)
        access = sender.erp.access
        processes = [each._process for each in mock._running.batches.processing._crew._verifiers]
    assert all(each.returncode is not None for each in processes)
    with MockServer(settings=settings) as mock, closing(Api(mock.url)) as api:
        sender = Sender(type(sender.erp)(api, access))
        status = sender.ended(batch)
        assert [status["successfulInvoiceCount"], status["failedInvoiceCount"]] == [200, 1]
        assert [each["invoiceFileName"] for each in sender.invoices(batch)] == list(files)


def test_they_start_when_parts_come_and_end_when_none_has_come_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        team = Crew(2)
        team.expect(1_000)
        assert not team._tasks
        team.expect(1_000_000)
        await asyncio.gather(*team._tasks)
        first = [each._process for each in team._verifiers]
        assert len(first) == 2
        assert team._idle is not None
        team._idle._run()  # its time has come
        await asyncio.gather(*team._tasks)
        assert team._verifiers == []
        team.expect(1_000_000)
        await team.close()
        team.expect(1_000_000)
        assert not team._tasks
        assert team._verifiers == []
        assert all(each.returncode is not None for each in first)

    asyncio.run(scenario())
