"""The evidence: requests with their answers, as they are kept in a report."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from contract_tests.common.masking import masked_body, masked_headers

#: Characters of a body that a report keeps.
LONGEST_BODY = 8_000

_TEXT_TYPES = ("json", "xml", "text", "html")
#: What differs between two runs of the same requirement, and what stands for it in a comparison.
_VOLATILE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[0-9]{8}-[A-Z]{2}-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}"), "{reference}"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]{5})?"), "{time}"),
    (re.compile(r"[A-Za-z0-9+/]{43}="), "{sha256}"),
    (re.compile(r"\b[0-9A-Fa-f]{16,64}\b"), "{hex}"),
    (re.compile(r"\b[0-9]{10}\b"), "{nip}"),
)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer without its first line: headers, and the body as masked text."""

    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, secrets masked."""

    method: str
    url: str
    status: int
    #: Milliseconds until the answer was complete.
    duration: float
    request: Message
    response: Message
    #: Codes and details of an error, or status of an operation, without what differs from run to run.
    outcome: str

    @classmethod
    def of(cls, response: httpx.Response, duration: float) -> Exchange:
        """The record of an answer and its request."""
        request = response.request
        return cls(
            request.method,
            str(request.url),
            response.status_code,
            round(duration, 1),
            message_of(request.headers.items(), request.content),
            message_of(response.headers.items(), response.content),
            _outcome(response),
        )

    @property
    def line(self) -> str:
        """`GET /v2/auth/sessions: 200`."""
        parts = urlsplit(self.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return f"{self.method} {path}: {self.status}"

    @property
    def fingerprint(self) -> str:
        """What is compared between two runs: request and answer without what differs each time."""
        return stable(f"{self.method} {urlsplit(self.url).path}: {self.status} {self.outcome}".strip())


def stable(text: str) -> str:
    """`text` without reference numbers, dates, identifiers of keys: what two runs have in common."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def message_of(headers: Collection[tuple[str, str]], content: bytes) -> Message:
    """What is kept of a request or an answer; of a body that is no text only its size."""
    content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    if not content:
        body = ""
    elif any(kind in content_type for kind in _TEXT_TYPES):
        body = masked_body(content.decode("utf-8", "replace"), content_type)
    else:
        body = f"({len(content)} octets of {content_type or 'no declared type'})"
    if len(body) > LONGEST_BODY:
        body = f"{body[:LONGEST_BODY]}\n… ({len(body) - LONGEST_BODY} more characters)"
    return Message(tuple(masked_headers(headers)), body)


def parsed(body: str | bytes) -> Any:
    """What a body of JSON says; None if it is not JSON, or nested deeper than anybody reads."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _outcome(response: httpx.Response) -> str:
    if "json" not in response.headers.get("content-type", ""):
        return ""
    body = parsed(response.content)
    return "; ".join(_codes(body)) if isinstance(body, dict) else ""


def _codes(body: dict[str, Any]) -> list[str]:
    found: list[str] = []
    legacy = body.get("exception")
    entries = legacy.get("exceptionDetailList") if isinstance(legacy, dict) else None
    for entry in [*_members(entries), *_members(body.get("errors"))]:
        code = entry.get("exceptionCode", entry.get("code"))
        found.append(" ".join(map(str, [code, *_texts(entry.get("details"))])))
    status = body.get("status")
    if isinstance(status, dict):
        found.append(" ".join(map(str, [status.get("code"), *_texts(status.get("details"))])))
    if isinstance(body.get("reasonCode"), str):
        found.append(body["reasonCode"])
    if not found and isinstance(body.get("detail"), str):
        found.append(body["detail"])
    return found


def _members(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []
