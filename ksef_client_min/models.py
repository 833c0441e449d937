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
    #: Of an invoice's: what it says to programs, such as `originalKsefNumber` of a duplicate.
    extensions: dict[str, str | None] | None = None


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


class OpenedSession(_Answer, frozen=True):
    """POST /sessions/online."""

    reference_number: str
    valid_until: datetime


class InvoiceReference(_Answer, frozen=True):
    """POST /sessions/online/{referenceNumber}/invoices."""

    reference_number: str


class PartUpload(_Answer, frozen=True):
    """How a part of a package is uploaded, without a token."""

    ordinal_number: int
    method: str
    url: str
    headers: dict[str, str | None]


class OpenedBatch(_Answer, frozen=True):
    """POST /sessions/batch."""

    reference_number: str
    part_upload_requests: tuple[PartUpload, ...]


class UpoPage(_Answer, frozen=True):
    """A page of a session's UPO. The link needs no token."""

    reference_number: str
    download_url: str
    download_url_expiration_date: datetime


class Upo(_Answer, frozen=True):
    """The UPO of a session."""

    pages: tuple[UpoPage, ...]


class SendingStatus(_Answer, frozen=True, kw_only=True):
    """GET /sessions/{referenceNumber}. Counters without a value are absent."""

    status: Status
    date_created: datetime
    date_updated: datetime
    valid_until: datetime | None = None
    upo: Upo | None = None
    invoice_count: int | None = None
    successful_invoice_count: int | None = None
    failed_invoice_count: int | None = None


class SendingSession(_Answer, frozen=True, kw_only=True):
    """An item of GET /sessions."""

    reference_number: str
    status: Status
    date_created: datetime
    date_updated: datetime
    valid_until: datetime | None = None
    total_invoice_count: int
    successful_invoice_count: int
    failed_invoice_count: int


class SendingSessionPage(_Answer, frozen=True):
    """GET /sessions."""

    sessions: tuple[SendingSession, ...]
    continuation_token: str | None = None


class SentInvoice(_Answer, frozen=True, kw_only=True):
    """GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}."""

    ordinal_number: int
    reference_number: str
    invoice_hash: str
    invoicing_date: datetime
    status: Status
    invoice_number: str | None = None
    ksef_number: str | None = None
    acquisition_date: datetime | None = None
    permanent_storage_date: datetime | None = None
    invoicing_mode: str | None = None
    #: Of a batch.
    invoice_file_name: str | None = None
    upo_download_url: str | None = None

    @property
    def is_processed(self) -> bool:
        """Whether KSeF has decided."""
        return self.status.code not in (100, 150)

    @property
    def is_accepted(self) -> bool:
        """Whether it has a KSeF number."""
        return self.status.code == 200


class SentInvoicePage(_Answer, frozen=True):
    """GET /sessions/{referenceNumber}/invoices."""

    invoices: tuple[SentInvoice, ...]
    continuation_token: str | None = None


class GeneratedCollectiveIdentifier(_Answer, frozen=True):
    """POST /collective-identifiers."""

    collective_identifier_number: str


class CollectiveIdentifier(_Answer, frozen=True):
    """An item of both lists; the one by KSeF number tells no count."""

    collective_identifier_number: str
    date_created: datetime
    created_in_current_context: bool
    invoice_count: int | None = None


class CollectiveIdentifierPage(_Answer, frozen=True):
    """POST /collective-identifiers/query, GET /collective-identifiers/ksef/{ksefNumber}."""

    collective_identifiers: tuple[CollectiveIdentifier, ...]
    continuation_token: str | None = None


class Payment(_Answer, frozen=True):
    """What is paid for an invoice."""

    amount: float
    currency: str


class CollectiveIdentifierInvoice(_Answer, frozen=True):
    """An item of POST /collective-identifiers/invoices. Hidden details are for others to see."""

    ksef_number: str
    collective_identifier_number: str
    details_hidden: bool
    payment: Payment | None = None
    description: str | None = None


class CollectiveIdentifierInvoicePage(_Answer, frozen=True):
    """POST /collective-identifiers/invoices."""

    invoices: tuple[CollectiveIdentifierInvoice, ...]
    continuation_token: str | None = None


class ExportReference(_Answer, frozen=True):
    """POST /invoices/exports."""

    reference_number: str


class ExportPart(_Answer, frozen=True):
    """A part of an exported package. The link needs no token, and is in no repr."""

    ordinal_number: int
    part_name: str
    url: str
    part_size: int
    part_hash: bytes  # msgspec decodes base64
    encrypted_part_size: int
    encrypted_part_hash: bytes
    expiration_date: datetime

    def __repr__(self) -> str:
        return f"ExportPart(part_name={self.part_name!r}, part_size={self.part_size})"


class InvoicePackageInfo(_Answer, frozen=True, kw_only=True):
    """What the status of an export says of its package. The last date is told where it is truncated."""

    invoice_count: int
    size: int
    parts: tuple[ExportPart, ...]
    is_truncated: bool
    #: Absent before API 2.9.0.
    compression_type: str = "Zip"
    last_issue_date: str | None = None
    last_invoicing_date: str | None = None
    last_permanent_storage_date: str | None = None
    #: Up to when KSeF's data is complete; of exports by PermanentStorage.
    permanent_storage_hwm_date: str | None = None


class ExportStatus(_Answer, frozen=True, kw_only=True):
    """GET /invoices/exports/{referenceNumber}."""

    status: Status
    completed_date: datetime | None = None
    package_expiration_date: datetime | None = None
    package: InvoicePackageInfo | None = None
