"""The pages of the services around KSeF: the lighthouse, the portal, a signature."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.pki import Credential
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome, submit
from tests.dashboard.support import Browse, Dashboard, Serve
from tests.signing.test_stand_in import unsigned
from tests.support import NIP, Api

PORTAL = "/_mock/ui/portal"


def post(dashboard: Dashboard, path: str, expected: int = 303, /, **fields: str) -> httpx.Response:
    response = dashboard.http.post(f"/_mock/ui/{path}", data=fields)
    assert response.status_code == expected, response.text
    return response


def status(mock: MockServer) -> str:
    shown: str = httpx.get(f"{mock.url}/latarnia/status").json()["status"]
    return shown


def test_lighthouse(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    assert "AVAILABLE" in dashboard.get("/_mock/ui/lighthouse").text
    post(dashboard, "lighthouse", do="announce", category="FAILURE", text="Awaria bramy")
    assert status(ksef_mock) == "FAILURE"
    page = dashboard.get("/_mock/ui/lighthouse")
    assert "Awaria bramy" in page.text
    (event,) = page.root.xpath("//button[@name='event']/@value")
    (notice,) = page.all("//select[@id='corrected']/option")
    post(dashboard, "lighthouse", do="correct", id=notice, text="Inaczej")
    assert "version 2" in dashboard.get("/_mock/ui/lighthouse").text
    post(dashboard, "lighthouse", do="end", event=event)
    assert status(ksef_mock) == "AVAILABLE"
    assert not dashboard.get("/_mock/ui/lighthouse").root.xpath("//button[@name='event']")
    post(dashboard, "lighthouse", do="play", name="test-now")
    assert status(ksef_mock) == "TOTAL_FAILURE"
    post(dashboard, "lighthouse", do="withdraw")
    post(dashboard, "lighthouse", do="breakdown", name="502")
    assert httpx.get(f"{ksef_mock.url}/latarnia/status").status_code == 502
    post(dashboard, "lighthouse", do="breakdown", name="")
    assert status(ksef_mock) == "AVAILABLE"
    post(dashboard, "lighthouse", do="breakdown", slow="5")
    assert "told to fail (slow)" in dashboard.get("/_mock/ui/lighthouse").text
    post(dashboard, "lighthouse", do="breakdown", name="")
    for wrong in ({"do": "play", "name": "x"}, {"do": "end"}, {"do": "announce", "category": "MAINTENANCE"}):
        post(dashboard, "lighthouse", 400, **wrong)


def test_token_is_revoked_in_the_portal(ksef_mock: MockServer, api: Api, dashboard: Dashboard) -> None:
    text = ksef_mock.issue_token(NIP, ["InvoiceRead"])
    page = dashboard.get(f"/_mock/ui/portal?nip={NIP}")
    assert text not in page.response.text
    (reference,) = page.root.xpath("//button[@name='reference']/@value")
    post(dashboard, "portal/revoke", reference=reference)
    assert not dashboard.get(f"/_mock/ui/portal?nip={NIP}").root.xpath("//button[@name='reference']")
    submitted = api.call("POST", "/auth/ksef-token", json=api.token_request(text))
    assert api.status(submitted)["code"] == 450
    post(dashboard, "portal/revoke", 400, reference=reference)


@pytest.mark.parametrize(("purpose", "code"), [("Authentication", 200), ("Offline", 415)])
def test_certificate_from_the_portal(
    ksef_mock: MockServer, api: Api, dashboard: Dashboard, purpose: str, code: int
) -> None:
    fields = {"kind": "nip", "identifier": NIP, "key": "ec", "name": "Moja", "password": "tajne-haslo"}
    answer = post(dashboard, "portal/certificate", 201, type=purpose, **fields)
    assert answer.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        certificate = x509.load_pem_x509_certificate(archive.read("ksef-cert.crt"))
        locked = archive.read("ksef-cert.key")
    with pytest.raises(TypeError):
        load_pem_private_key(locked, None)
    key = load_pem_private_key(locked, b"tajne-haslo")
    login = outcome(ksef_mock, api, Credential(certificate, key))  # type: ignore[arg-type]
    assert (login["code"] == 200) is (code == 200), login
    for wrong in ({"password": "x"}, {"identifier": "1"}, {"kind": "x"}):
        post(dashboard, "portal/certificate", 400, type=purpose, **{**fields, **wrong})
    post(dashboard, "portal/certificate", 400, type="None", **fields)


@pytest.mark.parametrize("reason", ["polls", "stop"])
def test_certificate_that_is_not_issued_at_once_is_downloaded_later(
    serve: Serve, browse: Browse, reason: str
) -> None:
    mock, _ = serve(settings=Settings(delay=Delay(polls=2 if reason == "polls" else 0)))
    if reason == "stop":
        mock.stop_processing(600)
    dashboard = browse(mock)
    fields = {"kind": "nip", "identifier": NIP, "key": "ec", "password": "tajne-haslo"}
    asked = post(dashboard, "portal/certificate", type="Offline", next=PORTAL, **fields)
    page = dashboard.get(asked.headers["location"])
    assert "In progress" in page.response.text
    (link,) = page.root.xpath("//a[starts-with(@href, '/_mock/ui/portal/certificate/')]/@href")
    for _ in range(2):
        early = dashboard.http.get(link)
        assert (early.status_code, early.headers["location"]) == (303, f"{PORTAL}?done=waiting")
    if reason == "stop":
        mock.resume_processing()
    # Twice: what was lost can be downloaded again.
    for _ in range(2):
        answer = dashboard.http.get(link)
        assert answer.status_code == 200
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            certificate = x509.load_pem_x509_certificate(archive.read("ksef-cert.crt"))
            key = load_pem_private_key(archive.read("ksef-cert.key"), b"tajne-haslo")
        assert key.public_key() == certificate.public_key()
    assert "Issued" in dashboard.get(PORTAL).response.text
    assert dashboard.http.get(f"{link}x").status_code == 400


def test_processing_is_stopped_and_resumed(ksef_mock: MockServer, api: Api, dashboard: Dashboard) -> None:
    post(dashboard, "faults", do="stop", forSeconds="600")
    submitted = api.submit(api.token_request(ksef_mock.issue_token(NIP)))
    assert api.status(submitted)["code"] == 100
    assert "Stands still" in dashboard.get("/_mock/ui/faults").text
    post(dashboard, "faults", do="resume")
    assert api.status(submitted)["code"] == 200
    assert "Stands still" not in dashboard.get("/_mock/ui/faults").text
    for wrong in ("", "-1", "nan", "x", "1e99"):
        post(dashboard, "faults", 400, do="stop", forSeconds=wrong)


def test_document_is_signed_on_a_page(
    ksef_mock: MockServer, api: Api, dashboard: Dashboard, tmp_path: Path
) -> None:
    assert "podpis.gov.pl" in dashboard.get("/_mock/ui/sign").text
    files = {"document": ("unsigned.xml", unsigned(api), "text/xml")}
    answer = dashboard.http.post("/_mock/ui/sign", data={"as": f"seal:{NIP}", "by": ""}, files=files)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="signed.xml"'
    assert api.status(submit(api, answer.content))["code"] == 200
    assert dashboard.http.post("/_mock/ui/sign", data={"as": "nobody"}, files=files).status_code == 400
    assert dashboard.http.post("/_mock/ui/sign", data={"as": f"nip:{NIP}"}).status_code == 400
