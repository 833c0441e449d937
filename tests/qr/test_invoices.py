"""KOD I: the page of an invoice, and why it is not found."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api

FILE = b"an invoice"
DIGEST = sha256(FILE).digest()
HASH = urlsafe_b64encode(DIGEST).rstrip(b"=").decode()
FOUND = "Faktura znajduje się w KSeF"
NOT_FOUND = "Faktura nie została znaleziona w KSeF"


@pytest.fixture
def invoice(ksef_mock: MockServer) -> dict[str, Any]:
    """An invoice of NIP of 2026-02-02, sent two days later."""
    return seeded(ksef_mock)


def seeded(mock: MockServer, **changes: Any) -> dict[str, Any]:
    body = {
        "seller": {"nip": NIP},
        "buyer": {"identifier": {"type": "Nip", "value": OTHER_NIP}},
        "issueDate": "2026-02-02",
        "invoicingDate": "2026-02-04T10:00:00Z",
        "acquisitionDate": "2026-02-04T10:00:01Z",
        "invoicingMode": "Offline",
        "invoiceHash": b64encode(DIGEST).decode(),
    } | changes
    answer = httpx.post(f"{mock.url}/_mock/invoices", json={"invoices": [body]})
    assert answer.status_code == 201, answer.text
    return body | {"ksefNumber": answer.json()["ksefNumbers"][0]}


def page(mock: MockServer, *parts: str, **headers: str) -> httpx.Response:
    return httpx.get("/".join((f"{mock.url}/qr/invoice", *parts)), headers=headers)


def report(mock: MockServer, *parts: str) -> dict[str, Any]:
    answer = page(mock, *parts, accept="application/json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    body: dict[str, Any] = answer.json()
    return body


def failure(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in body["results"] if each["outcome"] == "failed")
    return found


def test_known_invoice_has_a_page_with_its_number_and_mode(
    ksef_mock: MockServer, invoice: dict[str, Any]
) -> None:
    answer = page(ksef_mock, NIP, "02-02-2026", HASH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for sentence in (FOUND, invoice["ksefNumber"], "Tryb wystawienia faktury", "Offline"):
        assert sentence in answer.text
    assert NOT_FOUND not in answer.text


def test_the_same_as_json(ksef_mock: MockServer, invoice: dict[str, Any]) -> None:
    body = report(ksef_mock, NIP, "02-02-2026", HASH)
    assert (body["code"], body["ok"], body["verdict"], body["failure"]) == ("KOD I", True, FOUND, None)
    assert body["invoice"]["ksefNumber"] == invoice["ksefNumber"]
    assert {each["outcome"] for each in body["results"]} == {"passed"}


@pytest.mark.parametrize(
    ("parts", "cause", "explanation"),
    [
        (
            (NIP, "02-02-2026", urlsafe_b64encode(sha256(b"x").digest())[:43].decode()),
            "unknown invoice",
            None,
        ),
        ((NIP, "03-02-2026", HASH), "other date", None),
        ((NIP, "04-02-2026", HASH), "other date", "the day on which the invoice was sent"),
        ((NIP, "2026-02-02", HASH), "other date", "yyyy-MM-dd instead of dd-MM-yyyy"),
        (("7111111111", "02-02-2026", HASH), "other seller", None),
        ((OTHER_NIP, "02-02-2026", HASH), "other seller", "another party of this invoice (Subject2)"),
        ((NIP, "02-02-2026", f"{HASH}="), "malformed", "the Base64URL of the hash has padding"),
        ((NIP, "02-02-2026", DIGEST.hex()), "malformed", "the hash is written in hex"),
        ((NIP, "02-02-2026", "x"), "malformed", None),
        ((NIP, "02-02-2026"), "malformed", None),
    ],
)
@pytest.mark.usefixtures("invoice")
def test_what_is_not_found_is_200_and_says_why(
    ksef_mock: MockServer, parts: tuple[str, ...], cause: str, explanation: str | None
) -> None:
    answer = page(ksef_mock, *parts)
    assert (answer.status_code, NOT_FOUND in answer.text, FOUND in answer.text) == (200, True, False)
    body = report(ksef_mock, *parts)
    assert (body["ok"], body["invoice"], failure(body)["cause"]) == (False, None, cause)
    said = failure(body)["explanation"]
    assert explanation in said if explanation else said is None


def test_hash_of_a_refused_file_leads_to_its_technical_correction(ksef_mock: MockServer) -> None:
    refused = sha256(b"refused").digest()
    corrected = seeded(ksef_mock, hashOfCorrectedInvoice=b64encode(refused).decode())
    for digest in (refused, DIGEST):
        text = urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert report(ksef_mock, NIP, "02-02-2026", text)["invoice"]["ksefNumber"] == corrected["ksefNumber"]


def test_what_a_link_says_is_never_markup(ksef_mock: MockServer) -> None:
    answer = page(ksef_mock, "%3Cscript%3E", "%3Cb%3E", HASH)
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    "host", ["qr-test.ksef.mf.gov.pl", "qr.ksef.mf.gov.pl:443", "QR-DEMO.ksef.mf.gov.pl"]
)
@pytest.mark.usefixtures("invoice")
def test_pages_are_at_the_root_of_their_own_host_names(ksef_mock: MockServer, host: str) -> None:
    answer = httpx.get(f"{ksef_mock.url}/invoice/{NIP}/02-02-2026/{HASH}", headers={"host": host})
    assert FOUND in answer.text


def test_no_other_host_has_them_at_the_root(ksef_mock: MockServer, api: Api) -> None:
    assert httpx.get(f"{ksef_mock.url}/invoice/{NIP}/02-02-2026/{HASH}").status_code == 404


def test_journal_tells_what_was_found(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    mock, _ = serve()
    page(mock, NIP, "02-02-2026", HASH)
    (entry,) = httpx.get(f"{mock.url}/_mock/journal").json()["entries"]
    assert ["hash", "failed"] in [[each["check"], each["outcome"]] for each in entry["decisions"]]
