"""The suite would not call the real system wrong: each of its recorded answers has the suite's shapes."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract_tests.common.exchange import Exchange
from contract_tests.server import shapes
from contract_tests.server.expect import Failed
from contract_tests.server.reply import Reply

_RECORDINGS = Path(__file__).parents[4] / "shared" / "field" / "recordings.json"
_DIGEST = base64.b64encode(bytes(32)).decode()
#: Members that are younger than the recordings -> a value of theirs.
_YOUNGER: dict[str, dict[str, Any]] = {
    "challenge": {"clientIp": "198.51.100.1"},
    "usage": {"certificateId": _DIGEST, "publicKeyId": _DIGEST},
    "authenticationMethod": {
        "authenticationMethodInfo": {"category": "Token", "code": "token.ksef", "displayName": "Token KSeF"}
    },
}
#: Method and path -> status and shape of the answer.
_SHAPES: dict[tuple[str, str], tuple[int, shapes.Shape | None]] = {
    ("POST", "/v2/auth/challenge"): (200, shapes.CHALLENGE),
    ("GET", "/v2/security/public-key-certificates"): (200, shapes.PUBLIC_KEYS),
    ("POST", "/v2/auth/ksef-token"): (202, shapes.STARTED),
    ("GET", "/v2/auth/{reference}"): (200, shapes.OPERATION_STATUS),
    ("POST", "/v2/auth/token/redeem"): (200, shapes.TOKENS),
    ("POST", "/v2/sessions/online"): (201, shapes.SESSION_OPENED),
    ("POST", "/v2/sessions/online/{reference}/invoices"): (202, shapes.INVOICE_SENT),
    ("POST", "/v2/sessions/online/{reference}/close"): (204, None),
}
_REFERENCE = re.compile(shapes.REFERENCE % "[A-Z]{2}")


def recordings() -> list[dict[str, Any]]:
    if not _RECORDINGS.exists():
        return []
    answers: list[dict[str, Any]] = json.loads(_RECORDINGS.read_text("utf-8"))["answers"]
    return answers


def replayed(answer: dict[str, Any]) -> Reply:
    """The recorded answer as the suite would have received it."""
    body = answer["body"]
    headers = {"content-type": answer["contentType"]} if answer["contentType"] else {}
    response = httpx.Response(
        answer["status"],
        headers=headers,
        content=b"" if body is None else json.dumps(completed(body)).encode(),
        request=httpx.Request(answer["method"] or "GET", f"https://ksef.example{answer['path']}"),
    )
    return Reply(response, Exchange.of(response, 1.0))


def completed(body: Any) -> Any:
    """A body with the members that came later, and with whole Base64 where a recording was cut."""
    if isinstance(body, list):
        return [completed(each) for each in body]
    if not isinstance(body, dict):
        return body
    young = {
        name: value for mark, members in _YOUNGER.items() if mark in body for name, value in members.items()
    }
    whole = {"certificate": _DIGEST} if str(body.get("certificate", "")).endswith("…") else {}
    return young | body | whole


@pytest.mark.skipif(not recordings(), reason="the recorded answers are not here")
@pytest.mark.parametrize(
    "answer", recordings(), ids=lambda answer: f"{answer['source'][:40]} {answer['path']} {answer['status']}"
)
def test_no_recorded_answer_is_called_wrong(answer: dict[str, Any]) -> None:
    reply = replayed(answer)
    path = _REFERENCE.sub("{reference}", answer["path"])
    if answer["status"] < 300:
        reply.answers(*_SHAPES[answer["method"], path])
    elif answer["status"] == 400:
        entry = answer["body"]["exception"]["exceptionDetailList"][0]
        reply.refused(entry["exceptionCode"], *entry.get("details", []))
    else:
        reply.failed(answer["status"])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"title": "Not Found", "status": 404}),
        (403, {"title": "Request blocked", "status": 403, "security": {}}),
        (500, {"exception": {"exceptionDetailList": [], "serviceCode": "0", "timestamp": "now"}}),
        (500, {"message": "no"}),
    ],
)
def test_an_error_of_no_known_form_is_called_wrong(status: int, body: dict[str, Any]) -> None:
    answer = {"method": "", "path": "", "status": status, "contentType": "application/json", "body": body}
    with pytest.raises(Failed):
        replayed(answer).failed(status)


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("2025-09-29T06:03:19+00:00", True),
        ("2026-01-19T15:59:14.1+00:00", True),
        ("2026-01-19T15:59:14.0799299+00:00", True),
        ("2026-01-19T15:59:14.07992991+00:00", False),
        ("2026-01-19T15:59:14.+00:00", False),
        ("2026-01-19T15:59:14.0799299Z", False),
        ("2026-01-19T15:59:14.0799299", False),
        ("2026-02-30T15:59:14+00:00", False),
    ],
)
def test_dates_have_up_to_seven_digits(text: str, is_right: bool) -> None:
    try:
        shapes.timestamp(text, "date")
    except Failed:
        assert not is_right
    else:
        assert is_right
