"""Invoices of a mock as files, and back: the same in another mock, whatever was wrong by its name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from ksef_mock.cli import main
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.invoices.exporting import exported, filters
from tests.sending.test_online import erp_of, good
from tests.support import NIP, Api

Serve = Callable[..., tuple[MockServer, Api]]


def run(mock: MockServer, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*arguments, "--url", mock.url])
    assert result.exit_code == code, result.output
    return result


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def world(ksef_mock: MockServer, api: Api, tmp_path: Path) -> Path:
    """A folder with three invoices: one sent, one seeded as a document, one by its metadata."""
    erp = erp_of(ksef_mock, api)
    erp.sent(erp.open(), good())
    ksef_mock.add_invoice(good())
    httpx.post(f"{ksef_mock.url}/_mock/invoices", json={"invoices": [{"seller": {"nip": NIP}}]})
    folder = tmp_path / "world"
    assert "3 invoices" in run(ksef_mock, "export", str(folder)).stdout
    return folder


def record_of(folder: Path) -> Path:
    """Of an invoice with a document."""
    return next(iter(sorted(folder.glob("*.xml")))).with_suffix(".json")


def changed(path: Path, **changes: Any) -> None:
    record = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({name: value for name, value in record.items() if value is not None}))


def test_another_mock_knows_the_same(ksef_mock: MockServer, api: Api, serve: Serve, world: Path) -> None:
    assert sorted(path.suffix for path in world.iterdir()) == [".json"] * 3 + [".xml"] * 2
    other, its_api = serve()
    assert "3 invoices imported, 0 were there already" in run(other, "import", str(world)).stdout
    wanted = filters("Invoicing")
    assert exported(erp_of(other, its_api), wanted) == exported(erp_of(ksef_mock, api), wanted)


def test_what_was_imported_exports_the_same_files(serve: Serve, world: Path, tmp_path: Path) -> None:
    other, _ = serve()
    assert other.import_invoices(world) == 3
    written = other.export_invoices(tmp_path / "again")
    assert (written.new, written.changed, written.same, written.foreign) == (3, 0, 0, ())
    assert contents(tmp_path / "again") == contents(world)


def test_importing_and_exporting_again_changes_nothing(ksef_mock: MockServer, world: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in world.iterdir()}
    assert "0 invoices imported, 3 were there already" in run(ksef_mock, "import", str(world)).stdout
    assert "0 new, 0 changed, 3 as they were" in run(ksef_mock, "export", str(world)).stdout
    assert {path.name: path.stat().st_mtime_ns for path in world.iterdir()} == before


def test_a_record_says_what_the_document_does_not(ksef_mock: MockServer, world: Path) -> None:
    records = [json.loads(path.with_suffix(".json").read_text("utf-8")) for path in world.glob("*.xml")]
    (sent,) = [record for record in records if "context" in record]
    assert list(sent) == [
        "ksefNumber",
        "formCode",
        "invoicingMode",
        "invoicingDate",
        "acquisitionDate",
        "permanentStorageDate",
        "session",
        "context",
        "invoiceHash",
    ]
    assert sent["context"] == {"type": "Nip", "value": NIP}
    assert sent["session"][9:11] == "SO"
    del ksef_mock


def test_files_of_other_invoices_are_left_and_named(serve: Serve, world: Path) -> None:
    other, _ = serve()
    before = contents(world)
    said = run(other, "export", str(world)).stdout
    assert "0 invoices" in said
    assert "5 files there of invoices that this mock does not have" in said
    assert contents(world) == before


def edit_document(world: Path) -> None:
    path = record_of(world).with_suffix(".xml")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def break_document(world: Path) -> None:
    changed(record_of(world), invoiceHash=None)
    path = record_of(world).with_suffix(".xml")
    path.write_bytes(path.read_bytes().replace(b"<P_15>", b"<P_99>").replace(b"</P_15>", b"</P_99>"))


def rename(world: Path) -> None:
    record = record_of(world)
    number = record.stem[:-2] + f"{int(record.stem[-2:], 16) ^ 1:02X}"
    changed(record, ksefNumber=number)
    record.with_suffix(".xml").rename(world / f"{number}.xml")
    record.rename(world / f"{number}.json")


def of_another(world: Path) -> None:
    path = record_of(world).with_suffix(".xml")
    changed(record_of(world), invoiceHash=None)
    path.write_bytes(invoice("1234567890"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda world: record_of(world).with_suffix(".xml").unlink(), "neither a document nor metadata"),
        (lambda world: record_of(world).unlink(), "beside it"),
        (lambda world: record_of(world).write_text("{"), "it is no JSON"),
        (lambda world: record_of(world).write_text("[]"), "no JSON object"),
        (lambda world: changed(record_of(world), session=None), "session: the reference number"),
        (lambda world: changed(record_of(world), invoicingDate="today"), "invoicingDate: a moment"),
        (lambda world: changed(record_of(world), invoicingMode="Later"), "invoicingMode"),
        (lambda world: changed(record_of(world), extra=1), "extra"),
        (lambda world: changed(record_of(world), ksefNumber="1"), "is not what the file is called"),
        (lambda world: record_of(world).with_suffix(".xml").write_bytes(b"\xff"), "no UTF-8"),
        (edit_document, "invoiceHash: the document's is"),
        (break_document, "P_99"),
        (rename, "are not its checksum"),
        (of_another, "the seller is 1234567890"),
    ],
)
def test_a_file_that_fails_is_named_and_nothing_is_imported(
    serve: Serve, world: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(world)
    other, _ = serve()
    output = run(other, "import", str(world), code=1).output
    assert said in output
    named = [line for line in output.splitlines() if line.startswith(str(world))]
    assert len(named) == 1
    assert "1 file cannot be imported" in output
    assert httpx.get(f"{other.url}/_mock/invoices/export").json() == {"invoices": []}
    with pytest.raises(ValueError, match=str(world)):
        other.import_invoices(world)


def test_every_file_that_fails_is_named(serve: Serve, world: Path) -> None:
    for path in world.glob("*.json"):
        changed(path, extra=1)
    other, _ = serve()
    assert "3 files cannot be imported" in run(other, "import", str(world), code=1).output


def test_another_invoice_with_the_same_number_is_refused(ksef_mock: MockServer, world: Path) -> None:
    changed(record_of(world), permanentStorageDate="2026-11-01T00:00:00Z")
    output = run(ksef_mock, "import", str(world), code=1).output
    assert "there is another invoice with this number; they differ in stored_at" in output


def test_a_duplicate_is_refused(ksef_mock: MockServer, serve: Serve, world: Path, tmp_path: Path) -> None:
    document = good()
    other, _ = serve()
    other.add_invoice(document)
    number = ksef_mock.add_invoice(document)
    ksef_mock.export_invoices(tmp_path / "more")
    output = run(other, "import", str(tmp_path / "more"), code=1).output
    assert f"{number}.json: it is a duplicate of" in output
    del world


def test_checking_imports_nothing(serve: Serve, world: Path) -> None:
    other, _ = serve()
    assert "3 invoices would be imported" in run(other, "import", str(world), "--check").stdout
    assert httpx.get(f"{other.url}/_mock/invoices/export").json() == {"invoices": []}


def test_a_seed_names_the_folder(serve: Serve, world: Path) -> None:
    seed = world.parent / "seed.json"
    seed.write_text(json.dumps({"invoiceFolders": ["world"]}))
    mock, api = serve(seed=seed)
    assert len(exported(erp_of(mock, api), filters("Invoicing"))) == 3
    mock.reset()
    assert len(exported(erp_of(mock, api), filters("Invoicing"))) == 3
    seed.write_text(json.dumps({"invoiceFolders": ["nowhere"]}))
    with pytest.raises(ValueError, match=r"invoiceFolders\[0\]: .*nowhere is no folder"):
        serve(seed=seed)
    record_of(world).unlink()
    seed.write_text(json.dumps({"invoiceFolders": ["world"]}))
    with pytest.raises(ValueError, match=r"invoiceFolders\[0\]: .*beside it"):
        serve(seed=seed)


def test_git_keeps_it(serve: Serve, world: Path, tmp_path: Path) -> None:
    """A repository that leaves octets alone gives back what was put in."""
    if subprocess.run(["git", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("there is no git")
    (world / ".gitattributes").write_text("*.xml -text\n")
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "core.autocrlf=true"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "world"]):
        subprocess.run(["git", *identity, *arguments], cwd=world, check=True)
    subprocess.run(["git", *identity, "clone", "-q", str(world), str(tmp_path / "clone")], check=True)
    other, _ = serve()
    assert other.import_invoices(tmp_path / "clone") == 3


def test_more_than_a_page_is_carried(ksef_mock: MockServer, serve: Serve, tmp_path: Path) -> None:
    seeds = [{"seller": {"nip": NIP}, "invoiceNumber": f"FA/{number}"} for number in range(45)]
    httpx.post(f"{ksef_mock.url}/_mock/invoices", json={"invoices": seeds}).raise_for_status()
    ksef_mock.export_invoices(tmp_path / "many")
    other, _ = serve()
    assert other.import_invoices(tmp_path / "many") == 45


def test_an_order_is_read_invoice_by_invoice(ksef_mock: MockServer) -> None:
    answer = httpx.post(f"{ksef_mock.url}/_mock/invoices/import", json={"invoices": [{}, {"ksefNumber": 1}]})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["imported"], body["known"]) == (0, 0)
    assert [each["index"] for each in body["failed"]] == [0, 1]
    assert all("ksefNumber" in each["reason"] for each in body["failed"])
    wrong = httpx.post(f"{ksef_mock.url}/_mock/invoices/import", json={"invoices": 1})
    assert wrong.status_code == 400
