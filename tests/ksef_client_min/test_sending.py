"""Sending invoices with the client: both of them, and by command."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from ksef_client_min import AsyncKsefClient, KsefApiError, KsefClient, KsefTimeoutError, Policy
from ksef_client_min.cli import main
from ksef_client_min.invoice_cipher import SessionKey
from ksef_client_min.operations import invoices, sending
from ksef_mock.ksef.invoices.samples import invoice as sample
from ksef_mock.testing import MockServer
from tests.support import NIP

Ksef = Callable[..., Result]


@pytest.fixture
def client(ksef_client: KsefClient, ksef_token: str) -> KsefClient:
    ksef_client.login_with_token(ksef_token, nip=NIP)
    return ksef_client


def test_invoice_is_sent_and_read_back(client: KsefClient) -> None:
    document = sample(NIP)
    session = client.open_session()
    reference = client.send_invoice(session, document)
    found = client.await_invoice(session, reference)
    assert (found.is_accepted, found.invoice_number, found.reference_number) == (True, "FA/1", reference)
    assert found.ksef_number is not None
    client.close_session(session)
    closed = client.await_session(session)
    assert (closed.status.code, closed.invoice_count, closed.successful_invoice_count) == (200, 1, 1)

    assert client.call(invoices.get(found.ksef_number)) == document
    assert closed.upo is not None
    upos = [
        client.call(sending.upo(session.reference_number, closed.upo.pages[0].reference_number)),
        client.call(sending.upo_of_invoice(session.reference_number, reference)),
        client.call(sending.upo_of_ksef_number(session.reference_number, found.ksef_number)),
    ]
    assert all(found.ksef_number.encode() in upo for upo in upos)
    assert [each.reference_number for each in client.call(sending.sessions()).sessions] == [
        session.reference_number
    ]


def test_the_same_asynchronously(ksef_mock: MockServer, ksef_token: str) -> None:
    async def scenario() -> tuple[str | None, int | None]:
        async with AsyncKsefClient(ksef_mock.url) as ksef:
            await ksef.login_with_token(ksef_token, nip=NIP)
            session = await ksef.open_session()
            found = await ksef.await_invoice(session, await ksef.send_invoice(session, sample(NIP)))
            await ksef.close_session(session)
            return found.ksef_number, (await ksef.await_session(session)).successful_invoice_count

    number, accepted = asyncio.run(scenario())
    assert number is not None
    assert accepted == 1


def test_refused_invoice_says_why(client: KsefClient) -> None:
    session = client.open_session()
    found = client.await_invoice(session, client.send_invoice(session, b"no XML"))
    assert (found.is_accepted, found.status.code, found.ksef_number) == (False, 450, None)
    (failed,) = client.call(sending.invoices(session.reference_number, failed=True)).invoices
    assert failed.reference_number == found.reference_number


def test_a_duplicate_names_its_original(client: KsefClient) -> None:
    session = client.open_session()
    original, again = (
        client.await_invoice(session, client.send_invoice(session, sample(NIP))) for _ in range(2)
    )
    assert again.status.code == 440
    assert again.status.extensions == {
        "originalSessionReferenceNumber": session.reference_number,
        "originalKsefNumber": original.ksef_number,
    }


def test_technical_correction_names_the_refused_file(client: KsefClient) -> None:
    session = client.open_session()
    refused = client.await_invoice(session, client.send_invoice(session, b"no XML", offline_mode=True))
    assert not refused.is_accepted
    sent = client.send_invoice(
        session,
        sample(NIP),
        offline_mode=True,
        hash_of_corrected_invoice=hashlib.sha256(b"no XML").digest(),
    )
    assert client.await_invoice(session, sent).is_accepted


def test_closed_session_takes_no_more(client: KsefClient) -> None:
    session = client.open_session()
    client.close_session(session)
    with pytest.raises(KsefApiError):
        client.send_invoice(session, sample(NIP))


def test_waiting_for_an_invoice_ends(ksef_mock: MockServer, client: KsefClient) -> None:
    session = client.open_session()
    reference = client.send_invoice(session, sample(NIP))
    with KsefClient(
        ksef_mock.url,
        policy=Policy(processing_deadline=0.0),
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json=_pending(reference))),
    ) as impatient:
        impatient.session.access_token = "any"
        with pytest.raises(KsefTimeoutError, match=reference):
            impatient.await_invoice(session, reference)


def _pending(reference: str) -> dict[str, Any]:
    return {
        "ordinalNumber": 1,
        "referenceNumber": reference,
        "invoiceHash": "x",
        "invoicingDate": "2026-02-02T10:00:00+00:00",
        "status": {"code": 150, "description": "Trwa przetwarzanie"},
    }


def test_keys_are_in_no_repr() -> None:
    key = SessionKey(b"k" * 32, b"i" * 16)
    assert "kkk" not in repr(key)
    assert "iii" not in repr(key)


# -- the command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.xml").write_bytes(sample(NIP, number="FA/1"))
    (tmp_path / "two.xml").write_bytes(sample(NIP, number="FA/2"))
    (tmp_path / "bad.xml").write_bytes(b"no XML")
    return tmp_path


@pytest.fixture
def ksef(folder: Path, ksef_mock: MockServer, ksef_token: str) -> Ksef:
    """The command, logged in."""

    def run(*arguments: str) -> Result:
        environment = {"KSEF_HOME": "home", "KSEF_KEY_PASSWORD": None, "KSEF_TOKEN": None, "COLUMNS": "250"}
        return CliRunner(env=environment).invoke(main, arguments)

    assert run("config", "set", "--nip", NIP, "--env", ksef_mock.url).exit_code == 0
    assert run("auth", "login", "--token", ksef_token).exit_code == 0
    return run


def test_session_by_command(ksef: Ksef, folder: Path) -> None:
    opened = json.loads(ksef("session", "open", "--json").stdout)
    reference = opened["referenceNumber"]
    assert stat.S_IMODE((folder / "home" / "open-session.json").stat().st_mode) == 0o600
    sent = ksef("invoice", "send", "one.xml", "bad.xml", "--json")
    assert sent.exit_code == 1
    good, bad = json.loads(sent.stdout)["invoices"]
    assert (good["status"], bad["status"], good["session"]) == (200, 450, reference)
    assert good["ksefNumber"] in ksef("session", "invoices").stdout
    (failed,) = json.loads(ksef("session", "failed", "--json").stdout)["invoices"]
    assert failed["referenceNumber"] == bad["referenceNumber"]
    assert json.loads(ksef("session", "status", "--json").stdout)["invoices"] == 2

    refused = ksef("session", "upo")
    assert (refused.exit_code, "close the session first" in refused.stderr) == (1, True)
    closed = json.loads(ksef("session", "close", "--json").stdout)
    assert (closed["status"], closed["accepted"], closed["failed"]) == (200, 1, 1)
    # It is still the one that is read; its key is gone, and nothing can be sent into it or closed again.
    kept = json.loads((folder / "home" / "open-session.json").read_text())
    assert (kept["key"], kept["iv"]) == ("", "")
    assert json.loads(ksef("session", "status", "--json").stdout)["referenceNumber"] == reference
    assert ksef("session", "close").exit_code == 2
    for options in ((), ("--invoice", good["referenceNumber"]), ("--ksef-number", good["ksefNumber"])):
        for named in ((), (reference,)):
            assert ksef("session", "upo", *named, *options, "--output", "upo.xml").exit_code == 0
            assert good["ksefNumber"].encode() in (folder / "upo.xml").read_bytes()
    assert reference in ksef("session", "list").stdout


def test_send_without_an_open_session_opens_and_closes_one(ksef: Ksef, folder: Path) -> None:
    sent = ksef("invoice", "send", "one.xml", "two.xml", "--json")
    assert sent.exit_code == 0, sent.output
    rows = json.loads(sent.stdout)["invoices"]
    assert [row["invoiceNumber"] for row in rows] == ["FA/1", "FA/2"]
    status = json.loads(ksef("session", "status", rows[0]["session"], "--json").stdout)
    assert (status["status"], status["accepted"]) == (200, 2)
    assert rows[1]["ksefNumber"] in ksef("session", "upo").stdout
    got = ksef("invoice", "get", rows[0]["ksefNumber"], "--output", "got.xml")
    assert (got.exit_code, (folder / "got.xml").read_bytes()) == (0, sample(NIP, number="FA/1"))
    assert ksef("invoice", "get", "5265877635-20260101-000000000000-00").exit_code == 1
