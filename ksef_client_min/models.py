"""Answers of the API, as far as this client reads them. Unknown members are ignored."""

from __future__ import annotations

from datetime import datetime

import msgspec


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Challenge(_Answer, frozen=True):
    """POST /auth/challenge. `timestamp_ms` is in ms since 1970-01-01T00:00:00Z."""

    challenge: str
    timestamp: datetime
    timestamp_ms: int
    client_ip: str | None = None


class PublicKeyCertificate(_Answer, frozen=True):
    """GET /security/public-key-certificates. `certificate` is DER."""

    certificate: bytes  # msgspec decodes base64
    valid_from: datetime
    valid_to: datetime
    usage: tuple[str, ...]
    public_key_id: str | None = None


class TokenInfo(_Answer, frozen=True):
    """A JWT and when it expires. The token is in no repr."""

    token: str
    valid_until: datetime

    def __repr__(self) -> str:
        return f"TokenInfo(valid_until={self.valid_until!s})"


class AuthenticationStarted(_Answer, frozen=True):
    """The answer 202 to a login."""

    reference_number: str
    authentication_token: TokenInfo


class Status(_Answer, frozen=True):
    """Code and texts of an operation."""

    code: int
    description: str
    details: tuple[str, ...] | None = None


class AuthenticationStatus(_Answer, frozen=True):
    """GET /auth/{referenceNumber}."""

    start_date: datetime
    authentication_method: str
    status: Status


class Tokens(_Answer, frozen=True):
    """POST /auth/token/redeem."""

    access_token: TokenInfo
    refresh_token: TokenInfo


class Refreshed(_Answer, frozen=True):
    """POST /auth/token/refresh."""

    access_token: TokenInfo


class Session(_Answer, frozen=True):
    """An item of GET /auth/sessions."""

    reference_number: str
    is_current: bool
    start_date: datetime
    authentication_method: str
    status: Status
    refresh_token_valid_until: datetime | None = None


class SessionPage(_Answer, frozen=True):
    """GET /auth/sessions."""

    items: tuple[Session, ...]
    continuation_token: str | None = None


class Identifier(_Answer, frozen=True):
    """Type and value of a context or of a subject."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type} {self.value}"


class GeneratedToken(_Answer, frozen=True):
    """POST /tokens. The token is in no repr."""

    reference_number: str
    token: str

    def __repr__(self) -> str:
        return f"GeneratedToken(reference_number={self.reference_number!r})"


class KsefToken(_Answer, frozen=True):
    """A KSeF token, without its text."""

    reference_number: str
    author_identifier: Identifier
    context_identifier: Identifier
    description: str
    requested_permissions: tuple[str, ...]
    date_created: datetime
    status: str
    last_use_date: datetime | None = None


class KsefTokenPage(_Answer, frozen=True):
    """GET /tokens."""

    tokens: tuple[KsefToken, ...]
    continuation_token: str | None = None


class CertificateLimit(_Answer, frozen=True):
    """How many, and how many of them are left."""

    remaining: int
    limit: int


class CertificateLimits(_Answer, frozen=True):
    """GET /certificates/limits."""

    can_request: bool
    enrollment: CertificateLimit
    certificate: CertificateLimit


class EnrollmentData(_Answer, frozen=True):
    """GET /certificates/enrollments/data: attributes of the subject, those that there are."""

    common_name: str
    country_name: str
    given_name: str | None = None
    surname: str | None = None
    serial_number: str | None = None
    unique_identifier: str | None = None
    organization_name: str | None = None
    organization_identifier: str | None = None


class EnrollmentStarted(_Answer, frozen=True):
    """POST /certificates/enrollments."""

    reference_number: str
    timestamp: datetime


class EnrollmentStatus(_Answer, frozen=True):
    """GET /certificates/enrollments/{referenceNumber}."""

    request_date: datetime
    status: Status
    certificate_serial_number: str | None = None


class RetrievedCertificate(_Answer, frozen=True):
    """`certificate` is DER."""

    certificate: bytes
    certificate_name: str
    certificate_serial_number: str
    certificate_type: str


class RetrievedCertificates(_Answer, frozen=True):
    """POST /certificates/retrieve."""

    certificates: tuple[RetrievedCertificate, ...]


class CertificateItem(_Answer, frozen=True):
    """An item of POST /certificates/query."""

    certificate_serial_number: str
    name: str
    type: str
    common_name: str
    status: str
    subject_identifier: Identifier
    valid_from: datetime
    valid_to: datetime
    request_date: datetime
    last_use_date: datetime | None = None


class CertificatePage(_Answer, frozen=True):
    """POST /certificates/query."""

    certificates: tuple[CertificateItem, ...]
    has_more: bool


class Seller(_Answer, frozen=True):
    nip: str
    name: str | None = None


class Invoice(_Answer, frozen=True):
    """The members of an invoice's metadata that a list shows."""

    ksef_number: str
    invoice_number: str
    issue_date: str
    seller: Seller
    gross_amount: float
    currency: str


class InvoicePage(_Answer, frozen=True):
    """POST /invoices/query/metadata."""

    invoices: tuple[Invoice, ...]
    has_more: bool
    is_truncated: bool
