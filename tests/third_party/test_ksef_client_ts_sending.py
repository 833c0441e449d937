"""The unmodified npm client `ksef-client-ts`, library and command, sends invoices and reads them back."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.third_party.node_client import NODE
from tests.third_party.test_ksef_client_ts import node

NIP = "5265877635"


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def test_the_library_sends_invoices_and_reads_them_back(
    node_modules: Path, ksef_mock: MockServer, tmp_path: Path
) -> None:
    good = invoice(NIP, number="FA/1")
    files = [
        written(tmp_path / "last.xml", invoice(NIP, number="FA/4")),
        written(tmp_path / "1.xml", good),
        written(tmp_path / "2.xml", invoice(NIP, number="FA/2")),
        written(tmp_path / "of-another.xml", invoice("1111111111", NIP, number="FA/3")),
    ]
    done = node(NODE / "send.mjs", node_modules, ksef_mock.url, NIP, ksef_mock.issue_token(NIP), *files)
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    digest = base64.b64encode(hashlib.sha256(good).digest()).decode()

    assert seen["sessionCode"] == 200
    assert seen["counts"] == [3, 2, 1]
    assert seen["listed"] == [[1, 200], [2, 200], [3, 410]]
    assert seen["failed"] == [[seen["references"][2], 410]]
    assert seen["late"]["isKSeFError"] is True, "the session was closed"
    assert seen["late"]["statusCode"] == 400
    assert seen["sessions"] == [[seen["session"], 200]]

    assert seen["validNumber"] is True
    assert seen["sameOctets"] is True
    assert seen["storedHash"] == digest
    assert [entry[1:] for entry in seen["metadata"]] == [["FA/1", 123], ["FA/2", 123]]
    assert seen["metadata"][0][0] == seen["number"]

    by_reference, by_number, of_session = seen["upos"]
    assert by_reference == by_number == of_session[:1]
    assert by_reference[0]["numerKSeFDokumentu"] == seen["number"]
    assert by_reference[0]["skrotDokumentu"] == digest
    assert [each["numerFaktury"] for each in of_session] == ["FA/1", "FA/2"]
    [confirmed] = seen["parsedUpo"]
    assert confirmed["numerReferencyjnySesji"] == seen["session"]
    assert confirmed["dokumenty"] == of_session
    assert all(seen["hashes"])
    assert seen["again"] == 1


def test_the_command_sends_an_invoice_and_reads_it_back(
    node_modules: Path, ksef_mock: MockServer, tmp_path: Path
) -> None:
    good = invoice(NIP, number="FA/1")

    def ksef(*arguments: str | Path) -> str:
        # It has no option for the base URL, so its requests to the TEST environment are redirected.
        done: subprocess.CompletedProcess[str] = node(
            *("--import", (NODE / "redirect.mjs").as_uri()),
            node_modules / "ksef-client-ts" / "dist" / "cli.js",
            *arguments,
            HOME=str(tmp_path),
            USERPROFILE=str(tmp_path),
            KSEF_MOCK_URL=ksef_mock.url,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    ksef("auth", "login", "--env", "test", "--nip", NIP, "--token", ksef_mock.issue_token(NIP), "--json")
    ksef("config", "set", "--nip", NIP)
    opened = json.loads(ksef("session", "open", "--json"))
    sent = json.loads(
        ksef("invoice", "send", written(tmp_path / "1.xml", good), "--validate", "--json"),
    )
    ksef("session", "close", "--json")

    session, reference = opened["referenceNumber"], sent["referenceNumber"]
    status = json.loads(ksef("session", "status", session, "--json"))
    assert (status["status"]["code"], status["successfulInvoiceCount"]) == (200, 1)
    listed = json.loads(ksef("session", "invoices", session, "--json"))
    [mine] = listed["invoices"]
    assert (mine["referenceNumber"], mine["status"]["code"]) == (reference, 200)
    upo = json.loads(ksef("session", "upo", session, "--invoiceRef", reference, "--parsed", "--json"))
    assert upo["dokumenty"][0]["numerKSeFDokumentu"] == mine["ksefNumber"]
    ksef("invoice", "get", mine["ksefNumber"], "--o", tmp_path / "back.xml")
    assert (tmp_path / "back.xml").read_bytes() == good
    queried = ksef("invoice", "query", "--subjectType", "Subject1", "--json", "--from", status["dateCreated"])
    assert re.search(mine["ksefNumber"], queried)
