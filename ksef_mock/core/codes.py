"""Every code and text of ksef, in one table."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


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
    # /sessions, /invoices
    TOO_MANY_INVOICES = 21155
    PART_SIZE = 21157
    TOO_MANY_PARTS = 21161
    NO_INVOICE = 21164
    INVOICE_NOT_STORED = 21165
    CORRECTED_BEFORE = 21166
    NOT_CORRECTABLE = 21167
    NO_SESSION = 21173
    NO_EXPORT = 21175
    NO_UPO = 21178
    SESSION_STATUS = 21180
    EXPORT_REQUEST = 21181
    TOO_MANY_EXPORTS = 21182
    SESSION_UNAVAILABLE = 21184
    MISSING_PART = 21205
    UPLOAD_TOO_LATE = 21208
    FILE_SIZE = 21402
    FILE_HASH = 21403
    # /invoices/query/metadata
    BEYOND_AVAILABLE_DATA = 21183
    # /collective-identifiers
    NO_SUCH_INVOICE = 71001
    TOO_MANY_COLLECTIVE_IDENTIFIERS = 71002
    DIFFERENT_SELLERS = 71004
    REPEATED_INVOICE = 71005


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
    Code.TOO_MANY_INVOICES: "Przekroczono dozwoloną liczbę faktur w sesji.",
    Code.PART_SIZE: "Nieprawidłowy rozmiar części pakietu.",
    # As an official client's test has it; the document says "pakietu".
    Code.TOO_MANY_PARTS: "Przekroczono dozwoloną liczbę części pakietów.",
    Code.NO_INVOICE: "Faktura o podanym identyfikatorze nie istnieje.",
    Code.INVOICE_NOT_STORED: "Faktura o podanym numerze KSeF nie jest jeszcze dostępna.",
    Code.CORRECTED_BEFORE: "Korekta techniczna niedostępna.",
    Code.NOT_CORRECTABLE: "Status faktury nie pozwala na korektę techniczną.",
    Code.NO_SESSION: "Brak sesji o wskazanym numerze referencyjnym.",
    Code.NO_EXPORT: "Wynik zapytania o podanym identyfikatorze nie istnieje.",
    Code.NO_UPO: "Nie znaleziono UPO dla podanych kryteriów.",
    Code.SESSION_STATUS: "Status sesji nie pozwala na wykonanie operacji.",
    Code.EXPORT_REQUEST: "Nieprawidłowe żądanie eksportu faktur.",
    Code.TOO_MANY_EXPORTS: "Osiągnięto limit trwających eksportów.",
    Code.SESSION_UNAVAILABLE: "Sesja tymczasowo niedostępna.",
    Code.MISSING_PART: "Pakiet nie może być pusty.",
    Code.UPLOAD_TOO_LATE: "Czas oczekiwania na requesty upload lub finish został przekroczony.",
    Code.FILE_SIZE: "Nieprawidłowy rozmiar pliku.",
    Code.FILE_HASH: "Nieprawidłowy skrót pliku.",
    Code.BEYOND_AVAILABLE_DATA: "Zakres filtrowania wykracza poza dostępny zakres danych.",
    Code.NO_SUCH_INVOICE: "Faktura o podanym identyfikatorze nie istnieje.",
    Code.TOO_MANY_COLLECTIVE_IDENTIFIERS: (
        "Faktura jest już przypisana do maksymalnej liczby Identyfikatorów Zbiorczych."
    ),
    Code.DIFFERENT_SELLERS: "Faktury mają różnych sprzedawców.",
    Code.REPEATED_INVOICE: "Powtórzony numer KSeF w żądaniu.",
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
    # Since API 2.6.1. Which of the two is which is inferred: a ciphertext that cannot be opened, a plaintext
    # that is not `token|timestamp`.
    TOKEN_ENCRYPTION = "Nieprawidłowe szyfrowanie tokena"
    TOKEN_ENCODING = "Nieprawidłowe kodowanie tokena"
    #: The context is written when the detail is shown: recorded in August 2026.
    TOKEN_CONTEXT = "Token nie może być użyty w kontekście {contextIdentifier}"
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
        StatusDetail.TOKEN_ENCRYPTION,
        StatusDetail.TOKEN_ENCODING,
        StatusDetail.TOKEN_CONTEXT,
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


#: How such an operation can fail.
CHANGE_FAILURES = tuple(
    status for status in ChangeStatus if status not in (ChangeStatus.ACCEPTED, ChangeStatus.SUCCESS)
)


class ExportStatus(IntEnum):
    """Codes of an export (OpenAPI: InvoiceExportStatusResponse)."""

    RUNNING = 100
    SUCCESS = 200
    EXPIRED = 210
    KEY = 415
    BEYOND_AVAILABLE_DATA = 420
    UNKNOWN_ERROR = 500
    CANCELLED = 550


EXPORT_STATUS_DESCRIPTIONS: dict[ExportStatus, str] = {
    ExportStatus.RUNNING: "Eksport faktur w toku",
    ExportStatus.SUCCESS: "Eksport faktur zakończony sukcesem",
    ExportStatus.EXPIRED: "Eksport faktur wygasł i nie jest już dostępny do pobrania",
    ExportStatus.KEY: "Błąd odszyfrowania dostarczonego klucza",
    ExportStatus.BEYOND_AVAILABLE_DATA: "Zakres filtrowania wykracza poza dostępny zakres danych",
    ExportStatus.UNKNOWN_ERROR: "Nieznany błąd (500)",
    ExportStatus.CANCELLED: "Operacja została anulowana przez system",
}

#: The details of a status that has any. That of 420 is documented, but was missing in reality.
EXPORT_STATUS_DETAILS: dict[ExportStatus, str] = {ExportStatus.CANCELLED: StatusDetail.CANCELLED.value}

#: How an export can fail.
EXPORT_FAILURES = tuple(
    status for status in ExportStatus if status not in (ExportStatus.RUNNING, ExportStatus.SUCCESS)
)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """How the operation ends: a status code, and the detail that belongs to it."""

    status: Status
    detail: str | None = None


SUCCESS = Verdict(Status.SUCCESS)
