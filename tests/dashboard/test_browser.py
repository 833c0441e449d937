"""The dashboard in Chromium: by eye and by keyboard; nothing leaves the mock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ksef_mock.settings import Settings
from ksef_mock.steered import Steered
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed, submit
from tests.chromium import PATIENCE, PHONE, needs_chromium
from tests.dashboard.support import OWNER, Serve, refused_signature
from tests.support import Api, altered

pytestmark = needs_chromium

LAPTOP = {"width": 1280, "height": 800}


class Visitor:
    """Opens pages of one mock, and watches what the browser complains about and whom it asks."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        #: What is no fault where it is in the text of a complaint.
        self.pardoned: str | None = None
        self.complaints: list[str] = []
        self.asked: set[str] = set()

    def open(self, mock: Steered, path: str = "", **options: Any) -> Page:
        """`/_mock/` and `path` in a fresh profile."""
        context = self._browser.new_context(**{"viewport": LAPTOP, **options})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: self._complain(message.type, message.text))
        page.on("pageerror", lambda error: self._complain("error", str(error)))
        page.on("request", lambda request: self.asked.add("/".join(request.url.split("/")[:3])))
        page.goto(f"{mock.url}/_mock/{path}")
        return page

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and (self.pardoned is None or self.pardoned not in text):
            self.complaints.append(text)


@pytest.fixture
def visitor(browser: Browser, ksef_mock: MockServer) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    for context in browser.contexts:
        context.close()
    assert visitor.complaints == []
    assert len(visitor.asked) <= 1, "a request has left the mock"


@pytest.fixture
def busy_mock(ksef_mock: MockServer, api: Api, ksef_token: str) -> MockServer:
    """A mock that has seen logins of many kinds, with faults that act."""
    login = api.login(ksef_token)
    api.redeem(login.authentication_token)
    submit(api, signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER)))
    refused_signature(ksef_mock, api)
    api.submit(api.token_request(altered(ksef_token)))
    api.submit(api.token_request(ksef_token, publicKeyId="x" * 44))
    api.submit(api.token_request(ksef_token) | {"challenge": "<script>alert(1)</script>" * 3})
    api.challenge()
    api.http.post(f"{ksef_mock.url}/_mock/faults", json={"path": "/permissions/*", "status": 503})
    return ksef_mock


# -- found by eye -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("viewport", [LAPTOP, PHONE])
def test_a_failing_signature_is_found_within_two_clicks(
    visitor: Visitor, ksef_mock: MockServer, api: Api, ksef_token: str, viewport: dict[str, int]
) -> None:
    refused_signature(ksef_mock, api)
    api.login(ksef_token)
    page = visitor.open(ksef_mock, viewport=viewport)
    expect(page.get_by_text("400 · 9105")).to_be_in_viewport()
    page.get_by_role("row").filter(has_text="9105").click()
    # One click: the check, its explanation and both digests stand there without scrolling.
    for shown in ("references", "white space between elements was added after signing", "stated", "computed"):
        expect(page.locator(".verdict").get_by_text(shown).first).to_be_in_viewport()
    page.get_by_text("octets that were hashed").first.click()
    # Two: what was hashed.
    expect(page.locator(".verdict pre")).to_contain_text("<ContextIdentifier>  <Nip>")


