"""The pages of logins over HTTP, as a browser without JavaScript sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ksef_mock.core.waiting import Delay
from ksef_mock.dashboard import formats
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed, submit
from tests.dashboard.support import HOSTILE, OWNER, Browse, Dashboard, Serve, refused_signature
from tests.support import NIP, OTHER_NIP, Api, altered, b64, encrypt

# -- the list ---------------------------------------------------------------------------------------------


def test_without_logins_the_page_says_how_to_make_one(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    page = dashboard.get()
    assert "No logins yet" in page.text
    assert ksef_mock.url in page.text


def test_a_login_is_one_row_from_challenge_to_refresh(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    api.limits(login.access_token)
    api.refresh(login.refresh_token)
    page = dashboard.get()
    (row,) = page.all("//tbody/tr")
    for shown in (f"Nip {NIP}", "Token KSeF · RSA-OAEP", "200", "Uwierzytelnianie zakończone sukcesem"):
        assert shown in row
    assert page.root.xpath("//tbody//a/@href") == [f"/_mock/ui/logins/{login.reference}"]


def test_a_failed_login_tells_the_code_and_the_true_cause(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    api.submit(api.token_request(altered(ksef_token)))
    (row,) = dashboard.get().all("//tbody/tr")
    assert "450" in row
    assert "Nieprawidłowy token" in row
    assert "was issued here" in row


def test_a_refused_submission_is_a_row_of_its_own(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    challenge = api.challenge()
    assert (
        api.submit(api.token_request(ksef_token, challenge=challenge, publicKeyId="x" * 44)).status_code
        == 400
    )
    assert api.submit(api.token_request(ksef_token, challenge=challenge)).status_code == 202
    accepted, refused = dashboard.get().all("//tbody/tr")
    assert "400 · 21470" in refused
    assert "unknown or withdrawn" in refused
    assert "200" in accepted
    assert "Same challenge" in dashboard.login(1).text


def test_a_challenge_with_which_nothing_was_submitted_is_a_row(dashboard: Dashboard, api: Api) -> None:
    api.challenge()
    (row,) = dashboard.get().all("//tbody/tr")
    assert "nothing submitted" in row


def test_a_body_that_is_no_json_is_an_attempt(dashboard: Dashboard, api: Api) -> None:
    api.call("POST", "/auth/ksef-token", content=b"{", headers={"Content-Type": "application/json"})
    (row,) = dashboard.get().all("//tbody/tr")
    assert "400 · 21001" in row
    assert "400 · 21001" in dashboard.login().text


def test_trouble_after_a_successful_login_shows_in_its_row(
    dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    assert api.redeem(login.authentication_token).status_code == 400
    (row,) = dashboard.get().all("//tbody/tr")
    assert "Redeem 400 · 21301" in row
    assert "zostały już pobrane" in dashboard.login().text


def test_an_expired_token_is_trouble_of_its_login_until_it_is_refreshed(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    ksef_mock.clock.advance(3_600)
    assert api.limits(login.access_token).status_code == 401
    assert "Use 401: JWT: ContextToken expired" in dashboard.get().all("//tbody/tr")[0]
    api.refresh(login.refresh_token)
    assert "Use 401" not in dashboard.get().all("//tbody/tr")[0]  # its number may have a 401 in it
    assert "401" in dashboard.login().all("//ol[@class='steps']")[0]


def test_a_login_under_way_shows_100_until_its_time_has_come(serve: Serve, browse: Browse) -> None:
    mock, api = serve(delay=Delay(seconds=5))
    mock.clock.freeze()
    dashboard = browse(mock)
    api.submit(api.token_request(mock.issue_token(NIP)))
    for badge, says in ("100", "Uwierzytelnianie w toku"), ("200", "Uwierzytelnianie zakończone sukcesem"):
        (row,) = dashboard.get().all("//tbody/tr")
        assert badge in row
        assert says in row
        mock.clock.advance(5)


def test_a_login_that_the_mock_has_forgotten_keeps_its_verdict(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    api.submit(api.token_request(altered(ksef_token)))
    ksef_mock.clock.advance(30 * 86_400)
    assert "450" in dashboard.get().all("//tbody/tr")[0]
    assert "operation forgotten" in dashboard.login().text


def test_a_login_whose_submission_has_left_the_journal_is_known_by_its_later_requests(
    serve: Serve, browse: Browse
) -> None:
    mock, api = serve(settings=Settings(journal_size=2))
    dashboard = browse(mock)
    login = api.login(mock.issue_token(NIP))
    (row,) = dashboard.get().all("//tbody/tr")
    assert "200" in row
    assert login.reference in dashboard.login().text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=1234567890", 1),
        ("q=5265877635", 3),
        ("q=nothing+like+it", 0),
        ("q=9105+xades", 1),
        ("q=digest+octets", 1),
        ("outcome=good", 1),
        ("outcome=bad", 2),
        ("outcome=wait", 0),
        ("outcome=bad&q=9105", 1),
        ("outcome=nonsense", 0),
    ],
)
def test_the_list_can_be_narrowed_down(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str, query: str, found: int
) -> None:
    api.login(ksef_token)
    refused_signature(ksef_mock, api)
    api.submit(api.token_request(ksef_token, nip=OTHER_NIP))
    assert len(dashboard.get(f"/_mock/?{query}").all("//tbody/tr")) == found


def test_a_trace_id_of_any_step_finds_the_login(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    api.login(ksef_token)
    trace_id = ksef_mock.journal.last("/auth/challenge").trace_id
    assert len(dashboard.get(f"/_mock/?q={trace_id}").all("//tbody/tr")) == 1


def test_looking_at_the_journal_does_not_fill_it(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    api.challenge()
    for path in ("/_mock/", "/_mock/ui/requests", "/_mock/ui/static/dashboard.css"):
        assert dashboard.http.get(path).status_code == 200
    assert [entry.path for entry in ksef_mock.journal] == ["/v2/auth/challenge"]


def test_the_cause_stands_before_what_ksef_says(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    refused_signature(ksef_mock, api)
    (row,) = dashboard.get().all("//tbody/tr")
    assert row.index("the digest is not that of") < row.index("Nieprawidłowy podpis.")


@pytest.mark.parametrize("path", ["no-such-page", "tokens/x", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"])
def test_a_page_that_there_is_not_is_404(dashboard: Dashboard, path: str) -> None:
    page = dashboard.get(f"/_mock/ui/{path}", status=404)
    assert "No such page" in page.text
    assert "<script>alert" not in page.response.text


# -- one login --------------------------------------------------------------------------------------------


def test_a_token_login_opens_into_its_steps_payload_and_claims(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    for _ in range(3):
        api.limits(login.access_token)
    page = dashboard.login()
    steps = page.all("//ol[@class='steps']/li//span[@class='label']")
    assert steps == ["Challenge", "Submission", "Status", "Redeem", "Use \N{MULTIPLICATION SIGN}3"]
    reference, context, secret = ksef_token.split("|")
    payload = page.all("//section[@aria-labelledby='payload']//dd")
    assert payload[0] == f"{reference}|{context}|{secret[:4]}…(64 characters) masked"
    assert payload[1].endswith("that of the challenge")
    assert payload[2] == "RSA-OAEP-SHA256"
    assert payload[3].startswith(api.public_keys()[0]["publicKeyId"])
    claims = page.all("//table[@class='claims']//td")
    assert f"{NIP} context" in claims
    assert "RefreshToken kind of token" in claims


def test_a_step_that_came_much_later_says_so(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    ksef_mock.clock.advance(3_600)
    api.refresh(login.refresh_token)
    assert dashboard.login().all("//li[@class='gap']") == ["1 h later"]
    ksef_mock.clock.advance(86_400)
    assert str(ksef_mock.journal.last("/auth/challenge").timestamp)[:10] in dashboard.get().text


@pytest.mark.parametrize(
    ("options", "layout"),
    [({}, "Java layout"), ({"tag_first": True, "hashed": True}, "C# layout")],
)
def test_the_layout_of_an_ec_login_is_named(
    serve: Serve, browse: Browse, options: dict[str, bool], layout: str
) -> None:
    mock, api = serve(token_key="ec")
    token, key, challenge = mock.issue_token(NIP), api.public_keys()[0], api.challenge()
    encrypted = encrypt(key, f"{token}|{challenge['timestampMs']}".encode(), **options)
    body = api.token_request(token, challenge=challenge, key=key, encryptedToken=b64(encrypted))
    assert api.status(api.submit(body))["code"] == 200
    assert f"EC · {layout}" in browse(mock).get().all("//tbody/tr")[0]


def test_a_wrong_timestamp_stands_beside_that_of_the_challenge(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    challenge = api.challenge()
    shifted = challenge | {"timestampMs": challenge["timestampMs"] // 1_000}
    api.submit(api.token_request(ksef_token, challenge=shifted))
    page = dashboard.login()
    assert "these are seconds" in page.all("//section[contains(@class, 'verdict')]")[0]
    payload = page.all("//section[@aria-labelledby='payload']//dd")
    assert payload[1].endswith(f"the challenge has {challenge['timestampMs']}")


def test_a_refused_signature_opens_into_its_report_with_the_failing_check_on_top(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    refused_signature(ksef_mock, api)
    page = dashboard.login()
    (verdict,) = page.all("//section[contains(@class, 'verdict')]")
    for shown in (
        "400 · 9105 Refused: references",
        "Nieprawidłowy podpis. · Nieprawidłowa wartość skrótu dla referencji wskazującej na element ''.",
        "reference '': the digest is not that of the",
        "Likely: white space between elements was added after signing",
        "<ContextIdentifier> ",
    ):
        assert shown in verdict
    checks = page.all("//section[@aria-labelledby='checks']//tbody/tr")
    assert [check for check in checks if "failed:" in check] == [checks[0]]
    # What passed is folded, in the order in which it counts.
    folded = page.all("//details[@id='passed-checks']//tbody/tr")
    assert folded[0].startswith("✓passed: encoding")
    assert page.all("//details[@id='passed-checks' and not(@open)]/summary") == [
        f"{len(folded)} checks passed"
    ]
    assert "serialNumber=TINPL-5265877635,CN=Jan Kowalski" in page.text
    assert "SHA-256" in page.text


def test_an_accepted_signature_has_its_report_too(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    assert submit(api, signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER))).status_code == 202
    page = dashboard.login()
    assert "Verification report" in page.text
    assert "failed:" not in page.text
    assert page.all("//section[@aria-labelledby='certificate']//dt")[:2] == ["Subject", "Issuer"]


def test_a_journal_that_processes_share_shows_the_same(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    mock, api = serve(settings=Settings(store=f"sqlite:{tmp_path / 'state'}"))
    dashboard = browse(mock)
    refused_signature(mock, api)
    login = api.login(
        mock.issue_token(NIP), authorizationPolicy={"allowedIps": {"ip4Addresses": ["127.0.0.1"]}}
    )
    accepted, refused = dashboard.get().all("//tbody/tr")
    assert "Uwierzytelnianie zakończone sukcesem" in accepted
    assert "400 · 9105" in refused
    assert "<ContextIdentifier> " in dashboard.login(1).all("//section[contains(@class, 'verdict')]")[0]
    page = dashboard.get(f"/_mock/ui/logins/{login.reference}")
    assert f"{NIP} context" in page.all("//table[@class='claims']//td")
    assert "that of the challenge" in page.all("//section[@aria-labelledby='payload']//dd")[1]
    assert page.all("//dt[.='IP policy']/following-sibling::dd") == ["127.0.0.1"]
    assert len(dashboard.get("/_mock/ui/requests").all("//tbody/tr")) == len(mock.journal)


@pytest.mark.parametrize("key", ["nothing", "20260101-AU-0123456789-ABCDEF0123-45", "%3Cscript%3E", "%00"])
def test_an_unknown_login_is_404(dashboard: Dashboard, key: str) -> None:
    assert "No such login" in dashboard.get(f"/_mock/ui/logins/{key}", status=404).text


# -- requests ---------------------------------------------------------------------------------------------


def test_requests_lead_to_decisions_and_facts(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    listed = dashboard.get("/_mock/ui/requests")
    paths = listed.all("//tbody/tr/th//code")
    assert paths[0] == "POST /v2/auth/token/redeem"
    assert paths[-1] == "POST /v2/auth/challenge"
    page = dashboard.get(listed.root.xpath("//tbody/tr[contains(., 'ksef-token')]/th/a/@href")[0])
    assert f"/_mock/ui/logins/{login.reference}" in page.links()
    assert "passed: decryption" in " ".join(page.all("//section[@aria-labelledby='decisions']//tr"))
    assert "RSA-OAEP-SHA256" in page.all("//section[@aria-labelledby='known']")[0]


def test_a_refused_request_has_its_cause_before_what_ksef_says(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api
) -> None:
    refused_signature(ksef_mock, api)
    listed = dashboard.get("/_mock/ui/requests")
    (row,) = listed.root.xpath("//tbody/tr[contains(@class, 'bad')]")
    why, says = row.xpath("td")[2:4]
    assert "the digest is not that of the" in why.text_content()
    assert (says.get("lang"), "Nieprawidłowy podpis." in says.text_content()) == ("pl", True)
    assert "Nieprawidłowy" not in why.text_content()
    page = dashboard.get(row.xpath("th/a/@href")[0])
    assert page.all("//section[contains(@class, 'verdict')]//h3") == ["Why", "KSeF says"]
    (folded,) = page.all("//details[@id='passed-checks' and not(@open)]/summary")
    assert folded.endswith("passed")


def test_a_page_that_there_is_not_leads_back(dashboard: Dashboard) -> None:
    for path in ("/_mock/ui/nothing", "/_mock/ui/requests/77", "/_mock/ui/logins/x"):
        page = dashboard.get(path, status=404)
        assert page.all("//main//h1")[0].startswith("No such")
        assert "/_mock/ui/faults" in page.links()
        assert page.root.xpath("//details[@id='clock']")


@pytest.mark.parametrize(("query", "found"), [("", 3), ("kind=errors", 1), ("kind=all", 4), ("q=21111", 1)])
def test_requests_can_be_narrowed_down(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str, query: str, found: int
) -> None:
    api.submit(api.token_request(ksef_token, challenge={"challenge": "x", "timestampMs": 1}))
    dashboard.http.post("/_mock/clock/advance", json={"seconds": 1})
    api.challenge()
    assert len(dashboard.get(f"/_mock/ui/requests?{query}").all("//tbody/tr")) == found


# -- hostile input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/_mock/", "/_mock/ui/requests?kind=all"])
def test_what_clients_send_is_never_markup(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str, path: str
) -> None:
    api.submit(api.token_request(ksef_token) | {"challenge": HOSTILE})
    api.submit(api.token_request(ksef_token, publicKeyId=HOSTILE.ljust(44)))
    api.submit(api.token_request(HOSTILE))
    api.call("GET", "/auth/" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    submit(api, b"<AuthTokenRequest><script>alert(1)</script></AuthTokenRequest>")
    pages = [dashboard.get(path)]
    pages += [dashboard.get(link) for link in pages[0].links() if "/ui/logins/" in link]
    assert any("<script>alert(1)</script>" in page.text for page in pages)
    for page in pages:
        assert "<script>alert" not in page.response.text
        assert [str(src) for src in page.root.xpath("//script/@src")] == ["/_mock/ui/static/dashboard.js"]
        assert page.root.xpath("//script[not(@src)]") == []


@pytest.mark.parametrize("path", ["/_mock/?q=", "/_mock/?outcome=", "/_mock/ui/requests?q=", "/_mock/?next="])
def test_a_hostile_query_is_never_markup(dashboard: Dashboard, path: str) -> None:
    page = dashboard.get(path + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%00%C3%28")
    assert "<script>alert" not in page.response.text


def test_no_page_shows_a_secret(
    ksef_mock: MockServer, dashboard: Dashboard, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    access = api.refresh(login.refresh_token).json()["accessToken"]["token"]
    secret = ksef_token.rpartition("|")[2]
    api.submit(api.token_request(ksef_token) | {"encryptedToken": ksef_token})
    pages = [dashboard.get(), dashboard.get("/_mock/ui/requests?kind=all")]
    pages += [dashboard.get(link) for link in pages[0].links() if "/ui/logins/" in link]
    assert len(pages) >= 3
    for page in pages:
        for text in (
            secret,
            secret[:12],
            *(
                jwt.rpartition(".")[2]
                for jwt in (login.access_token, login.refresh_token, login.authentication_token, access)
            ),
        ):
            assert text not in page.response.text


# -- formats ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0004, "0.4 ms"),
        (0.0123, "12 ms"),
        (3.44, "3.4 s"),
        (60, "1 min"),
        (245, "4 min 5 s"),
        (7_800, "2 h 10 min"),
        (694_800, "8 d 1 h"),
        (86_400 + 60, "1 d"),
        (-5.0, "-5.0 s"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, shown: str) -> None:
    assert formats.duration(seconds) == shown
