"""Every error of KSeF that the mock can answer with, in one table, and its two wire formats.

Source of codes and texts: the response tables of the OpenAPI document (the path stands beside each group).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from http import HTTPStatus
from typing import Any

from ksef_mock.clock import Instant, iso

PROBLEM_JSON = "application/problem+json"


class Code(IntEnum):
    """Exception codes of 400 answers."""

    # /auth/*
    UNREADABLE = 21001
    INVALID_CHALLENGE = 21111
    INVALID_CERTIFICATE = 21115
    INVALID_SUBJECT_IDENTIFIER = 21117
    INVALID_ENCODING = 21217
    NOT_AUTHORIZED = 21301
    NOT_AUTHENTICATED = 21304
    DECEASED_PERSON = 21308
    SCHEMA = 21401
    VALIDATION = 21405
    SIGNATURE_TYPE_CONFLICT = 21406
    CONTINUATION_TOKEN = 21418
    UNKNOWN_PUBLIC_KEY = 21470
    # /auth/xades-signature
    INVALID_DOCUMENT = 9101
    NO_SIGNATURE = 9102
    TOO_MANY_SIGNATURES = 9103
    INVALID_SIGNATURE = 9105
    # /testdata/*
    ALREADY_EXISTS = 30001
    # /tokens
    TOKEN_PERMISSIONS = 26001
    TOKEN_CONTEXT_TYPE = 26002
    # /certificates
    NO_CSR_DATA = 25001
    NO_ENROLLMENT = 25002
    CSR_SUBJECT = 25003
    BAD_CSR = 25004
    NO_SUCH_ENROLLMENT = 25005
    ENROLLMENT_LIMIT = 25006
    CERTIFICATE_LIMIT = 25007
    NO_SUCH_CERTIFICATE = 25008
    CERTIFICATE_NOT_ACTIVE = 25009
    BAD_KEY = 25010
    BAD_CSR_ALGORITHM = 25011
    # /invoices/query/metadata
    BEYOND_AVAILABLE_DATA = 21183


DESCRIPTIONS: dict[Code, str] = {
    Code.UNREADABLE: "Nieczytelna treść.",
    Code.INVALID_CHALLENGE: "Nieprawidłowe wyzwanie autoryzacyjne.",
    Code.INVALID_CERTIFICATE: "Nieprawidłowy certyfikat.",
    Code.INVALID_SUBJECT_IDENTIFIER: "Nieprawidłowy identyfikator podmiotu dla wskazanego typu kontekstu.",
    Code.INVALID_ENCODING: "Nieprawidłowe kodowanie znaków.",
    Code.NOT_AUTHORIZED: "Brak autoryzacji.",
    Code.NOT_AUTHENTICATED: "Brak uwierzytelnienia.",
    Code.DECEASED_PERSON: "Próba wykorzystania metod autoryzacyjnych osoby zmarłej.",
    Code.SCHEMA: "Dokument nie jest zgodny ze schemą (xsd).",
    Code.VALIDATION: "Błąd walidacji danych wejściowych.",
    Code.SIGNATURE_TYPE_CONFLICT: "Konflikt podpisu i typu uwierzytelnienia.",
    Code.CONTINUATION_TOKEN: "Przekazany token kontynuacji ma nieprawidłowy format.",
    Code.UNKNOWN_PUBLIC_KEY: "Przesłany identyfikator klucza jest nieznany lub wskazuje na wycofany klucz.",
    Code.INVALID_DOCUMENT: "Nieprawidłowy dokument.",
    Code.NO_SIGNATURE: "Brak podpisu.",
    Code.TOO_MANY_SIGNATURES: "Przekroczona liczba dozwolonych podpisów.",
    Code.INVALID_SIGNATURE: "Nieprawidłowy podpis.",
    Code.ALREADY_EXISTS: "Podmiot lub uprawnienie już istnieje.",
    Code.TOKEN_PERMISSIONS: "Nie można nadać tokenowi uprawnień których nie posiadasz.",
    Code.TOKEN_CONTEXT_TYPE: "Nie można wygenerować tokena dla obecnego typu kontekstu.",
    Code.NO_CSR_DATA: "Brak możliwości pobrania danych do CSR dla wykorzystanego sposobu uwierzytelnienia.",
    Code.NO_ENROLLMENT: (
        "Brak możliwości złożenia wniosku certyfikacyjnego dla wykorzystanego sposobu uwierzytelnienia."
    ),
    Code.CSR_SUBJECT: "Dane w CSR nie zgadzają się z danymi w użytym wektorze uwierzytelniającym.",
    Code.BAD_CSR: "Niepoprawny format CSR lub niepoprawny podpis CSR.",
    Code.NO_SUCH_ENROLLMENT: "Wniosek certyfikacyjny o podanym numerze referencyjnym nie istnieje.",
    Code.ENROLLMENT_LIMIT: "Osiągnięto limit możliwych do złożenia wniosków certyfikacyjnych.",
    Code.CERTIFICATE_LIMIT: "Osiągnięto limit dopuszczalnej liczby posiadanych certyfikatów.",
    Code.NO_SUCH_CERTIFICATE: "Certyfikat o podanym numerze seryjnym nie istnieje.",
    Code.CERTIFICATE_NOT_ACTIVE: (
        "Nie można odwołać wskazanego certyfikatu, ponieważ jest już odwołany, zablokowany lub nieważny."
    ),
    Code.BAD_KEY: "Nieprawidłowy typ lub długość klucza.",
    Code.BAD_CSR_ALGORITHM: "Nieprawidłowy algorytm podpisu CSR.",
    Code.BEYOND_AVAILABLE_DATA: "Zakres filtrowania wykracza poza dostępny zakres danych.",
}


class Reason(StrEnum):
    """`reasonCode` of 403 answers (OpenAPI: ForbiddenProblemDetails)."""

    MISSING_PERMISSIONS = "missing-permissions"
    IP_NOT_ALLOWED = "ip-not-allowed"
    INSUFFICIENT_RESOURCE_ACCESS = "insufficient-resource-access"
    AUTH_METHOD_NOT_ALLOWED = "auth-method-not-allowed"
    SECURITY_SERVICE_BLOCKED = "security-service-blocked"
    CONTEXT_TYPE_NOT_ALLOWED = "context-type-not-allowed"


REASON_DETAILS: dict[Reason, str] = {
    Reason.MISSING_PERMISSIONS: "Brak wymaganych uprawnień do wykonania operacji w bieżącym kontekście.",
    Reason.IP_NOT_ALLOWED: "Żądanie pochodzi z adresu IP innego niż wskazany podczas uwierzytelnienia.",
    Reason.INSUFFICIENT_RESOURCE_ACCESS: "Brak dostępu do wskazanego zasobu.",
    Reason.AUTH_METHOD_NOT_ALLOWED: "Ta operacja nie jest dostępna dla użytej metody uwierzytelnienia.",
    Reason.SECURITY_SERVICE_BLOCKED: "Żądanie zostało zablokowane przez mechanizmy bezpieczeństwa.",
    Reason.CONTEXT_TYPE_NOT_ALLOWED: "Operacja nie jest dostępna dla uwierzytelnionego typu kontekstu.",
}


class Status(IntEnum):
    """Codes of an authentication operation (OpenAPI: AuthenticationOperationStatusResponse)."""

    IN_PROGRESS = 100
    SUCCESS = 200
    NO_PERMISSIONS = 415
    REVOKED = 425
    TOKEN_ERROR = 450
    CERTIFICATE_ERROR = 460
    DECEASED = 470
    BLOCKED = 480
    UNKNOWN_ERROR = 500
    CANCELLED = 550


STATUS_DESCRIPTIONS: dict[Status, str] = {
    Status.IN_PROGRESS: "Uwierzytelnianie w toku",
    Status.SUCCESS: "Uwierzytelnianie zakończone sukcesem",
    Status.NO_PERMISSIONS: "Uwierzytelnianie zakończone niepowodzeniem",
    Status.REVOKED: "Uwierzytelnienie unieważnione",
    Status.TOKEN_ERROR: "Uwierzytelnianie zakończone niepowodzeniem z powodu błędnego tokenu",
    Status.CERTIFICATE_ERROR: "Uwierzytelnianie zakończone niepowodzeniem z powodu błędu certyfikatu",
    Status.DECEASED: "Uwierzytelnianie zakończone niepowodzeniem",
    Status.BLOCKED: "Uwierzytelnienie zablokowane",
    Status.UNKNOWN_ERROR: "Nieznany błąd",
    Status.CANCELLED: "Operacja została anulowana przez system",
}


class StatusDetail(StrEnum):
    """Details of a failed authentication operation, as documented with its code."""

    NO_PERMISSIONS = "Brak przypisanych uprawnień"
    REVOKED = "Uwierzytelnienie i powiązane refresh tokeny zostały unieważnione przez użytkownika"
    TOKEN_CHALLENGE = "Nieprawidłowe wyzwanie autoryzacyjne"
    TOKEN_INVALID = "Nieprawidłowy token"
    TOKEN_TIME = "Nieprawidłowy czas tokena"
    TOKEN_REVOKED = "Token unieważniony"
    TOKEN_INACTIVE = "Token nieaktywny"
    TOKEN_ENCODING = "Invalid token encoding."  # seen on TEST, in English
    CERTIFICATE_EXPIRED = "Nieważny certyfikat"
    CERTIFICATE_CHAIN_ERROR = "Błąd weryfikacji łańcucha certyfikatów"
    CERTIFICATE_UNTRUSTED = "Niezaufany łańcuch certyfikatów"
    CERTIFICATE_REVOKED = "Certyfikat odwołany"
    CERTIFICATE_SUSPENDED = "Certyfikat zawieszony"
    CERTIFICATE_INVALID = "Niepoprawny certyfikat"
    DECEASED = "Próba wykorzystania metod autoryzacyjnych osoby zmarłej"
    BLOCKED = (
        "Podejrzenie incydentu bezpieczeństwa. "
        "Skontaktuj się z Ministerstwem Finansów przez formularz zgłoszeniowy."
    )
    CANCELLED = "Przetwarzanie zostało przerwane z przyczyn wewnętrznych systemu. Spróbuj ponownie"


#: The details that each final status of an operation can have.
STATUS_DETAILS: dict[int, tuple[StatusDetail, ...]] = {
    Status.SUCCESS: (),
    Status.NO_PERMISSIONS: (StatusDetail.NO_PERMISSIONS,),
    Status.REVOKED: (StatusDetail.REVOKED,),
    Status.TOKEN_ERROR: (
        StatusDetail.TOKEN_INVALID,
        StatusDetail.TOKEN_CHALLENGE,
        StatusDetail.TOKEN_TIME,
        StatusDetail.TOKEN_REVOKED,
        StatusDetail.TOKEN_INACTIVE,
        StatusDetail.TOKEN_ENCODING,
    ),
    Status.CERTIFICATE_ERROR: (
        StatusDetail.CERTIFICATE_INVALID,
        StatusDetail.CERTIFICATE_EXPIRED,
        StatusDetail.CERTIFICATE_CHAIN_ERROR,
        StatusDetail.CERTIFICATE_UNTRUSTED,
        StatusDetail.CERTIFICATE_REVOKED,
        StatusDetail.CERTIFICATE_SUSPENDED,
    ),
    Status.DECEASED: (StatusDetail.DECEASED,),
    Status.BLOCKED: (StatusDetail.BLOCKED,),
    Status.UNKNOWN_ERROR: (),
    Status.CANCELLED: (StatusDetail.CANCELLED,),
}


class ChangeStatus(IntEnum):
    """Codes of an operation that grants or revokes (OpenAPI: PermissionsOperationStatusResponse)."""

    ACCEPTED = 100
    SUCCESS = 200
    FAILED = 400
    UNRELATED_IDENTIFIERS = 410
    NOT_PERMITTED = 420
    WRONG_ROLE = 430
    FORBIDDEN_RELATION = 440
    FORBIDDEN_IDENTIFIER = 450
    UNKNOWN_ERROR = 500
    CANCELLED = 550


CHANGE_STATUS_DESCRIPTIONS: dict[ChangeStatus, str] = {
    ChangeStatus.ACCEPTED: "Operacja przyjęta do realizacji",
    ChangeStatus.SUCCESS: "Operacja zakończona sukcesem",
    ChangeStatus.FAILED: "Operacja zakończona niepowodzeniem",
    ChangeStatus.UNRELATED_IDENTIFIERS: (
        "Podane identyfikatory są niezgodne lub pozostają w niewłaściwej relacji"
    ),
    ChangeStatus.NOT_PERMITTED: "Użyte poświadczenia nie mają uprawnień do wykonania tej operacji",
    ChangeStatus.WRONG_ROLE: "Kontekst identyfikatora nie odpowiada wymaganej roli lub uprawnieniom",
    ChangeStatus.FORBIDDEN_RELATION: "Operacja niedozwolona dla wskazanych powiązań identyfikatorów",
    ChangeStatus.FORBIDDEN_IDENTIFIER: "Operacja niedozwolona dla wskazanego identyfikatora lub jego typu",
    ChangeStatus.UNKNOWN_ERROR: "Nieznany błąd",
    ChangeStatus.CANCELLED: "Operacja została anulowana przez system",
}

#: The details that are documented with a code; the others have none.
CHANGE_STATUS_DETAILS: dict[ChangeStatus, str] = {
    ChangeStatus.CANCELLED: (
        "Przetwarzanie zostało przerwane z przyczyn wewnętrznych systemu. Spróbuj ponownie później."
    ),
}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where and when an error occurred: what both formats need beyond the error itself."""

    path: str
    trace_id: str  # 32 hex digits
    moment: Instant


