"""The buttons of the dashboard: what they do, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ksef_mock.ksef.keys.keys import Usage
from ksef_mock.testing import MockServer
from tests.dashboard.support import Dashboard
from tests.sending.erp import Erp
from tests.support import NIP, OTHER_NIP, Api

BUTTONS = [
    ("clock", {"do": "advance", "seconds": "60"}),
    ("clock", {"do": "freeze"}),
    ("keys", {"do": "rotate", "usage": "KsefTokenEncryption"}),
    ("faults", {"do": "clear"}),
    ("tokens", {"nip": NIP, "permission": "InvoiceRead"}),
    ("reset", {}),
]


def press(dashboard: Dashboard, form: str, expected: int = 303, /, **fields: Any) -> httpx.Response:
    response = dashboard.http.post(f"/_mock/ui/{form}", data=fields)
    assert response.status_code == expected, response.text
    return response


@pytest.mark.parametrize(("form", "fields"), BUTTONS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "https://example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_site_can_press_a_button(
    ksef_mock: MockServer, dashboard: Dashboard, form: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    before = ksef_mock.clock.state, ksef_mock.keys.current()
    assert dashboard.http.post(f"/_mock/ui/{form}", data=fields, headers=headers).status_code == 403
    assert (ksef_mock.clock.state, ksef_mock.keys.current()) == before


def test_a_button_leads_back_to_its_page_which_says_what_is_done(dashboard: Dashboard) -> None:
    back = press(dashboard, "clock", do="advance", seconds="900", next="/_mock/?q=x&done=reset")
    assert back.headers["location"] == "/_mock/?q=x&done=clock"
    page = dashboard.get(back.headers["location"])
    assert page.all("//p[@role='status'][contains(@class, 'notice')]") == ["The clock is set."]
    assert "done=" not in page.root.xpath("//input[@name='next']/@value")[0]


def test_what_cannot_be_done_leads_back_to_its_page(dashboard: Dashboard) -> None:
    for referrer, back in (
        (f"{dashboard.http.base_url}/_mock/ui/keys?x=1", "/_mock/ui/keys?x=1"),
        ("https://example.com/_mock/uj", "/_mock/"),
        ("http://[", "/_mock/"),
    ):
        response = dashboard.http.post(
            "/_mock/ui/keys", data={"do": "nothing"}, headers={"Referer": referrer}
        )
        assert response.status_code == 400
        assert f'href="{back}"' in response.text


def test_what_a_button_did_stands_in_the_journal(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    press(dashboard, "clock", do="advance", seconds="900")
    (entry,) = ksef_mock.journal
    assert (entry.method, entry.path) == ("POST", "/_mock/ui/clock")
    assert entry.decisions[-1].reason == "advance 900"


# -- clock ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", ["900", "3600", "691200", "-60", "0.5"])
def test_the_clock_advances(ksef_mock: MockServer, dashboard: Dashboard, seconds: str) -> None:
    ksef_mock.clock.freeze()
    before = ksef_mock.clock.now()
    press(dashboard, "clock", do="advance", seconds=seconds)
    assert ksef_mock.clock.now() - before == float(seconds) * 10**9


def test_the_clock_is_set_frozen_resumed_and_sent_back_to_real_time(
    ksef_mock: MockServer, dashboard: Dashboard
) -> None:
    press(dashboard, "clock", do="freeze")
    press(dashboard, "clock", do="set", time="2027-01-31T12:00:00")
    noon = datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp() * 10**9
    assert ksef_mock.clock.now() == noon
    page = dashboard.get()
    assert page.all("//span[@id='frozen'][not(@hidden)]") == ["frozen"]
    assert page.all("//time[@id='now']") == ["2027-01-31 12:00:00 UTC"]
    press(dashboard, "clock", do="resume")
    assert ksef_mock.clock.now() > noon
    assert dashboard.get().all("//span[@id='frozen'][not(@hidden)]") == []
    press(dashboard, "clock", do="reset")
    assert abs(ksef_mock.clock.now() / 1e9 - datetime.now(UTC).timestamp()) < 60
    assert dashboard.get().all("//span[@id='offset'][not(@hidden)]") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "advance", "seconds": "soon"},
        {"do": "advance", "seconds": ""},
        {"do": "advance", "seconds": "nan"},
        {"do": "advance", "seconds": "inf"},
        {"do": "advance", "seconds": "1e12"},
        {"do": "set", "time": "tomorrow"},
        {"do": "set", "time": "1969-01-01T00:00:00"},
        {"do": "set", "time": "9999-12-31T23:59:59"},
        {"do": "stop"},
        {},
    ],
)
def test_the_clock_refuses_what_is_no_time(
    ksef_mock: MockServer, dashboard: Dashboard, fields: dict[str, str]
) -> None:
    before = ksef_mock.clock.state
    assert "Not done" in press(dashboard, "clock", 400, **fields).text
    assert ksef_mock.clock.state == before


# -- keys -------------------------------------------------------------------------------------------------


def published(dashboard: Dashboard) -> list[str]:
    return dashboard.get("/_mock/ui/keys").all(
        "//section[not(@aria-labelledby='withdrawn')]//dt[.='publicKeyId']/following-sibling::dd"
    )


def test_keys_are_shown_as_published(dashboard: Dashboard, api: Api) -> None:
    keys = api.public_keys("KsefTokenEncryption") + api.public_keys("SymmetricKeyEncryption")
    assert published(dashboard) == [key["publicKeyId"] for key in keys]
    page = dashboard.get("/_mock/ui/keys")
    assert page.all("//dt[.='certificateId']/following-sibling::dd") == [key["certificateId"] for key in keys]


def test_a_planned_rotation_keeps_the_old_key_and_an_emergency_does_not(dashboard: Dashboard) -> None:
    (old, symmetric) = published(dashboard)
    press(dashboard, "keys", do="rotate", usage="KsefTokenEncryption")
    (new, kept, same) = published(dashboard)
    assert (kept, same) == (old, symmetric)
    press(dashboard, "keys", do="emergency", usage="KsefTokenEncryption")
    assert not {old, new} & set(published(dashboard))


def test_recertification_keeps_the_key(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    before = ksef_mock.keys.current()[0]
    press(dashboard, "keys", do="recertify", usage="KsefTokenEncryption")
    after = ksef_mock.keys.current()[0]
    assert after.public_key_id == before.public_key_id
    assert after.certificate_id != before.certificate_id


def test_a_key_is_withdrawn(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    (first, second) = published(dashboard)
    press(dashboard, "keys", do="withdraw", id=first)
    assert published(dashboard) == [second]
    assert "No key is published" in dashboard.get("/_mock/ui/keys").text
    press(dashboard, "keys", 400, do="withdraw", id=first)


def test_the_algorithm_is_chosen(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    press(dashboard, "keys", do="publish", algorithm="both")
    keys = [key.algorithm.value for key in ksef_mock.keys.current() if key.usage is Usage.TOKEN]
    assert keys == ["RSA-2048", "P-256"]
    assert dashboard.get("/_mock/ui/keys").all("//button[@aria-pressed='true']") == ["Both, RSA first"]


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "rotate"},
        {"do": "rotate", "usage": "Everything"},
        {"do": "publish", "algorithm": "dsa"},
        {"do": "withdraw"},
        {"do": "<script>"},
    ],
)
def test_keys_refuse_what_they_do_not_know(dashboard: Dashboard, fields: dict[str, str]) -> None:
    before = published(dashboard)
    assert "<script>" not in press(dashboard, "keys", 400, **fields).text
    assert published(dashboard) == before


def withdrawn(dashboard: Dashboard) -> list[list[str]]:
    """Of each withdrawn key the rows of its users."""
    page = dashboard.get("/_mock/ui/keys")
    blocks = page.root.xpath("//section[@aria-labelledby='withdrawn']/div[@class='block']")
    return [[" ".join(row.text_content().split()) for row in block.xpath(".//tbody/tr")] for block in blocks]


@pytest.mark.parametrize("names_its_key", [True, False])
def test_a_withdrawn_key_is_shown_with_who_still_uses_it(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str, names_its_key: bool
) -> None:
    api.login(ksef_token)
    request = api.token_request(ksef_token) | ({} if names_its_key else {"publicKeyId": None})
    assert withdrawn(dashboard) == []
    ksef_mock.clock.advance(60)
    press(dashboard, "keys", do="emergency", usage="KsefTokenEncryption")
    ((before,),) = withdrawn(dashboard)
    assert f"Nip {NIP} 1" in before
    assert before.endswith("not used")
    ksef_mock.clock.advance(60)
    answer = api.call(
        "POST",
        "/auth/ksef-token",
        json={name: value for name, value in request.items() if value is not None},
        headers={"User-Agent": "erp/7"},
    )
    assert answer.status_code == (400 if names_its_key else 202)
    ((after,),) = withdrawn(dashboard)
    assert "erp/7" in after
    assert f"Nip {NIP} 2" in after
    assert after.endswith("still used")
    refused = ksef_mock.journal.last("/auth/ksef-token")
    reasons = [refused.reason or "", *(each.reason for each in refused.decisions)]
    assert any(", withdrawn 20" in reason for reason in reasons)


def test_a_session_for_a_withdrawn_key_names_it(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    erp = Erp(api, api.login(ksef_token).access_token)
    body, _ = erp.opening(publicKeyId=None)
    press(dashboard, "keys", do="emergency", usage="SymmetricKeyEncryption")
    assert erp.call("POST", "/sessions/online", json=body).status_code == 201
    ((user,),) = withdrawn(dashboard)
    assert f"Nip {NIP}" in user
    assert user.endswith("still used")
    (failed,) = (each for each in ksef_mock.journal.last("/online").decisions if each.outcome == "failed")
    assert "it is encrypted for the key" in failed.reason


def test_only_so_many_withdrawn_keys_are_remembered_until_a_reset(
    ksef_mock: MockServer, dashboard: Dashboard
) -> None:
    press(dashboard, "keys", do="recertify", usage="KsefTokenEncryption")
    assert withdrawn(dashboard) == []
    for _ in range(9):
        press(dashboard, "keys", do="emergency", usage="KsefTokenEncryption")
    assert len(withdrawn(dashboard)) == 8
    press(dashboard, "reset")
    assert withdrawn(dashboard) == []


# -- faults -----------------------------------------------------------------------------------------------


def test_each_preset_acts(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    page = dashboard.get("/_mock/ui/faults")
    forms = page.root.xpath("//section[@aria-labelledby='presets']//form")
    assert len(forms) >= 4
    for form in forms:
        press(dashboard, "faults", **dict(form.form_values()))
    effects = dashboard.get("/_mock/ui/faults").all("//table//tbody/tr/th")
    assert len(effects) == len(forms)
    assert "status 503" in effects
    assert "the issuer's OCSP does not answer" in effects


def test_a_fault_that_is_filled_in_acts_until_it_is_spent(dashboard: Dashboard, api: Api) -> None:
    press(
        dashboard,
        "faults",
        do="add",
        effect="status",
        status="400",
        code="21111",
        path="/auth/*",
        method="POST",
        times="1",
        delaySeconds="2",
    )
    assert api.http.post("/auth/challenge").status_code == 400
    assert api.http.post("/auth/challenge").status_code == 200
    (row,) = dashboard.get("/_mock/ui/faults").all("//table//tbody/tr")
    for shown in ("status 400, 21111", "POST /auth/*", "the next 1", "acted on 1 of", "spent"):
        assert shown in row


@pytest.mark.parametrize(
    ("fields", "effect"),
    [
        ({"effect": "rateLimit", "rateLimit": "7"}, "429, Retry-After 7 s"),
        ({"effect": "delay", "delaySeconds": "0.5"}, "delayed by 0.5 s"),
        ({"effect": "cut"}, "connection cut"),
        ({"effect": "outcome", "outcome": "450|Token nieaktywny"}, "the login ends in 450, Token nieaktywny"),
        ({"effect": "outcome", "outcome": "500|"}, "the login ends in 500"),
        (
            {"effect": "outcome", "outcome": "410|", "path": "/permissions/*"},
            "the change of permissions ends in 410",
        ),
        ({"effect": "outcome", "outcome": "210|", "path": "/invoices/exports"}, "the export ends in 210"),
        ({"effect": "outcome", "outcome": "500|", "path": "/sessions/online/*"}, "the invoice ends in 500"),
        ({"effect": "outcome", "outcome": "500|", "path": "/sessions/batch/*"}, "the package ends in 500"),
        ({"effect": "hold", "holdPolls": "2"}, "the login stays at 100 for 2 polls and 0 s"),
        ({"effect": "ocspDown"}, "the issuer's OCSP does not answer"),
        ({"effect": "name", "name": "firewall"}, "403 Request blocked, by the firewall"),
        ({"effect": "status", "status": "403", "code": "ip-not-allowed"}, "status 403, ip-not-allowed"),
    ],
)
def test_every_effect_can_be_filled_in(dashboard: Dashboard, fields: dict[str, str], effect: str) -> None:
    press(dashboard, "faults", do="add", **({"path": "*", "every": "2"} | fields))
    (row,) = dashboard.get("/_mock/ui/faults").all("//table//tbody/tr")
    assert effect in row
    assert "each 2. request" in row


def test_faults_are_removed_one_by_one_and_all_at_once(dashboard: Dashboard) -> None:
    for _ in range(3):
        press(dashboard, "faults", do="add", effect="cut")
    page = dashboard.get("/_mock/ui/faults")
    first = page.root.xpath("//button[@name='id']/@value")[0]
    press(dashboard, "faults", do="remove", id=first)
    assert len(dashboard.get("/_mock/ui/faults").all("//table//tbody/tr")) == 2
    press(dashboard, "faults", 400, do="remove", id=first)
    press(dashboard, "faults", do="clear")
    assert "None: everything works." in dashboard.get("/_mock/ui/faults").text


@pytest.mark.parametrize(
    "fields",
    [
        {"effect": "status"},
        {"effect": "status", "status": "many"},
        {"effect": "status", "status": "200000000000"},
        {"effect": "status", "status": "503", "code": "21111"},
        {"effect": "delay", "delaySeconds": "long"},
        {"effect": "delay", "delaySeconds": "nan"},
        {"effect": "outcome", "outcome": "42|x"},
        {"effect": "outcome", "outcome": "210|", "path": "/auth/*"},
        {"effect": "hold"},
        {"effect": "cut", "times": "0"},
        {"effect": "cut", "path": "auth"},
        {"effect": "everything"},
        {},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(dashboard: Dashboard, fields: dict[str, str]) -> None:
    assert "Not done" in press(dashboard, "faults", 400, do="add", **fields).text
    assert "None: everything works." in dashboard.get("/_mock/ui/faults").text


def test_a_login_that_a_fault_ended_says_so(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    press(dashboard, "faults", do="add", effect="outcome", outcome="450|Token nieaktywny", path="/auth/*")
    api.submit(api.token_request(ksef_token))
    (row,) = dashboard.get().all("//tbody/tr")
    assert "Token nieaktywny" in row
    assert "the login ends in 450" in row


# -- tokens, coverage, reset ------------------------------------------------------------------------------


def test_a_token_is_issued_and_shown_once(dashboard: Dashboard, api: Api) -> None:
    fields = {"nip": OTHER_NIP, "permission": ["InvoiceRead", "InvoiceWrite"]}
    response = press(dashboard, "tokens", 201, **fields)
    token = response.text.partition('<code id="token">')[2].partition("<")[0]
    assert token.split("|")[1] == f"nip-{OTHER_NIP}"
    assert api.login(token, nip=OTHER_NIP)
    for path in ("/_mock/", "/_mock/ui/tokens", "/_mock/ui/requests?kind=all"):
        assert token not in dashboard.get(path).text


@pytest.mark.parametrize(
    "fields",
    [
        {"nip": "123", "permission": "InvoiceRead"},
        {"nip": NIP},
        {"nip": NIP, "permission": "Everything"},
        {"nip": '"><script>', "permission": "InvoiceRead"},
    ],
)
def test_a_token_that_makes_no_sense_is_refused_in_the_form(
    dashboard: Dashboard, fields: dict[str, str]
) -> None:
    response = press(dashboard, "tokens", 400, **fields)
    assert 'role="alert"' in response.text
    assert "<script>" not in response.text


def test_coverage_lists_every_operation(dashboard: Dashboard) -> None:
    page = dashboard.get("/_mock/ui/coverage")
    coverage = dashboard.http.get("/_mock/coverage").json()
    assert f"{coverage['simulated']} of the {coverage['total']} operations" in page.text
    assert len(page.all("//ul[contains(@class, 'operations')]/li")) == coverage["total"]
    assert "simulated: POST /auth/challenge" in " ".join(page.all("//li"))


def test_reset_forgets_everything(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    api.login(ksef_token)
    ksef_mock.clock.advance(3_600)
    back = press(dashboard, "reset", next="/_mock/ui/keys")
    assert back.headers["location"] == "/_mock/ui/keys?done=reset"
    assert "No logins yet" in dashboard.get().text
    assert dashboard.get().all("//span[@id='offset'][not(@hidden)]") == []


@pytest.mark.parametrize("form", ["clock", "keys", "faults", "tokens", "reset"])
def test_a_form_with_too_many_fields_is_refused(dashboard: Dashboard, form: str) -> None:
    body = "&".join(f"f{number}=x" for number in range(500))
    response = dashboard.http.post(
        f"/_mock/ui/{form}", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert response.status_code == 400