def test_the_list_is_live(visitor: Visitor, ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    page = visitor.open(ksef_mock)
    expect(page.get_by_text("No logins yet")).to_be_visible()
    api.login(ksef_token)
    expect(page.locator("tbody tr")).to_have_count(1)
    refused_signature(ksef_mock, api)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("9105")
    expect(page.get_by_role("status").filter(has_text="New:")).to_contain_text("9105")


def test_news_leave_open_what_is_open_and_the_focus_where_it_is(
    visitor: Visitor, ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    page = visitor.open(ksef_mock, f"ui/logins/{login.reference}")
    summary = page.locator(".steps summary").first
    summary.click()
    api.refresh(login.refresh_token)
    expect(page.locator(".steps > li").last).to_contain_text("Refresh")
    expect(page.locator(".steps details").first).to_have_attribute("open", "")
    expect(page.locator(".steps summary").first).to_be_focused()


def test_text_that_is_being_selected_stays(visitor: Visitor, ksef_mock: MockServer, api: Api) -> None:
    api.challenge()
    page = visitor.open(ksef_mock, "ui/requests")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('tbody code'))")
    api.challenge()
    ksef_mock.clock.freeze()
    expect(page.locator("#frozen")).to_be_visible()  # so the page knows of the challenge
    page.evaluate("new Promise((done) => setTimeout(done, 2 * PAUSE))")
    assert page.locator("tbody tr").count() == 1
    page.evaluate("getSelection().empty()")
    expect(page.locator("tbody tr")).to_have_count(2)


def test_a_login_page_is_live(visitor: Visitor, ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    page = visitor.open(ksef_mock, f"ui/logins/{login.reference}")
    expect(page.locator(".steps > li")).to_have_count(4)
    api.refresh(login.refresh_token)
    expect(page.locator(".steps > li").last).to_contain_text("Refresh")


def test_the_pages_work_without_javascript(visitor: Visitor, busy_mock: MockServer) -> None:
    page = visitor.open(busy_mock, java_script_enabled=False)
    page.get_by_role("row").filter(has_text="9105").click()
    expect(page.get_by_text("Likely:")).to_be_visible()
    page.locator("#clock summary").click()
    before = busy_mock.clock.now()
    page.get_by_role("button", name="+1 h").click()
    expect(page.get_by_text("The clock is set.")).to_be_visible()
    assert busy_mock.clock.now() - before > 3_600 * 10**9


# -- by keyboard ------------------------------------------------------------------------------------------


def test_a_failing_signature_is_found_by_keyboard_alone(
    visitor: Visitor, ksef_mock: MockServer, api: Api
) -> None:
    refused_signature(ksef_mock, api)
    page = visitor.open(ksef_mock)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    expect(page.get_by_text("Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('tbody') !== null"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement, '::after').outlineStyle") == "solid", (
        "the focus must be seen"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_text("Likely:")).to_be_visible()


def test_the_clock_is_set_by_keyboard_alone(visitor: Visitor, ksef_mock: MockServer) -> None:
    page = visitor.open(ksef_mock)
    page.locator("#clock summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="+15 min")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#clock summary")).to_be_focused()
    expect(page.get_by_role("button", name="+15 min")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#offset")).to_have_text("+15 min")
    expect(page).not_to_have_url(re.compile("done="))


# -- buttons ----------------------------------------------------------------------------------------------


def test_the_clock_on_the_page_follows_the_mocks(visitor: Visitor, ksef_mock: MockServer) -> None:
    page = visitor.open(ksef_mock)
    expect(page.locator("#offset")).to_be_hidden()
    ksef_mock.clock.advance(8 * 86_400)
    expect(page.locator("#offset")).to_have_text("+8 d")
    ksef_mock.clock.freeze()
    expect(page.locator("#frozen")).to_be_visible()
    shown = page.locator("#now").text_content()
    assert shown is not None
    ksef_mock.clock.resume()
    expect(page.locator("#frozen")).to_be_hidden()


def test_a_fault_is_added_with_one_click_and_removed_with_another(
    visitor: Visitor, ksef_mock: MockServer, api: Api
) -> None:
    page = visitor.open(ksef_mock, "ui/faults")
    page.get_by_role("button", name="503 to the next 2 requests").click()
    expect(page.get_by_text("The fault acts from now on.")).to_be_visible()
    assert api.http.post("/auth/challenge").status_code == 503
    expect(page.get_by_role("row").filter(has_text="status 503")).to_contain_text("acted on 1 of 1")
    page.get_by_role("button", name="Remove: status 503").click()
    expect(page.get_by_text("None: everything works.")).to_be_visible()
    assert api.http.post("/auth/challenge").status_code == 200


def test_a_key_is_rotated_with_one_click(visitor: Visitor, ksef_mock: MockServer) -> None:
    page = visitor.open(ksef_mock, "ui/keys")
    page.get_by_role("button", name="Rotate, old keys stay").first.click()
    expect(page.get_by_text("New keys are published.")).to_be_visible()
    assert len(ksef_mock.keys.current()) == 3


def test_an_issued_token_is_copied(visitor: Visitor, ksef_mock: MockServer, api: Api) -> None:
    page = visitor.open(ksef_mock, "ui/tokens", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Issue token").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    token = page.evaluate("navigator.clipboard.readText()")
    assert api.login(token)


def test_a_reset_is_asked_about_first(visitor: Visitor, busy_mock: MockServer) -> None:
    page = visitor.open(busy_mock)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Reset the mock").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Reset the mock").click()
    expect(page.get_by_text("No logins yet")).to_be_visible()
    assert len(busy_mock.journal) == 1


def test_the_pages_of_a_tenant_are_live_and_move_its_clock_alone(
    visitor: Visitor, ksef_mock: MockServer
) -> None:
    with ksef_mock.tenant(token_key="ec") as tenant:
        page = visitor.open(tenant)
        expect(page.get_by_text("No logins yet")).to_be_visible()
        api = Api(tenant.url)
        api.login(tenant.token)
        api.close()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.reload()  # what it shows live may be the half of the login
        page.locator("tbody tr a").first.click()
        page.wait_for_url(f"{tenant.url}/_mock/ui/logins/*")
        page.locator("#clock summary").click()
        page.get_by_role("button", name="+1 h").click()
        expect(page.locator("#offset")).to_have_text("+1 h")
        page.wait_for_url(f"{tenant.url}/_mock/**")
        page.context.close()  # else it notes that its tenant is gone
    assert ksef_mock.clock.state.offset == 0


def test_the_control_token_is_asked_for_once(visitor: Visitor, serve: Serve) -> None:
    mock, _ = serve(settings=Settings(control_token="correct horse"))
    visitor.pardoned = "status of 401"
    page = visitor.open(mock)
    page.get_by_label("Control token").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No logins yet")).to_be_visible()
    page.locator("#clock summary").click()
    page.get_by_role("button", name="+1 h").click()
    expect(page.locator("#offset")).to_have_text("+1 h")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{mock.url}/_mock/")
    expect(page.get_by_label("Control token")).to_be_visible()