class KsefError(Exception):
    """An answer other than success. `reason` is for the journal: the true cause, in English, never sent."""

    status: int
    title: str

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


class BadRequest(KsefError):
    """400 with one exception code (OpenAPI: ExceptionResponse, BadRequestProblemDetails)."""

    status = 400
    title = "Bad Request"

    def __init__(self, code: Code, *details: str, reason: str | None = None) -> None:
        description = DESCRIPTIONS[code]
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
        trace = at.trace_id
        return {
            "exception": {
                "exceptionDetailList": [
                    {
                        "exceptionCode": int(self.code),
                        "exceptionDescription": self.description,
                        # Some clients read `details` without looking whether it is there.
                        "details": list(self.details),
                    }
                ],
                "referenceNumber": f"{trace[:8]}-{trace[8:12]}-{trace[12:16]}-{trace[16:20]}-{trace[20:]}",
                "serviceCode": f"00-{trace}-{trace[:16]}-00",
                "serviceCtx": "srvMOCKA",
                "serviceName": "Undefined",
                "timestamp": iso(at.moment),
            }
        }


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

    def __init__(self, code: Reason, *, reason: str, security: dict[str, Any] | None = None) -> None:
        super().__init__(REASON_DETAILS[code], reason=reason)
        self.code = code
        self.security = security

    def problem(self, at: Occurrence) -> dict[str, Any]:
        body = super().problem(at) | {"reasonCode": self.code.value}
        return body if self.security is None else body | {"security": self.security}


class NotFound(KsefError):
    """404: no such resource at this address."""

    status = 404
    title = "Not Found"

    def __init__(self, *, reason: str) -> None:
        super().__init__("Nie znaleziono zasobu.", reason=reason)


class MethodNotAllowed(KsefError):
    """405, with the `Allow` header."""

    status = 405
    title = "Method Not Allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__("Metoda HTTP nie jest dozwolona.", reason=f"allowed here: {allowed}")
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": self.allowed}


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


class UnsupportedMediaType(KsefError):
    """415: the content type is not the documented one."""

    status = 415
    title = "Unsupported Media Type"

    def __init__(self, received: str, expected: str) -> None:
        super().__init__(
            "Nieobsługiwany typ zawartości żądania.",
            reason=f"Content-Type is {received or 'absent'}; this endpoint takes {expected}",
        )


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
        super().__init__("Wystąpił nieoczekiwany błąd.", reason=reason)


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


class ConnectionCut(Exception):
    """The client gets no answer: a fault asks for it."""
