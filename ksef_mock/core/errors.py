"""Every error of KSeF that the mock can answer with, in one table, and its two wire formats.

Source of codes and texts: the response tables of the OpenAPI document (the path stands beside each group).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ksef_mock.clock import Instant, iso, iso_utc
from ksef_mock.core.codes import DESCRIPTIONS, REASON_DETAILS, Code, Reason

#: With the charset, as recorded on TEST; problem+json comes without.
JSON = "application/json; charset=utf-8"
PROBLEM_JSON = "application/problem+json"
_UNEXPECTED = "Wystąpił nieoczekiwany błąd."


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where and when an error occurred: what both formats need beyond the error itself."""

    path: str
    trace_id: str  # 32 hex digits
    moment: Instant

    @property
    def activity(self) -> str:
        """The trace as .NET names it (W3C Trace Context): version, trace, span, flags."""
        return f"00-{self.trace_id}-{self.trace_id[:16]}-00"


class KsefError(Exception):
    """An answer other than success. `reason` is for the journal: the true cause, in English, never sent."""

    status: int
    title: str
    #: Whether it has one body, whichever format was asked for.
    is_plain_json = False

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(reason)
        self.detail = detail
        self.reason = reason

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def problem(self, at: Occurrence) -> dict[str, Any]:
        """The problem+json body (OpenAPI: *ProblemDetails)."""
        return {
            "title": self.title,
            "status": self.status,
            "instance": at.path,
            "detail": self.detail,
            "timestamp": iso(at.moment),
            "traceId": at.trace_id,
        }

    def legacy(self, at: Occurrence) -> dict[str, Any] | None:
        """The body without `X-Error-Format: problem-details`, or None where only problem+json exists."""
        del at
        return None


def legacy_exception(code: int, description: str, details: Sequence[str], at: Occurrence) -> dict[str, Any]:
    """The legacy body, exactly as recorded on TEST, DEMO and PRD: no details, no member `details`."""
    entry: dict[str, Any] = {"exceptionCode": code, "exceptionDescription": description}
    if details:
        entry["details"] = list(details)
    return {
        "exception": {
            "exceptionDetailList": [entry],
            "serviceCode": at.activity,
            "timestamp": iso_utc(at.moment),
        }
    }


class BadRequest(KsefError):
    """400 with one exception code (OpenAPI: ExceptionResponse, BadRequestProblemDetails)."""

    status = 400
    title = "Bad Request"

    def __init__(
        self, code: Code, *details: str, reason: str | None = None, description: str | None = None
    ) -> None:
        """`description`: where an operation words its code otherwise than all others."""
        description = description or DESCRIPTIONS[code]
        super().__init__("Żądanie jest nieprawidłowe.", reason=reason or "; ".join(details) or description)
        self.code = code
        self.description = description
        self.details = details

    def problem(self, at: Occurrence) -> dict[str, Any]:
        error: dict[str, Any] = {"code": int(self.code), "description": self.description}
        if self.details:
            error["details"] = list(self.details)
        return super().problem(at) | {"errors": [error]}

    def legacy(self, at: Occurrence) -> dict[str, Any]:
        return legacy_exception(int(self.code), self.description, self.details, at)


class Unauthorized(KsefError):
    """401: no credentials, or credentials that prove nothing here."""

    status = 401
    title = "Unauthorized"

    def __init__(self, *, reason: str, operation: str | None = None) -> None:
        """`operation`: the one that a genuine JWT is of which is refused all the same."""
        super().__init__("Wymagane jest uwierzytelnienie.", reason=reason)
        self.operation = operation

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(KsefError):
    """403 with a `reasonCode` and its documented `security` members."""

    status = 403
    title = "Forbidden"

    def __init__(
        self,
        code: Reason,
        *,
        reason: str,
        security: dict[str, Any] | None = None,
        operation: str | None = None,
    ) -> None:
        """`operation`: the one that a genuine JWT is of which is refused all the same."""
        super().__init__(REASON_DETAILS[code], reason=reason)
        self.operation = operation
        self.code = code
        self.security = security

    def problem(self, at: Occurrence) -> dict[str, Any]:
        body = super().problem(at) | {"reasonCode": self.code.value}
        if self.code is Reason.SECURITY_SERVICE_BLOCKED:
            del body["timestamp"]  # the API's changelog, 2.8.0
        return body if self.security is None else body | {"security": self.security}


class OfFramework(KsefError):
    """What ASP.NET answers before KSeF is asked, in its own words: so recorded of 404 on PRD."""

    #: Of RFC 9110.
    section: str

    def __init__(self, *, reason: str) -> None:
        super().__init__("", reason=reason)

    def problem(self, at: Occurrence) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"https://tools.ietf.org/html/rfc9110#section-{self.section}",
            "title": self.title,
            "status": self.status,
            "traceId": at.activity,
        }
        # A detail is only for those who may use /_mock.
        return body | {"detail": self.detail} if self.detail else body


