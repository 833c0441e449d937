"""Reading of HTTP answers: into models, or into errors from either of KSeF's two formats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from ksef_client_min.errors import (
    KsefApiError,
    KsefForbiddenError,
    KsefProtocolError,
    KsefRateLimitError,
    KsefUnauthorizedError,
    Problem,
)

T = TypeVar("T")

_ERRORS: dict[int, type[KsefApiError]] = {
    401: KsefUnauthorizedError,
    403: KsefForbiddenError,
    429: KsefRateLimitError,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Header names are in lower case; the body may hold tokens and is in no repr."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def decode(reply: Reply, model: type[T]) -> T:
    """The body of a successful answer.

    Raises:
        KsefProtocolError: it is not JSON (XML for `bytes`), or not of the documented shape.
    """
    if model is bytes:
        if reply.media_type not in ("application/xml", "text/xml", "application/octet-stream"):
            raise KsefProtocolError(
                f"HTTP {reply.status} with content type {reply.media_type or '(none)'!r}, not application/xml"
            )
        return reply.body  # type: ignore[return-value]  # T is bytes
    if reply.media_type != "application/json":
        raise KsefProtocolError(
            f"HTTP {reply.status} with content type {reply.media_type or '(none)'!r}, not application/json"
        )
    try:
        return msgspec.json.decode(reply.body, type=model)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KsefProtocolError(f"HTTP {reply.status} with an unexpected body: {error}") from None


def error_of(reply: Reply) -> KsefApiError | None:
    """The error that an answer stands for; None for 2xx.

    Raises:
        KsefProtocolError: a redirect, which KSeF never sends and which is not followed.
    """
    status = reply.status
    if 200 <= status < 300:
        return None
    if status < 400:
        raise KsefProtocolError(f"HTTP {status}, a redirect to {reply.headers.get('location', '?')[:200]!r}")
    body = _json_object(reply)
    return _ERRORS.get(status, KsefApiError)(
        status,
        _problems(body, reply),
        body=reply.body,
        trace_id=_trace_id(body, reply),
        retry_after=_seconds(reply.headers.get("retry-after")),
        reason_code=_text(body.get("reasonCode")),
    )


def _json_object(reply: Reply) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _problems(body: dict[str, Any], reply: Reply) -> list[Problem]:
    exception = body.get("exception")
    entries = exception.get("exceptionDetailList") if isinstance(exception, dict) else body.get("errors")
    entries = entries if isinstance(entries, list) else []
    found = [_problem(entry) for entry in entries if isinstance(entry, dict)]
    if found:
        return found
    status = body.get("status")
    if isinstance(status, dict):  # 429
        return [_problem({"code": 0, **status})]
    # Last, what the storage of parts says, in XML.
    text = _text(body.get("detail")) or _text(body.get("title")) or _message(reply)
    return [Problem(0, text or f"no explanation in the answer ({reply.media_type or 'no content type'})")]


def _message(reply: Reply) -> str | None:
    found = re.search(rb"<Message>([^<]{1,500})</Message>", reply.body[:4_096])
    return found[1].decode("utf-8", "replace") if found and reply.media_type == "application/xml" else None


def _problem(entry: dict[str, Any]) -> Problem:
    code = entry.get("exceptionCode", entry.get("code"))
    description = entry.get("exceptionDescription", entry.get("description"))
    details = entry.get("details")
    return Problem(
        code if isinstance(code, int) else 0,
        _text(description) or "",
        tuple(str(detail) for detail in details) if isinstance(details, list) else (),
    )


def _trace_id(body: dict[str, Any], reply: Reply) -> str | None:
    exception = body.get("exception")
    legacy = exception.get("serviceCode") if isinstance(exception, dict) else None
    return _text(body.get("traceId")) or _text(legacy) or reply.headers.get("x-request-id")


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
