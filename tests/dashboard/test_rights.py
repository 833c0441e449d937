"""Tokens, certificates, permissions and sessions: who may do what, and the buttons that take it away."""

from __future__ import annotations

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome, signed, submit
from tests.certificates.test_certificates import issued
from tests.dashboard.support import OWNER, Dashboard, Page
from tests.dashboard.test_services import post
from tests.dashboard.town import grant, order
from tests.support import NIP, OTHER_NIP, Api

PEPPOL = "PPL123456"


def rows(page: Page) -> list[str]:
    return page.all("//tbody/tr")


def values(page: Page, name: str) -> list[str]:
    """What the buttons of this name stand for."""
    return [str(value) for value in page.root.xpath(f"//main//button[@name='{name}']/@value")]


def as_owner(mock: MockServer, api: Api) -> str:
    """An access token of whoever owns the context, by certificate."""
    submitted = submit(api, signed(mock, api, mock.pki.qualified(OWNER, key="ec")))
    tokens = api.redeem(submitted.json()["authenticationToken"]["token"])
    access: str = tokens.json()["accessToken"]["token"]
    return access


# -- tokens -----------------------------------------------------------------------------------------------


def test_tokens_are_listed_with_their_use(ksef_mock: MockServer, dashboard: Dashboard, api: Api) -> None:
    used, unused = ksef_mock.issue_token(NIP), ksef_mock.issue_token(OTHER_NIP, ["InvoiceRead"])
    for _ in range(2):
        api.login(used)
    page = dashboard.get("/_mock/ui/tokens")
    newest, oldest = rows(page)
    for shown in (unused.partition("|")[0], OTHER_NIP, "InvoiceRead", "never", "Active"):
        assert shown in newest
    for shown in (used.partition("|")[0], NIP, "2 logins in the journal", "Active"):
        assert shown in oldest
    assert used not in page.response.text
    (one,) = rows(dashboard.get(f"/_mock/ui/tokens?q={NIP}"))
    assert used.partition("|")[0] in one
    assert "is no identifier" in dashboard.get("/_mock/ui/tokens?q=%3Cb%3E").text


def test_a_token_is_revoked_with_one_click(ksef_mock: MockServer, dashboard: Dashboard, api: Api) -> None:
    text = ksef_mock.issue_token(NIP)
    (reference,) = values(dashboard.get("/_mock/ui/tokens"), "reference")
    post(dashboard, "tokens/revoke", reference=reference)
    page = dashboard.get("/_mock/ui/tokens")
    assert values(page, "reference") == []
    assert "Revoked" in rows(page)[0]
    assert api.status(api.submit(api.token_request(text)))["code"] == 450
    assert f"revoked {reference}" in [each.reason for entry in ksef_mock.journal for each in entry.decisions]
    for wrong in (reference, "nothing", ""):
        post(dashboard, "tokens/revoke", 400, reference=wrong)


def test_tokens_are_listed_page_by_page(
    ksef_mock: MockServer, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ksef_mock.dashboard.pages.tokens.ROWS", 2)
    issued = [ksef_mock.issue_token(NIP).partition("|")[0] for _ in range(3)]
    first = dashboard.get("/_mock/ui/tokens")
    second = dashboard.get(first.root.xpath("//a[@rel='next']/@href")[0])
    assert values(first, "reference") + values(second, "reference") == issued[::-1]


# -- sessions ---------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended(ksef_mock: MockServer, dashboard: Dashboard, api: Api) -> None:
    login = api.login(ksef_mock.issue_token(NIP))
    other = api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP)
    page = dashboard.get("/_mock/ui/sessions")
    assert values(page, "reference") == [other.reference, login.reference]
    assert f"Nip {NIP}" in rows(page)[1]
    assert "Token KSeF" in rows(page)[1]
    assert api.refresh(login.refresh_token).status_code == 200
    post(dashboard, "sessions/end", reference=login.reference)
    assert api.refresh(login.refresh_token).status_code == 400
    assert api.refresh(other.refresh_token).status_code == 200
    assert values(dashboard.get("/_mock/ui/sessions"), "reference") == [other.reference]
    for wrong in (login.reference, "nothing", ""):
        post(dashboard, "sessions/end", 400, reference=wrong)