class NotFound(OfFramework):
    """404: no such resource at this address."""

    status = 404
    title = "Not Found"
    section = "15.5.5"


class MethodNotAllowed(OfFramework):
    """405, with the `Allow` header."""

    status = 405
    title = "Method Not Allowed"
    section = "15.5.6"

    def __init__(self, allowed: str) -> None:
        super().__init__(reason=f"allowed here: {allowed}")
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": self.allowed}


class NotAcceptable(KsefError):
    """406 without a body: `Accept` names nothing that KSeF answers with."""

    status = 406
    title = "Not Acceptable"

    def __init__(self, accept: str) -> None:
        super().__init__("", reason=f"Accept is {accept[:100]!r}: neither JSON nor XML nor a wildcard")


class Gone(KsefError):
    """410: the operation existed, its retention time is over."""

    status = 410
    title = "Gone"

    def __init__(self, *, reason: str) -> None:
        super().__init__("Operacja wygasła i nie jest już dostępna.", reason=reason)


class PayloadTooLarge(KsefError):
    """413: the body exceeds the limit; nothing of it was kept."""

    status = 413
    title = "Payload Too Large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Treść żądania przekracza {limit} bajtów.", reason=f"body larger than {limit} bytes"
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}


class UnsupportedMediaType(OfFramework):
    """415: the content type is not the documented one."""

    status = 415
    title = "Unsupported Media Type"
    section = "15.5.16"

    def __init__(self, received: str, expected: str) -> None:
        super().__init__(reason=f"Content-Type is {received or 'absent'}; this endpoint takes {expected}")


class TooManyRequests(KsefError):
    """429: a rate limit is exceeded; `retry_after` is in whole seconds (OpenAPI: TooManyRequestsResponse)."""

    status = 429
    title = "Too Many Requests"

    def __init__(self, detail: str, retry_after: int, *, reason: str) -> None:
        super().__init__(detail, reason=reason)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}

    def legacy(self, at: Occurrence) -> dict[str, Any]:
        del at
        return {"status": {"code": self.status, "description": self.title, "details": [self.detail]}}


class StoreUnavailable(KsefError):
    """503: the store that keeps the mock's state cannot be reached; `retry_after` is in whole seconds."""

    status = 503
    title = "Service Unavailable"
    retry_after = 1

    def __init__(self, *, reason: str) -> None:
        super().__init__("Usługa jest chwilowo niedostępna. Spróbuj ponownie.", reason=reason)

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class NotSimulated(KsefError):
    """501: KSeF has this operation, the mock has not."""

    status = 501
    title = "Not Implemented"

    def __init__(self, method: str, path: str) -> None:
        super().__init__(
            f"Operacja {method} {path} nie jest symulowana.",
            reason=f"{method} {path} is in the API but not in this mock: see GET /_mock/coverage",
        )


class InternalError(KsefError):
    """500: a bug in the mock. The client learns the trace id, never the stack."""

    status = 500
    title = "Internal Server Error"

    def __init__(self, *, reason: str) -> None:
        super().__init__(_UNEXPECTED, reason=reason)

    def legacy(self, at: Occurrence) -> dict[str, Any]:
        return legacy_exception(self.status, _UNEXPECTED, (), at)


class Simulated(KsefError):
    """Any other status, sent because a fault asks for it; `retry_after` is in whole seconds."""

    def __init__(self, status: HTTPStatus, retry_after: int | None, *, reason: str) -> None:
        super().__init__(
            "Usługa jest tymczasowo niedostępna."
            if status >= 500
            else "Żądanie nie może zostać zrealizowane.",
            reason=reason,
        )
        self.status = int(status)
        self.title = status.phrase
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class Blocked(KsefError):
    """403 of the firewall in front of KSeF, as recorded on PRD: no problem+json, whatever was asked for."""

    status = 403
    title = "Request blocked"
    is_plain_json = True

    def __init__(self, client_ip: str, *, reason: str) -> None:
        super().__init__("The proxy failed to connect", reason=reason)
        self.client_ip = client_ip

    def legacy(self, at: Occurrence) -> dict[str, Any]:
        return {
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "security": {"incidentId": at.trace_id, "clientIp": self.client_ip},
        }


class SentBack(KsefError):
    """307 of the firewall to the address that was asked for, with the cookies that it wants to see again."""

    status = 307
    title = "Temporary Redirect"

    def __init__(self, *, reason: str) -> None:
        super().__init__("", reason=reason)

    @staticmethod
    def cookies(at: Occurrence) -> tuple[str, str]:
        """The values of two Set-Cookie headers."""
        number = int(at.trace_id[:6], 16)
        return (
            f"visid_incap_{number}={at.trace_id}; HttpOnly; Path=/; Secure",
            f"incap_ses_{number}={at.trace_id[::-1]}; Path=/; Secure",
        )


class ConnectionCut(Exception):
    """The client gets no answer: a fault asks for it."""
