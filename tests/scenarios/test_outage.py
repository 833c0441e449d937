"""KSeF fails: a firm learns it from the lighthouse, issues invoices offline, sends them when it is over."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.scenarios.sending import BUYER, SELLER
from tests.sending.erp import Erp, Session
from tests.support import NIP, Api

NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)
DAY, NEXT = "2026-05-04", "2026-05-05"


def lighthouse(mock: MockServer) -> str:
    status: str = httpx.get(f"{mock.lighthouse.url}/status").json()["status"]
    return status


def page(mock: MockServer, document: bytes) -> str:
    """What KOD I leads to."""
    digest = urlsafe_b64encode(hashlib.sha256(document).digest()).rstrip(b"=").decode()
    return httpx.get(f"{mock.url}/qr/invoice/{SELLER}/04-05-2026/{digest}").text


def is_down(erp: Erp, session: Session, document: bytes, refresh_token: str) -> bool:
    """Whether a send, a look and a refresh all fail as no KSeF that runs would answer."""
    path = f"/sessions/online/{session.reference}/invoices"
    answers = [
        erp.api.http.request(method, path, headers={"Authorization": f"Bearer {bearer}"}, json=body)
        for method, path, bearer, body in (
            ("POST", path, erp.access, session.body(document, offlineMode=True)),
            ("GET", f"/sessions/{session.reference}", erp.access, None),
            ("POST", "/auth/token/refresh", refresh_token, None),
        )
    ]
    return {answer.status_code for answer in answers} == {503}


@pytest.mark.parametrize("how", ["MockServer", "command", "HTTP"])
def test_invoices_of_an_outage_are_accepted_after_it(ksef_mock: MockServer, api: Api, how: str) -> None:
    ksef_mock.clock.freeze()
    ksef_mock.clock.set(NOON)
    login = api.login(ksef_mock.issue_token(NIP))
    erp = Erp(api, login.access_token)
    session = erp.open()
    before = erp.sent(session, invoice(SELLER, BUYER, "FV/1", DAY))
    assert before["status"]["code"] == 200

    match how:
        case "MockServer":
            ksef_mock.lighthouse.play("outage")
        case "command":
            done = CliRunner().invoke(main, ["lighthouse", "play", "outage", "--url", ksef_mock.url])
            assert done.exit_code == 0, done.output
        case "HTTP":
            play = httpx.post(f"{ksef_mock.url}/_mock/lighthouse/play", json={"name": "outage"})
            assert play.is_success

    # KSeF fails in the middle of a session, whatever it is asked, and the lighthouse says so.
    assert lighthouse(ksef_mock) == "FAILURE"
    offline = [invoice(SELLER, BUYER, f"FV/OFF/{number}", DAY) for number in range(3)]
    assert is_down(erp, session, offline[0], login.refresh_token)
    # Buyers who look up what they were given find nothing yet; the pages are not KSeF.
    assert "Faktura nie została znaleziona w KSeF" in page(ksef_mock, offline[0])

    ksef_mock.clock.advance(minutes=59)
    assert lighthouse(ksef_mock) == "FAILURE"
    assert is_down(erp, session, offline[0], login.refresh_token)

    # Its end: by now the access token has expired, the refresh token has not, and the session is still open.
    ksef_mock.clock.advance(minutes=1)
    assert lighthouse(ksef_mock) == "AVAILABLE"
    start, end = reversed(httpx.get(f"{ksef_mock.lighthouse.url}/messages").json())
    assert (start["type"], end["type"]) == ("FAILURE_START", "FAILURE_END")
    assert (end["start"], end["end"]) == ("2026-05-04T10:00:00+00:00", "2026-05-04T11:00:00+00:00")
    assert erp.send(session, offline[0], offlineMode=True).status_code == 401
    erp.access = api.refresh(login.refresh_token).json()["accessToken"]["token"]

    # Declared as offline they are; what is sent only the day after is, declared or not.
    late = [erp.sent(session, document, offlineMode=True) for document in offline[:2]]
    assert erp.closed(session)["successfulInvoiceCount"] == 3
    ksef_mock.clock.advance(days=1)
    erp.access = api.refresh(login.refresh_token).json()["accessToken"]["token"]
    session = erp.open()
    late.append(erp.sent(session, offline[2]))
    today = erp.sent(session, invoice(SELLER, BUYER, "FV/2", NEXT))
    assert erp.closed(session)["successfulInvoiceCount"] == 2

    assert [each["status"]["code"] for each in late] == [200, 200, 200]
    assert [each["invoicingMode"] for each in (before, *late, today)] == [
        "Online",
        "Offline",
        "Offline",
        "Offline",
        "Online",
    ]
    ksef_mock.clock.advance(minutes=1)
    query = {
        "subjectType": "Subject1",
        "invoicingMode": "Offline",
        "dateRange": {"dateType": "Issue", "from": "2026-05-04", "to": "2026-05-05"},
    }
    found = erp.call("POST", "/invoices/query/metadata", json=query).json()["invoices"]
    assert {each["ksefNumber"] for each in found} == {each["ksefNumber"] for each in late}
    for document in offline:
        assert "Faktura znajduje się w KSeF" in page(ksef_mock, document)
        assert "Offline" in page(ksef_mock, document)