def test_a_session_that_has_ended_by_itself_is_not_listed(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    api.call("DELETE", "/auth/sessions/current", bearer=login.access_token)
    assert "Nobody is logged in" in dashboard.get("/_mock/ui/sessions").text
    api.login(ksef_token)
    ksef_mock.clock.advance(8 * 86_400)
    assert "Nobody is logged in" in dashboard.get("/_mock/ui/sessions").text


def test_a_session_is_ended_from_the_page_of_its_login(
    dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    page = dashboard.login()
    assert values(page, "reference") == [login.reference]
    post(dashboard, "sessions/end", reference=login.reference, next=page.response.url.path)
    assert values(dashboard.login(), "reference") == []


# -- permissions ------------------------------------------------------------------------------------------


def test_permissions_are_listed_by_context(dashboard: Dashboard, api: Api) -> None:
    assert "Nothing was granted yet" in dashboard.get("/_mock/ui/permissions").text
    grant(api, "of the accountant", "InvoiceRead", "InvoiceWrite")
    grant(api, "of the other", "InvoiceRead", to=NIP, context=OTHER_NIP)
    contexts = dashboard.get("/_mock/ui/permissions")
    links = [link for link in contexts.links() if "permissions?q=" in link]
    assert len(links) == 2
    page = dashboard.get(f"/_mock/ui/permissions?q={NIP}")
    assert len(rows(page)) == 2
    for shown in (f"Nip {OTHER_NIP}", "InvoiceRead", "of the accountant", "test data", "person"):
        assert any(shown in row for row in rows(page))
    assert rows(dashboard.get(links[-1])) == rows(page)
    assert "Nothing was granted in this context" in dashboard.get(f"/_mock/ui/permissions?q={PEPPOL}").text
    assert "is no identifier" in dashboard.get("/_mock/ui/permissions?q=%3Cb%3E").text


def test_a_permission_is_taken_back(ksef_mock: MockServer, dashboard: Dashboard, api: Api) -> None:
    grant(api, "for a while", "InvoiceRead")
    (grant_id,) = values(dashboard.get(f"/_mock/ui/permissions?q={NIP}"), "id")
    post(dashboard, "permissions/revoke", id=grant_id)
    assert "Nothing was granted yet" in dashboard.get("/_mock/ui/permissions").text
    for wrong in (grant_id, ""):
        post(dashboard, "permissions/revoke", 400, id=wrong)


# -- certificates -----------------------------------------------------------------------------------------


def test_certificates_of_ksef_are_listed_and_revoked(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    assert "None: clients request them" in dashboard.get("/_mock/ui/certificates").text
    credential, serial = issued(api, as_owner(ksef_mock, api), certificateName="Of the ERP")
    (row,) = rows(dashboard.get("/_mock/ui/certificates"))
    for shown in (serial, "Of the ERP", f"Nip {NIP}", "Authentication", "never", "Active"):
        assert shown in row
    assert outcome(ksef_mock, api, credential)["code"] == 200
    assert "never" not in rows(dashboard.get("/_mock/ui/certificates"))[0]
    post(dashboard, "certificates", do="revoke", serial=serial)
    assert outcome(ksef_mock, api, credential)["code"] == 460
    page = dashboard.get("/_mock/ui/certificates")
    assert "Revoked" in rows(page)[0]
    assert values(page, "serial") == []


def test_certificates_for_tests_are_listed_and_changed(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    assert "None:" in dashboard.get("/_mock/ui/certificates?kind=test").text
    serial = order(ksef_mock, nip=NIP)

    def status() -> str:
        page = dashboard.get("/_mock/ui/certificates?kind=test")
        return page.all("//tbody/tr/td[4]")[0].split()[-1]

    assert status() == "Active"
    post(dashboard, "certificates", do="suspend", serial=serial)
    assert status() == "Suspended"
    post(dashboard, "certificates", do="reinstate", serial=serial)
    assert status() == "Active"
    post(dashboard, "certificates", 400, do="reinstate", serial=serial)
    post(dashboard, "certificates", do="revoke", serial=serial)
    assert status() == "Revoked"
    for wrong in ({"do": "x", "serial": serial}, {"do": "revoke"}, {"do": "revoke", "serial": "0"}):
        post(dashboard, "certificates", 400, **wrong)
    ksef_mock.clock.advance(10 * 366 * 86_400)
    other = order(ksef_mock, nip=NIP, validTo="2027-01-01T00:00:00Z")
    assert values(dashboard.get("/_mock/ui/certificates?kind=test"), "serial") == [other, other]
    assert status() == "Expired"


def test_certificates_of_the_cas_are_downloaded(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    order(ksef_mock, nip=NIP)
    links = dashboard.get("/_mock/ui/certificates").links()
    (link,) = (link for link in links if link.endswith("/authorities/qualified"))
    answer = dashboard.http.get(link)
    assert answer.text.startswith("-----BEGIN CERTIFICATE-----")
    assert answer.headers["content-disposition"] == 'attachment; filename="ca-qualified.pem"'
    assert "No such CA" in dashboard.get("/_mock/ui/certificates/authorities/x", status=404).text


@pytest.mark.parametrize("form", ["tokens/revoke", "sessions/end", "permissions/revoke", "certificates"])
def test_no_other_site_can_press_these_buttons(
    ksef_mock: MockServer, dashboard: Dashboard, form: str
) -> None:
    answer = httpx.post(f"{ksef_mock.url}/_mock/ui/{form}", headers={"Origin": "https://example.com"})
    assert answer.status_code == 403
