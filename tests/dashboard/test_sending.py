"""Sessions, the invoices in them, and what their pages say of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from lxml import etree

from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.dashboard.support import Browse, Dashboard, Page, Serve
from tests.sending.erp import Erp, Session
from tests.support import NIP, OTHER_NIP, Api, b64


@pytest.fixture
def erp(api: Api, ksef_token: str) -> Erp:
    return Erp(api, api.login(ksef_token).access_token)


def page_of(dashboard: Dashboard, erp: Erp, session: Session, document: bytes, **changes: Any) -> Page:
    """The page of an invoice that is sent."""
    sent = erp.sent(session, document, **changes)
    return dashboard.get(f"/_mock/ui/sending/{session.reference}/invoices/{sent['referenceNumber']}")


def download(dashboard: Dashboard, page: Page, text: str) -> httpx.Response:
    """What a link of this text leads to: a file."""
    answer = dashboard.http.get(page.root.xpath(f"//a[.='{text}']/@href")[0])
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer


def test_sessions_are_listed_by_kind_and_context(dashboard: Dashboard, erp: Erp) -> None:
    session = erp.open()
    erp.send(session, invoice(NIP))
    erp.send(session, b"<no>")
    (row,) = dashboard.get("/_mock/ui/sending").all("//tbody/tr")
    assert session.reference in row
    assert "Sesja interaktywna otwarta" in row
    assert row.endswith("2, 1 refused")
    assert len(dashboard.get(f"/_mock/ui/sending?q={NIP}").all("//tbody/tr")) == 1
    assert len(dashboard.get(f"/_mock/ui/sending?q=Nip+{NIP}").all("//tbody/tr")) == 1
    assert "No interactive session of" in dashboard.get(f"/_mock/ui/sending?q={OTHER_NIP}").text
    assert "No batch session" in dashboard.get("/_mock/ui/sending?kind=Batch").text


def test_a_number_leads_to_its_page(dashboard: Dashboard, erp: Erp) -> None:
    session = erp.open()
    sent = erp.sent(session, invoice(NIP))
    here = f"/_mock/ui/sending/{session.reference}"
    for number, page in (
        (session.reference, here),
        (sent["referenceNumber"], f"{here}/invoices/{sent['referenceNumber']}"),
        (sent["ksefNumber"], f"{here}/invoices/{sent['referenceNumber']}"),
    ):
        answer = dashboard.http.get("/_mock/ui/sending", params={"q": number})
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert "Nothing of that number" in dashboard.get("/_mock/ui/sending?q=%3Cb%3E", status=404).text


def test_a_session_shows_its_counters_and_invoices(dashboard: Dashboard, erp: Erp) -> None:
    session = erp.open()
    for number in range(2):
        erp.send(session, invoice(NIP, number=f"FA/{number}"))
    erp.send(session, invoice(NIP, number="FA/0"))
    erp.close(session)
    page = dashboard.get(f"/_mock/ui/sending/{session.reference}")
    assert page.all("//h2[@id='status']") == ["✓ 200 3 invoices: 2 accepted, 1 refused"]
    assert [row.split()[1] for row in page.all("//tbody/tr")] == ["FA/0", "FA/1", "FA/0"]
    (refused,) = dashboard.get(f"/_mock/ui/sending/{session.reference}?failed=1").all("//tbody/tr")
    assert "duplicate seller, kind and number are those of" in refused
    upo = etree.fromstring(download(dashboard, page, "Download page 1").content)
    assert len(upo.findall("{*}Dokument")) == 2
    assert "Potwierdzenie" in dashboard.get(page.root.xpath("//a[.='Page 1']/@href")[0]).all("//pre")[0]


def test_a_session_whose_key_is_none_says_so(dashboard: Dashboard, erp: Erp) -> None:
    session = erp.open(encryptedSymmetricKey=b64(bytes(256)))
    page = dashboard.get(f"/_mock/ui/sending/{session.reference}")
    (verdict,) = page.all("//section[contains(@class, 'verdict bad')]")
    assert "could not be decrypted" in verdict
    assert "Błąd odszyfrowania dostarczonego klucza" in verdict


def test_lists_go_on_where_a_page_ends(
    dashboard: Dashboard, erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ksef_mock.dashboard.pages.sending.ROWS", 2)
    session = erp.open()
    for number in range(3):
        erp.send(session, invoice(NIP, number=f"FA/{number}"))
    sessions = [session, erp.open(), erp.open()]
    for path, all_rows in (
        ("/_mock/ui/sending", [each.reference for each in reversed(sessions)]),
        (f"/_mock/ui/sending/{session.reference}", ["FA/0", "FA/1", "FA/2"]),
    ):
        first = dashboard.get(path)
        rows = first.all("//tbody/tr")
        assert len(rows) == 2
        second = dashboard.get(first.root.xpath("//a[@rel='next']/@href")[0])
        rows += second.all("//tbody/tr")
        assert all(name in row for name, row in zip(all_rows, rows, strict=True))
        assert second.root.xpath("//a[@rel='next']") == []
        assert dashboard.get(second.root.xpath("//a[.='First page']/@href")[0]).all("//tbody/tr") == rows[:2]
        assert "No such page" in dashboard.get(f"{path}?page=%3Cscript%3E", status=400).text


def test_an_accepted_invoice_shows_its_document(dashboard: Dashboard, erp: Erp) -> None:
    document = invoice(NIP, number="FA/7", net="10.00", lines=101, buyer_name="Jan & Syn")
    page = page_of(dashboard, erp, erp.open(), document)
    assert page.all("//h2[@id='verdict']") == ["✓ 200 Accepted"]
    parties, lines = (page.all(f"//table[caption='{name}']/tbody/tr") for name in ("Parties", "Lines"))
    assert parties == [f"SellerNip {NIP}Sprzedawca", "BuyerNip 1111111111Jan & Syn"]
    assert len(lines) == 100
    assert "The first 100 of 101 lines." in page.text
    facts = dict(zip(page.all("//dt"), page.all("//dd"), strict=True))
    assert (facts["Gross"], facts["Number"], facts["Issued"]) == ("12.30 PLN", "FA/7", "2026-02-02")
    folded = page.all("//details[@id='passed-checks' and not(@open)]//tbody/tr")
    assert "✓passed: schema" in folded
    assert download(dashboard, page, "Download the XML").content == document
    upo = etree.fromstring(download(dashboard, page, "Download the UPO").content)
    assert upo.findtext(".//{*}NumerKSeFDokumentu") == facts["KSeF number"]
    assert facts["KSeF number"] in dashboard.get(page.root.xpath("//a[.='UPO']/@href")[0]).all("//pre")[0]


def test_a_refused_invoice_has_its_cause_first(dashboard: Dashboard, erp: Erp) -> None:
    page = page_of(dashboard, erp, erp.open(), invoice(OTHER_NIP))
    (verdict,) = page.all("//section[contains(@class, 'verdict')]")
    assert "Refused: right to invoice" in verdict
    assert verdict.index("may not issue invoices of") < verdict.index("Nieprawidłowy zakres uprawnień")
    checks = page.all("//section[@aria-labelledby='checks']//tbody/tr")
    assert "failed: right to invoice" in checks[0]
    assert page.root.xpath("//a[contains(., 'Download')]") == []
    here = page.response.url.path
    for path in ("document", "upo", "upo/document"):
        assert dashboard.get(f"{here}/{path}", status=404).all("//h1")[0].startswith("No ")


def test_what_is_being_processed_is_not_told_before_its_time(serve: Serve, browse: Browse) -> None:
    mock, api = serve(delay=Delay(seconds=5))
    mock.clock.freeze()
    dashboard = browse(mock)
    login = api.submit(api.token_request(mock.issue_token(NIP))).json()
    mock.clock.advance(5)
    tokens = api.redeem(login["authenticationToken"]["token"]).json()
    erp = Erp(api, tokens["accessToken"]["token"])
    session = erp.open()
    page = page_of(dashboard, erp, session, invoice(NIP))
    assert page.all("//h2[@id='verdict']") == ["… 150 Being processed"]
    assert "Download" not in page.text
    assert "1, in progress" in dashboard.get("/_mock/ui/sending").text
    assert "1 in progress" in dashboard.get(f"/_mock/ui/sending/{session.reference}").text
    mock.clock.advance(5)
    assert dashboard.get(page.response.url.path).all("//h2[@id='verdict']") == ["✓ 200 Accepted"]


def test_a_requests_page_is_found_from_the_invoice(dashboard: Dashboard, erp: Erp) -> None:
    page = page_of(dashboard, erp, erp.open(), invoice(OTHER_NIP))
    listed = dashboard.get(page.root.xpath("//a[.='Requests about this invoice']/@href")[0])
    assert any("POST /v2/sessions/online" in row for row in listed.all("//tbody/tr/th"))


def test_invoices_are_listed_by_the_part_that_somebody_plays(
    ksef_mock: MockServer, dashboard: Dashboard, erp: Erp
) -> None:
    sent = erp.sent(erp.open(), invoice(NIP, OTHER_NIP, "FA/1"))
    seeded = {"documents": [invoice(OTHER_NIP, NIP, "FA/2").decode()]}
    httpx.post(f"{ksef_mock.url}/_mock/invoices", json=seeded)
    (sold,) = dashboard.get(f"/_mock/ui/invoices?q={NIP}").all("//tbody/tr")
    assert sent["ksefNumber"] in sold
    bought = dashboard.get(f"/_mock/ui/invoices?q={NIP}&as=Subject2")
    page = dashboard.get(bought.root.xpath("//tbody//a/@href")[0])
    assert "Nip 5265877635" in page.all("//table[caption='Parties']")[0]
    assert download(dashboard, page, "Download the XML").content == invoice(OTHER_NIP, NIP, "FA/2")
    moved = dashboard.http.get(f"/_mock/ui/invoices/{sent['ksefNumber']}")
    assert moved.headers["location"].endswith(sent["referenceNumber"])
    assert "is neither an identifier" in dashboard.get("/_mock/ui/invoices?q=%3Cb%3E").text


@pytest.mark.parametrize(
    "path",
    [
        "sending/nothing",
        "sending/nothing/upo/x",
        "sending/nothing/invoices/x",
        "sending/{}/invoices/x",
        "sending/{}/upo/x",
        "sending/{}/upo/x/document",
        "invoices/nothing",
        "invoices/nothing/document",
    ],
)
def test_what_there_is_not_is_a_page_that_leads_back(dashboard: Dashboard, erp: Erp, path: str) -> None:
    page = dashboard.get(f"/_mock/ui/{path.format(erp.open().reference)}", status=404)
    assert page.all("//main//h1")[0].startswith("No ")
