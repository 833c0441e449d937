"""Without a control token no web page can use a developer's browser to drive the mock."""

from __future__ import annotations

import httpx
import pytest

from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.settings import Settings
from tests.control.test_control import answer

RESET = ("POST", "/_mock/reset")


def reset(headers: dict[str, str], settings: Settings | None = None) -> httpx.Response:
    return answer(settings or Settings(), "127.0.0.1", *RESET, headers={"Host": "localhost:8080", **headers})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST.:8080",
        "mock.localhost",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]:8080",
        "192.0.2.1:8080",
        "api-test.ksef.mf.gov.pl",
        "ksef-test.mf.gov.pl",
    ],
)
def test_hosts_that_nobody_else_can_own(host: str) -> None:
    assert reset({"Host": host}).status_code == 204


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "evil-mf.gov.pl",
        "mock",
        "[::1",
        "localhost@evil.example",
        "0x7f.1",
    ],
)
@pytest.mark.parametrize(("method", "path"), [RESET, ("GET", "/_mock/journal")])
def test_names_that_point_here_without_being_ours_are_refused(method: str, path: str, host: str) -> None:
    response = answer(Settings(), "127.0.0.1", method, path, headers={"Host": host})
    assert (response.status_code, response.json()["reasonCode"]) == (403, "security-service-blocked")
    assert "localhost" in response.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://LOCALHOST:8080", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_the_mocks_own_pages_and_programs_may_give_orders(headers: dict[str, str]) -> None:
    assert reset(headers).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:8080.evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8080"},
    ],
)
def test_pages_of_other_sites_may_not(headers: dict[str, str]) -> None:
    response = reset(headers)
    assert (response.status_code, response.json()["reasonCode"]) == (403, "security-service-blocked")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
@pytest.mark.parametrize(
    "path", ["/_mock/clock/advance", "/_mock/faults", "/_mock/tokens", "/_mock/keys/rotate"]
)
def test_orders_are_json_which_no_form_can_send(path: str, content_type: str) -> None:
    response = answer(
        Settings(),
        "127.0.0.1",
        "POST",
        path,
        content=b'{"seconds": 1}',
        headers={"Content-Type": content_type},
    )
    assert response.status_code == 415


def test_no_answer_lets_other_sites_read_it() -> None:
    response = answer(
        Settings(), "127.0.0.1", "GET", "/_mock/journal", headers={"Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in response.headers


def test_with_a_control_token_the_token_decides() -> None:
    settings = Settings(control_token="secret")
    headers = {"Host": "mock.example", "Origin": "https://other.example"}
    assert reset(headers, settings).status_code == 401
    assert reset(headers | {"X-Mock-Control-Token": "secret"}, settings).status_code == 204


def test_health_has_any_name() -> None:
    response = answer(Settings(), "127.0.0.1", "GET", "/_mock/health", headers={"Host": "mock.example"})
    assert response.status_code == 200


@pytest.mark.parametrize("token", ["", " secret", "secret ", "hasło", "a\nb", " "])
def test_a_control_token_that_no_header_can_carry_is_refused_at_the_start(token: str) -> None:
    with pytest.raises(ValueError, match="control token"):
        Settings(control_token=token)


SUBJECT = {"subjectNip": "5265877635", "subjectType": "VatGroup", "description": "Grupa"}


@pytest.mark.parametrize(
    ("host", "client", "settings", "status"),
    [
        ("127.0.0.1:8080", "127.0.0.1", Settings(), 200),
        ("localhost", "::1", Settings(), 200),
        ("api-test.ksef.mf.gov.pl", "127.0.0.1", Settings(), 200),
        ("evil.example", "127.0.0.1", Settings(), 403),
        ("evil.example:8080", "::ffff:127.0.0.1", Settings(), 403),
        ("ksef-mock:8080", "172.18.0.5", Settings(), 200),  # of another container: by the service's name
        ("mock.example", "127.0.0.1", Settings(control_token="secret"), 200),  # behind a proxy
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v2/testdata/subject", SUBJECT),
        ("POST", "/v2/testdata/subject/remove", {"subjectNip": "5265877635"}),
    ],
)
def test_test_data_obey_no_page_that_lets_its_name_point_here(
    method: str, path: str, body: dict[str, str], host: str, client: str, settings: Settings, status: int
) -> None:
    response = answer(settings, client, method, path, json=body, headers={"Host": host})
    assert response.status_code == status
    if status == 403:
        assert response.json()["reasonCode"] == "security-service-blocked"


def test_every_operation_on_test_data_is_guarded_so() -> None:
    for operation in OPERATIONS:
        if operation.path.startswith("/testdata/"):
            path = f"/v2{operation.path}".replace("{serialNumber}", "0" * 16)
            headers = {"Host": "evil.example", "Authorization": "Bearer x"}
            response = answer(Settings(), "127.0.0.1", operation.method, path, json={}, headers=headers)
            assert response.status_code in (401, 403), operation
            assert response.status_code == 403 or operation.bearer, operation
