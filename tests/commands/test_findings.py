"""What the commands that judge a file have in common: the verdict first, exit codes, the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ksef_client_min import TEST, Credentials
from ksef_client_min.qr import certificate_link
from ksef_mock.cli import main
from ksef_mock.clock import Clock
from ksef_mock.crypto.pki import Pki, Purpose, seal
from ksef_mock.ksef.invoices.samples import invoice
from tests.support import NIP
from tests.xades.signer import NOW, Signer

#: Makes a file, right or wrong, and gives the arguments of the command that judges it.
Command = Callable[[Path, bool], list[str]]


def verify(folder: Path, right: bool) -> list[str]:
    signed = Signer().sign()
    file = folder / ("right.xml" if right else "wrong.xml")
    file.write_bytes(signed if right else signed.replace(b"<Nip>", b"\n  <Nip>"))
    return ["verify", str(file), "--at", NOW.isoformat()]


def verify_invoice(folder: Path, right: bool) -> list[str]:
    document = invoice(NIP)
    file = folder / ("right.xml" if right else "wrong.xml")
    file.write_bytes(document if right else document.replace(b"<P_15>123.00", "<P_15>123,00→".encode()))
    return ["verify-invoice", str(file)]


def verify_qr(folder: Path, right: bool) -> list[str]:
    offline = Pki(Clock()).ksef(seal("Firma", nip=NIP), Purpose.OFFLINE, key="ec")
    (folder / "offline.pem").write_bytes(offline.certificate_pem)
    credentials = Credentials(offline.certificate, offline.key)
    link = certificate_link(TEST, invoice(NIP), credentials, ("Nip", NIP))
    link = link if right else link[:-8] + ("A" * 8 if not link.endswith("A" * 8) else "B" * 8)
    return ["verify-qr", link, "--certificate", str(folder / "offline.pem")]


COMMANDS: list[Command] = [verify, verify_invoice, verify_qr]
#: What each of them calls to find out.
JUDGES: dict[Command, str] = {
    verify: "ksef_mock.ksef.auth.offline.read_and_verify",
    verify_invoice: "ksef_mock.ksef.invoices.verification.verify",
    verify_qr: "ksef_mock.qr.verification.judge_file",
}
every_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.__name__)


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, arguments)


@every_command
def test_verdict_comes_first(command: Command, tmp_path: Path) -> None:
    right, wrong = run(*command(tmp_path, True)), run(*command(tmp_path, False))
    assert (right.exit_code, wrong.exit_code) == (0, 1), right.output + wrong.output
    assert right.output.startswith("Nothing is wrong with this ")
    assert wrong.output.startswith("KSeF ")
    assert wrong.output.index("Because:") < wrong.output.index("check")


@every_command
def test_checks_that_could_not_be_made_are_folded(command: Command, tmp_path: Path) -> None:
    arguments = command(tmp_path, False)
    folded, whole = run(*arguments).output, run(*arguments, "--all").output
    skipped = [line for line in whole.splitlines() if line.startswith("-  ")]
    assert [line for line in folded.splitlines() if line.startswith("-  ")] == []
    assert ("--all lists them" in folded) is bool(skipped)
    assert f"{len(skipped)} more could not be made" in folded or not skipped


@every_command
def test_failure_of_our_own_is_no_wrong_document(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JUDGES[command], lambda *_, **__: 1 / 0)
    failed = run(*command(tmp_path, True))
    assert failed.exit_code == 3
    assert failed.stderr == "Error: ksef-mock itself has failed: ZeroDivisionError: division by zero\n"


@every_command
def test_misuse_is_neither(command: Command, tmp_path: Path) -> None:
    name, *rest = command(tmp_path, True)
    assert run(name).exit_code == 2
    assert run(name, *rest, "--at", "yesterday").exit_code == 2


@pytest.mark.parametrize("command", [verify, verify_invoice], ids=lambda each: each.__name__)
def test_several_documents_have_a_report_each(command: Command, tmp_path: Path) -> None:
    name, right, *options = command(tmp_path, True)
    _, wrong, *_ = command(tmp_path, False)
    printed = run(name, right, wrong, *options)
    assert printed.exit_code == 1
    assert f"{right}:\nNothing is wrong" in printed.output
    assert f"{wrong}:\nKSeF refuses" in printed.output
    found = json.loads(run(name, right, wrong, "--json", *options).stdout)
    assert [(each["file"], each["ok"]) for each in found] == [(right, True), (wrong, False)]
    assert run(name, right, right, *options).exit_code == 0


def test_octets_of_files_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(verify(tmp_path / name, True)[1])
    run("verify", *files, "--octets", str(tmp_path / "octets"))
    assert sorted(each.name for each in (tmp_path / "octets").iterdir()) == ["1-right.xml", "2-right.xml"]


@every_command
@pytest.mark.parametrize("encoding", ["cp1250", "cp852"])
def test_console_with_few_characters_gets_those_that_it_has(
    command: Command, encoding: str, tmp_path: Path
) -> None:
    # A console of Windows, simulated: its encoding is the one thing that differs.
    def printed(*more: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "ksef_mock.cli", *command(tmp_path, False), *more],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            timeout=60,
            check=False,
        )
        assert ran.returncode == 1, ran.stderr
        return ran.stdout.decode(encoding)

    said = printed()
    assert "\nx  " in said
    assert "✗" not in said
    assert json.loads(printed("--json"))["ok"] is False
