"""Errors of HTTP itself, the two formats, headers; and that nothing makes the mock answer 5xx."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.testing import MockServer
from tests.support import Api, b64, error

_SECOND = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
DATE = re.compile(_SECOND + r"(?:\.\d{0,6}[1-9])?\+00:00")
LEGACY_DATE = re.compile(_SECOND + r"\.\d{7}Z")


@pytest.fixture
def refused(api: Api, ksef_token: str) -> dict[str, object]:
    return api.token_request(ksef_token, challenge={"challenge": "x" * 36, "timestampMs": 0})


def test_400_comes_in_the_legacy_format_by_default(api: Api, refused: dict[str, object]) -> None:
    response = api.submit(refused)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    exception = response.json()["exception"]
    assert list(exception) == ["exceptionDetailList", "serviceCode", "timestamp"]
    assert exception["exceptionDetailList"] == [
        {"exceptionCode": 21111, "exceptionDescription": "Nieprawidłowe wyzwanie autoryzacyjne."}
    ]
    assert LEGACY_DATE.fullmatch(exception["timestamp"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", exception["serviceCode"])


@pytest.mark.parametrize("wish", ["problem-details", "Problem-Details"])
def test_400_comes_as_problem_json_when_asked_for(api: Api, refused: dict[str, object], wish: str) -> None:
    response = api.call("POST", "/auth/ksef-token", json=refused, headers={"X-Error-Format": wish})
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["title"], body["status"], body["detail"]) == (
        "Bad Request",
        400,
        "Żądanie jest nieprawidłowe.",
    )
    assert body["instance"] == "/v2/auth/ksef-token"
    assert body["errors"] == [{"code": 21111, "description": "Nieprawidłowe wyzwanie autoryzacyjne."}]
    assert re.fullmatch("[0-9a-f]{32}", body["traceId"])
    assert DATE.fullmatch(body["timestamp"])


def test_any_other_wish_for_a_format_means_the_legacy_one(api: Api, refused: dict[str, object]) -> None:
    response = api.call("POST", "/auth/ksef-token", json=refused, headers={"X-Error-Format": "legacy"})
    assert "exception" in response.json()


def test_trace_id_leads_to_the_journal_entry(
    ksef_mock: MockServer, api: Api, refused: dict[str, object]
) -> None:
    response = api.call(
        "POST", "/auth/ksef-token", json=refused, headers={"X-Error-Format": "problem-details"}
    )
    entry = ksef_mock.journal.last()
    assert entry.trace_id == response.json()["traceId"]
    assert (entry.code, entry.reason) == (21111, "challenge: malformed, or its checksum is wrong")


@pytest.mark.parametrize(
    "path",
    ["/", "/v2", "/v2/", "/v2/nowhere", "/v3/auth/challenge", "/auth/challenge", "/v2/auth/challenge/"],
)
def test_unknown_route_is_404_problem_json(ksef_mock: MockServer, path: str) -> None:
    response = httpx.post(ksef_mock.url + path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", body.pop("traceId"))
    assert body == {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.5",
        "title": "Not Found",
        "status": 404,
    }


def of_framework(response: httpx.Response) -> tuple[str, str]:
    """Section of RFC 9110 and title of what ASP.NET answers by itself, which has no members of KSeF's own."""
    body = response.json()
    assert list(body) == ["type", "title", "status", "traceId"]
    assert body["status"] == response.status_code
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", body["traceId"])
    address, _, section = body["type"].rpartition("#section-")
    assert address == "https://tools.ietf.org/html/rfc9110"
    return section, body["title"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth/challenge", {"POST"}),
        ("PUT", "/auth/ksef-token", {"POST"}),
        ("GET", "/auth/token/redeem", {"POST"}),
        ("POST", "/auth/sessions", {"GET", "HEAD"}),
        ("GET", "/auth/sessions/current", {"DELETE"}),
        ("DELETE", "/security/public-key-certificates", {"GET", "HEAD"}),
        ("POST", "/auth/20250514-AU-2DFC46C000-3AC6D5877F-D4", {"GET", "HEAD"}),
    ],
)
def test_wrong_method_is_405_and_says_which_are_allowed(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    response = api.call(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    assert of_framework(response) == ("15.5.6", "Method Not Allowed")


@pytest.mark.parametrize("accept", ["application/pdf", "image/png, text/plain;q=0.5"])
def test_accept_of_nothing_that_ksef_has_is_406_without_a_body(
    ksef_mock: MockServer, api: Api, accept: str
) -> None:
    response = api.http.post("/auth/challenge", headers={"Accept": accept})
    assert (response.status_code, response.content) == (406, b"")
    assert accept in (ksef_mock.journal.last().reason or "")
    assert api.http.get(f"{ksef_mock.url}/_mock/health", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "accept",
    ["application/json", "application/xml", "text/XML", "*/*", "application/*", "", "a/b, */*"],
)
def test_every_accept_that_clients_send_is_answered(api: Api, accept: str) -> None:
    assert api.call("POST", "/auth/challenge", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "", "application/x-www-form-urlencoded"]
)
def test_wrong_content_type_is_415(api: Api, content_type: str) -> None:
    response = api.call("POST", "/auth/ksef-token", content=b"{}", headers={"Content-Type": content_type})
    assert response.status_code == 415
    assert of_framework(response) == ("15.5.16", "Unsupported Media Type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_content_type_may_have_parameters_and_any_case(api: Api, content_type: str) -> None:
    response = api.call("POST", "/auth/ksef-token", content=b"{}", headers={"Content-Type": content_type})
    assert error(response)[0] == 21405


def test_body_up_to_the_limit_is_read(ksef_mock: MockServer, api: Api) -> None:
    body = b"{" + b" " * (ksef_mock.settings.max_body - 2) + b"}"
    response = api.call(
        "POST", "/auth/ksef-token", content=body, headers={"Content-Type": "application/json"}
    )
    assert error(response)[0] == 21405


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/auth/ksef-token", "/auth/challenge"])
def test_body_over_the_limit_is_413(ksef_mock: MockServer, api: Api, chunked: bool, path: str) -> None:
    body = b" " * (ksef_mock.settings.max_body + 1)
    content = (part for part in (body[:70_000], body[70_000:])) if chunked else body
    response = api.call("POST", path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 413


def test_system_warning_is_echoed_on_test_in_ascii(api: Api) -> None:
    response = api.call(
        "POST", "/auth/challenge", headers={"X-Test-System-Warning": "[W1]: Żółta łódź | [W2]: b".encode()}
    )
    assert response.headers["x-system-warning"] == "[W1]: Zolta lodz | [W2]: b"


def test_no_system_warning_without_being_asked(api: Api) -> None:
    assert "x-system-warning" not in api.call("POST", "/auth/challenge").headers


def test_system_warning_is_not_echoed_elsewhere() -> None:
    with MockServer(profile="prod") as mock:
        response = httpx.post(f"{mock.url}/v2/auth/challenge", headers={"X-Test-System-Warning": "[W]: x"})
    assert "x-system-warning" not in response.headers


def test_connection_survives_errors(api: Api) -> None:
    for _ in range(3):
        assert api.call("GET", "/nowhere").status_code == 404
    assert api.call("POST", "/auth/challenge").status_code == 200


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
members = ("challenge", "contextIdentifier", "encryptedToken", "publicKeyId", "authorizationPolicy")
fuzz = settings(max_examples=60)


@fuzz
@given(body=st.dictionaries(st.sampled_from(members) | st.text(max_size=8), json_values, max_size=6))
def test_any_json_object_gets_a_documented_answer(api: Api, body: dict[str, object]) -> None:
    assert api.submit(body).status_code in (202, 400)


@fuzz
@given(content=st.binary(max_size=300))
def test_any_bytes_get_a_documented_answer(api: Api, content: bytes) -> None:
    response = api.call(
        "POST", "/auth/ksef-token", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400


@fuzz
@given(ciphertext=st.binary(min_size=1, max_size=400))
def test_any_ciphertext_gets_a_documented_answer(api: Api, ksef_token: str, ciphertext: bytes) -> None:
    body = api.token_request(ksef_token, encryptedToken=b64(ciphertext))
    assert api.status(api.submit(body))["code"] == 450


@fuzz
@given(
    token=st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=200
    )
)
def test_any_bearer_token_gets_401(api: Api, token: str) -> None:
    header = b"Bearer" + b" " * bool(token) + token.encode("latin-1")
    response = api.call("GET", "/limits/context", headers={"Authorization": header})
    assert response.status_code == 401
