"""Answers are checked against the official document wherever it is at hand; here: that the check bites."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from tests import openapi
from tests.support import Api

pytestmark = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)


def altered(response: httpx.Response, body: Any = None, **changes: Any) -> httpx.Response:
    """The same answer with another body, status or content type."""
    content = response.content if body is None else json.dumps(body).encode()
    headers = {"content-type": changes.get("media_type", response.headers["content-type"])}
    return httpx.Response(
        changes.get("status", response.status_code),
        headers=headers,
        content=content,
        request=response.request,
    )


@pytest.fixture
def challenge(api: Api) -> httpx.Response:
    response = api.call("POST", "/auth/challenge")
    openapi.check(response)
    return response


@pytest.mark.parametrize(
    "change",
    [
        {"challenge": None},
        {"challenge": "short"},
        {"timestamp": "2026-01-01T12:00:00Z"},
        {"timestamp": "2026-01-01T12:00:00.1234560+00:00"},
        {"timestampMs": "1"},
        {"clientIp": 5},
    ],
)
def test_wrong_member_is_noticed(challenge: httpx.Response, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        openapi.check(altered(challenge, challenge.json() | change))


def test_missing_member_is_noticed(challenge: httpx.Response) -> None:
    body = challenge.json()
    del body["timestampMs"]
    with pytest.raises(ValidationError):
        openapi.check(altered(challenge, body))


@pytest.mark.parametrize("status", [201, 204, 418, 500])
def test_undocumented_status_is_noticed(challenge: httpx.Response, status: int) -> None:
    with pytest.raises(AssertionError, match="not documented"):
        openapi.check(altered(challenge, status=status))


def test_undocumented_content_type_is_noticed(challenge: httpx.Response) -> None:
    with pytest.raises(AssertionError, match="not documented"):
        openapi.check(altered(challenge, media_type="text/html"))


def test_every_operation_of_a_login_is_in_the_document(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    for method, path in (
        ("POST", "/auth/challenge"),
        ("GET", "/security/public-key-certificates"),
        ("POST", "/auth/ksef-token"),
        ("POST", "/auth/xades-signature"),
        ("GET", f"/auth/{login.reference}"),
        ("POST", "/auth/token/redeem"),
        ("POST", "/auth/token/refresh"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/current"),
        ("GET", "/limits/context"),
        ("GET", "/rate-limits"),
    ):
        assert openapi._operation(method, path) is not None
