"""What can be read back of an invoice: its file, its UPO by three ways and by links, its metadata."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from lxml import etree

from ksef_mock.core.waiting import Delay
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.exporting import day
from tests.invoices.test_schemas import needs_official, sample
from tests.sending.erp import Erp
from tests.sending.test_online import erp_of, good
from tests.support import NIP, OTHER_NIP, Api, error
from tests.xades.xmlsec1 import needs_xmlsec1, xmlsec1_accepts

Serve = Callable[..., tuple[MockServer, Api]]
UPO = {"u": "http://upo.schematy.mf.gov.pl/KSeF/v4-3"}
NUMBER = f"{NIP}-20250101-000000000000-00"


@pytest.fixture
def erp(ksef_mock: MockServer, api: Api) -> Erp:
    return erp_of(ksef_mock, api)


def checked(answer: httpx.Response) -> bytes:
    """The document of an answer whose hash is right."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["x-ms-meta-hash"] == digest
    return answer.content


def test_the_file_is_given_back_as_it_was_sent(ksef_mock: MockServer, erp: Erp) -> None:
    document = good()
    accepted = erp.sent(erp.open(), document)
    path = f"/invoices/ksef/{accepted['ksefNumber']}"
    assert checked(erp.call("GET", path)) == document
    stranger = erp_of(ksef_mock, erp.api, OTHER_NIP)
    for who, number in ((erp, NUMBER), (stranger, accepted["ksefNumber"])):
        code, description, details = error(who.call("GET", f"/invoices/ksef/{number}"))
        assert (code, description) == (21164, "Faktura o podanym identyfikatorze nie istnieje.")
        assert details == [f"Faktura o numerze KSeF {number} nie została znaleziona."]


def test_the_buyer_reads_it_too(ksef_mock: MockServer, erp: Erp) -> None:
    document = good(buyer=OTHER_NIP)
    accepted = erp.sent(erp.open(), document)
    buyer = erp_of(ksef_mock, erp.api, OTHER_NIP)
    assert checked(buyer.call("GET", f"/invoices/ksef/{accepted['ksefNumber']}")) == document
    for who, role in ((erp, "Subject1"), (buyer, "Subject2")):
        filters = {"subjectType": role, "dateRange": {"dateType": "Invoicing", "from": day(1)}}
        found = who.call("POST", "/invoices/query/metadata", json=filters).json()["invoices"]
        assert [each["ksefNumber"] for each in found] == [accepted["ksefNumber"]]


def test_an_invoice_that_is_not_stored_yet_cannot_be_fetched(serve: Serve) -> None:
    mock, api = serve(settings=Settings(storage_delay=2))
    erp = erp_of(mock, api)
    mock.clock.freeze()
    session = erp.open()
    accepted = erp.sent(session, good())
    assert accepted["status"]["code"] == 200
    assert "permanentStorageDate" not in accepted
    path = f"/invoices/ksef/{accepted['ksefNumber']}"
    assert error(erp.call("GET", path))[0] == 21165
    mock.clock.advance(2)
    assert erp.call("GET", path).status_code == 200
    assert "permanentStorageDate" in erp.invoice(session, accepted["referenceNumber"])


def test_the_upo_of_an_invoice_is_one_document_by_all_ways(ksef_mock: MockServer, erp: Erp) -> None:
    session = erp.open()
    accepted = erp.sent(session, good("FA/1 & co"))
    by_reference = f"/sessions/{session.reference}/invoices/{accepted['referenceNumber']}/upo"
    by_number = f"/sessions/{session.reference}/invoices/ksef/{accepted['ksefNumber']}/upo"
    document = checked(erp.call("GET", by_reference))
    assert checked(erp.call("GET", by_number)) == document
    assert checked(httpx.get(accepted["upoDownloadUrl"])) == document
    upo = etree.fromstring(document)
    assert upo.findtext("u:Dokument/u:NumerKSeFDokumentu", None, UPO) == accepted["ksefNumber"]
    assert upo.findtext("u:Dokument/u:NumerFaktury", None, UPO) == "FA/1 & co"
    assert upo.findtext("u:Uwierzytelnienie/u:IdKontekstu/u:Nip", None, UPO) == NIP
    token = upo.findtext("u:Uwierzytelnienie/u:NumerReferencyjnyTokenaKSeF", None, UPO)
    assert token is not None
    assert "-EC-" in token


@needs_xmlsec1
def test_the_upo_of_a_session_lists_its_good_invoices(
    ksef_mock: MockServer, erp: Erp, tmp_path: pytest.TempPathFactory
) -> None:
    session = erp.open()
    numbers = [erp.sent(session, good())["ksefNumber"] for _ in range(2)]
    erp.sent(session, b"no invoice")
    (page,) = erp.closed(session)["upo"]["pages"]
    document = checked(erp.call("GET", f"/sessions/{session.reference}/upo/{page['referenceNumber']}"))
    assert checked(httpx.get(page["downloadUrl"])) == document
    upo = etree.fromstring(document)
    assert [each.text for each in upo.iterfind("u:Dokument/u:NumerKSeFDokumentu", UPO)] == numbers
    assert xmlsec1_accepts(document, tmp_path)  # type: ignore[arg-type]


