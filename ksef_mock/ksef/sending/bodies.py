"""Bodies of /sessions, named as in the OpenAPI document. Members without a value are absent, never null."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core.bodies import Body, StatusInfo, from_base64
from ksef_mock.core.validation import FORMAT, Broken
from ksef_mock.ksef.invoices import metadata
from ksef_mock.ksef.invoices.metadata import Sha256
from ksef_mock.ksef.invoices.rules import INVOICE_STATUS_DESCRIPTIONS, InvoiceStatus
from ksef_mock.ksef.keys.bodies import EncryptionInfo
from ksef_mock.ksef.sending import rules
from ksef_mock.ksef.sending.reception import Submission
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import Kind, SentInvoice, Session
from ksef_mock.ksef.sending.sessions import Counts
from ksef_mock.ksef.sending.storage import Link
from ksef_mock.state.paging import Page

#: OpenAPI: int64.
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
#: Makes the link to the UPO of an invoice.
InvoiceLink: TypeAlias = Callable[[SentInvoice], Link]


class FormCode(Body):
    """OpenAPI: FormCode."""

    system_code: str
    schema_version: str
    value: str

    @property
    def code(self) -> metadata.FormCode:
        return metadata.FormCode(self.system_code, self.schema_version, self.value)


class OpenOnlineSessionRequest(Body):
    """OpenAPI: OpenOnlineSessionRequest."""

    form_code: FormCode
    encryption: EncryptionInfo


class OpenOnlineSessionResponse(Body):
    """OpenAPI: OpenOnlineSessionResponse."""

    reference_number: str
    valid_until: str

    @classmethod
    def of(cls, session: Session) -> OpenOnlineSessionResponse:
        return cls(session.reference, iso(session.valid_until))


class SendInvoiceRequest(Body, dict=True):
    """OpenAPI: SendInvoiceRequest."""

    invoice_hash: Sha256
    invoice_size: Size
    encrypted_invoice_hash: Sha256
    encrypted_invoice_size: Size
    encrypted_invoice_content: str
    offline_mode: bool = False
    hash_of_corrected_invoice: Sha256 | None = None

    @cached_property
    def content(self) -> bytes:
        """The ciphertext, decoded once: it may have megabytes. Empty if it is no Base64."""
        return from_base64(self.encrypted_invoice_content)

    def rules(self) -> Iterator[Broken]:
        if not self.content:
            yield Broken("encryptedInvoiceContent", FORMAT)
        if self.hash_of_corrected_invoice is not None and not self.offline_mode:
            yield Broken("", "HashOfCorrectedInvoice can only be provided for offline invoices")

    def submission(self) -> Submission:
        """What it says, the content decoded."""
        return Submission(
            hash=self.invoice_hash,
            size=self.invoice_size,
            encrypted_hash=self.encrypted_invoice_hash,
            encrypted_size=self.encrypted_invoice_size,
            content=self.content,
            offline=self.offline_mode,
            corrected_hash=self.hash_of_corrected_invoice,
        )


class SendInvoiceResponse(Body):
    """OpenAPI: SendInvoiceResponse."""

    reference_number: str


class UpoPageResponse(Body):
    """OpenAPI: UpoPageResponse."""

    reference_number: str
    download_url: str
    download_url_expiration_date: str


class UpoResponse(Body):
    """OpenAPI: UpoResponse."""

    pages: list[UpoPageResponse]


def _status_of(session: Session) -> StatusInfo:
    if session.kind is Kind.BATCH:
        return StatusInfo(
            int(session.status), rules.BATCH_TEXTS[session.status], list(_shown_details(session)) or None
        )
    details = rules.DETAILS.get(session.status)
    return StatusInfo(int(session.status), rules.ONLINE_TEXTS[session.status], [details] if details else None)


def _shown_details(session: Session) -> tuple[str, ...]:
    # What the package has come to is known before it shows.
    return () if session.status is SessionStatus.PROCESSING else session.details


class SessionStatusResponse(Body, kw_only=True):
    """OpenAPI: SessionStatusResponse."""

    status: StatusInfo
    date_created: str
    date_updated: str
    valid_until: str | None = None
    upo: UpoResponse | None = None
    invoice_count: int | None = None
    successful_invoice_count: int | None = None
    failed_invoice_count: int | None = None

    @classmethod
    def of(cls, session: Session, counts: Counts, pages: list[tuple[str, Link]]) -> SessionStatusResponse:
        """
        Args:
            pages: of the collective UPO: reference number and link of each.
        """
        shown = _shown_counts(session, counts)
        return cls(
            status=_status_of(session),
            date_created=iso(session.created_at),
            date_updated=iso(session.updated_at),
            valid_until=iso(session.valid_until),
            upo=UpoResponse([UpoPageResponse(name, link.url, iso(link.expires_at)) for name, link in pages])
            if pages
            else None,
            invoice_count=shown[0],
            successful_invoice_count=shown[1],
            failed_invoice_count=shown[2],
        )


def _shown_counts(session: Session, counts: Counts) -> tuple[int | None, int | None, int | None]:
    if session.kind is Kind.BATCH:
        has_counts = session.status in rules.COUNTED
        return (counts.sent, counts.good, counts.bad) if has_counts else (None, None, None)
    if session.status in rules.COUNTLESS:
        return None, None, None
    # Zero is not shown (recorded): clients wait for the member to appear.
    return counts.sent, counts.good or None, counts.bad or None


class SessionsQueryResponseItem(Body, kw_only=True):
    """OpenAPI: SessionsQueryResponseItem."""

    reference_number: str
    status: StatusInfo
    date_created: str
    date_updated: str
    valid_until: str | None = None
    total_invoice_count: int
    successful_invoice_count: int
    failed_invoice_count: int

    @classmethod
    def of(cls, session: Session, counts: Counts) -> SessionsQueryResponseItem:
        return cls(
            reference_number=session.reference,
            status=_status_of(session),
            date_created=iso(session.created_at),
            date_updated=iso(session.updated_at),
            valid_until=iso(session.valid_until),
            total_invoice_count=counts.sent,
            successful_invoice_count=counts.good,
            failed_invoice_count=counts.bad,
        )


class SessionsQueryResponse(Body):
    """OpenAPI: SessionsQueryResponse."""

    sessions: list[SessionsQueryResponseItem]
    continuation_token: str | None = None


class InvoiceStatusInfo(Body):
    """OpenAPI: InvoiceStatusInfo."""

    code: int
    description: str
    details: list[str] | None = None
    extensions: dict[str, str] | None = None


def _info(
    code: InvoiceStatus, details: list[str] | None = None, extensions: dict[str, str] | None = None
) -> InvoiceStatusInfo:
    return InvoiceStatusInfo(int(code), INVOICE_STATUS_DESCRIPTIONS[code], details, extensions)


class SessionInvoiceStatusResponse(Body, kw_only=True):
    """OpenAPI: SessionInvoiceStatusResponse. In the order in which KSeF writes its members."""

    ordinal_number: int
    invoice_number: str | None = None
    ksef_number: str | None = None
    reference_number: str
    invoice_hash: str
    invoice_file_name: str | None = None
    acquisition_date: str | None = None
    invoicing_date: str
    permanent_storage_date: str | None = None
    upo_download_url: str | None = None
    upo_download_url_expiration_date: str | None = None
    invoicing_mode: str | None = None
    status: InvoiceStatusInfo

    @classmethod
    def of(cls, invoice: SentInvoice, now: Instant, link: InvoiceLink) -> SessionInvoiceStatusResponse:
        """
        Args:
            link: to the invoice's UPO, asked for only if there is one.
        """
        shown = cls(
            ordinal_number=invoice.ordinal,
            reference_number=invoice.reference,
            invoice_hash=invoice.hash,
            invoice_file_name=invoice.file_name,
            invoicing_date=iso(invoice.invoiced_at),
            status=_info(InvoiceStatus.IN_PROGRESS),
        )
        if not invoice.wait.is_over(now):
            return shown
        shown = msgspec.structs.replace(
            shown,
            invoice_number=invoice.number,
            status=_info(invoice.code, list(invoice.details) or None, invoice.extensions),
        )
        if not invoice.is_good:
            return shown
        upo = link(invoice)
        stored = invoice.stored_at
        return msgspec.structs.replace(
            shown,
            ksef_number=invoice.ksef_number,
            acquisition_date=iso(invoice.acquired_at),
            permanent_storage_date=iso(stored) if stored is not None and stored <= now else None,
            upo_download_url=upo.url,
            upo_download_url_expiration_date=iso(upo.expires_at),
            invoicing_mode=invoice.mode,
        )


class SessionInvoicesResponse(Body):
    """OpenAPI: SessionInvoicesResponse."""

    # Required by the document, so it is there even if it is empty.
    invoices: list[SessionInvoiceStatusResponse]
    continuation_token: str | None = None

    @classmethod
    def of(cls, found: Page[SentInvoice], now: Instant, link: InvoiceLink) -> SessionInvoicesResponse:
        items = [SessionInvoiceStatusResponse.of(invoice, now, link) for invoice in found.items]
        return cls(items, found.continuation)