def test_a_processed_session_has_no_unfinished_invoices(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=3))
    erp = erp_of(mock, api)
    session = erp.open()
    references = [erp.send(session, document).json()["referenceNumber"] for document in (good(), b"none")]
    assert erp.closed(session)["status"]["code"] == 170
    states = [erp.status(session) for _ in range(3)]
    assert [each["status"]["code"] for each in states] == [170, 170, 200]
    # Nobody has asked for the invoices meanwhile.
    (page,) = states[-1]["upo"]["pages"]
    upo = etree.fromstring(checked(httpx.get(page["downloadUrl"])))
    accepted, refused = (erp.invoice(session, reference) for reference in references)
    assert [accepted["status"]["code"], refused["status"]["code"]] == [200, 450]
    assert upo.findtext("u:Dokument/u:NumerKSeFDokumentu", None, UPO) == accepted["ksefNumber"]


def test_what_has_no_upo_is_21178(erp: Erp) -> None:
    session = erp.open()
    failed = erp.sent(session, b"no invoice")["referenceNumber"]
    reference = session.reference
    for path, detail in (
        (f"invoices/{failed}/upo", f"UPO o numerze KSeF {failed} i numerze referencyjnym sesji {reference}"),
        (
            f"invoices/ksef/{NUMBER}/upo",
            f"UPO o numerze KSeF {NUMBER} i numerze referencyjnym sesji {reference}",
        ),
        (f"upo/{failed}", f"UPO o numerze referencyjnym {failed} dla sesji {reference}"),
    ):
        code, description, details = error(erp.call("GET", f"/sessions/{reference}/{path}"))
        assert (code, description) == (21178, "Nie znaleziono UPO dla podanych kryteriów.")
        assert details == [f"{detail} nie zostało znalezione."]


def test_a_link_opens_for_three_days_and_only_as_it_is(ksef_mock: MockServer, erp: Erp) -> None:
    ksef_mock.clock.freeze()
    url = erp.sent(erp.open(), good())["upoDownloadUrl"]
    assert urlsplit(url).path.startswith("/storage/")
    assert httpx.get(url.replace("sig=", "sig=A")).status_code == 401
    ksef_mock.clock.advance(3 * 86_400 - 1)
    assert httpx.get(url).status_code == 200
    ksef_mock.clock.advance(1)
    expired = httpx.get(url)
    assert expired.status_code == 403
    assert b"AuthenticationFailed" in expired.content


def test_a_range_of_a_document_is_given_as_asked_for(ksef_mock: MockServer, erp: Erp) -> None:
    session = erp.open()
    sent = erp.sent(session, good())
    paths = (
        f"/invoices/ksef/{sent['ksefNumber']}",
        f"/sessions/{session.reference}/invoices/{sent['referenceNumber']}/upo",
    )
    urls = [f"{ksef_mock.url}/v2{path}" for path in paths]
    for url in (*urls, sent["upoDownloadUrl"]):
        headers = {} if url == sent["upoDownloadUrl"] else {"Authorization": f"Bearer {erp.access}"}
        whole = httpx.get(url, headers=headers)
        assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
        size = len(whole.content)
        for asked, first, last in (("10-19", 10, 19), ("100-", 100, size - 1), ("-7", size - 7, size - 1)):
            part = httpx.get(url, headers=headers | {"Range": f"bytes={asked}"})
            assert (part.status_code, part.content) == (206, whole.content[first : last + 1])
            assert part.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
            assert part.headers["x-ms-meta-hash"] == whole.headers["x-ms-meta-hash"]
        for nothing in ("bytes=5-2", "bytes=a-b", "lines=1-2"):
            assert httpx.get(url, headers=headers | {"Range": nothing}).content == whole.content
        beyond = httpx.get(url, headers=headers | {"Range": f"bytes={size}-"})
        assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")


@needs_official
@pytest.mark.parametrize(("consented", "code"), [(True, 200), (False, 410)])
def test_a_technical_correction_may_have_an_attachment_with_consent(
    erp: Erp, consented: bool, code: int
) -> None:
    if consented:
        assert erp.call("POST", "/testdata/attachment", json={"nip": NIP}).status_code == 200
    session = erp.open()
    document = sample("fa-3-with-attachment.xml")
    refused = erp.sent(session, document, offlineMode=True)
    assert refused["status"]["code"] == 415
    corrected = erp.sent(
        session, document + b"\n", offlineMode=True, hashOfCorrectedInvoice=refused["invoiceHash"]
    )
    assert corrected["status"]["code"] == code


def test_a_technical_correction_is_accepted_once(erp: Erp) -> None:
    session = erp.open()
    refused, right = good(seller=OTHER_NIP), good("FA/9")
    wrong = erp.sent(session, refused, offlineMode=True)
    assert wrong["status"]["code"] == 410
    correction = {"offlineMode": True, "hashOfCorrectedInvoice": wrong["invoiceHash"]}
    corrected = erp.sent(session, right, **correction)
    assert (corrected["status"]["code"], corrected["invoicingMode"]) == (200, "Offline")
    code, description, details = error(erp.send(session, good(), **correction))
    assert (code, description) == (21166, "Korekta techniczna niedostępna.")
    assert details == ["Faktura posiada już przetworzoną prawidłowo korektę techniczną."]
    again = correction | {"hashOfCorrectedInvoice": corrected["invoiceHash"]}
    assert error(erp.send(session, good(), **again))[0] == 21167
