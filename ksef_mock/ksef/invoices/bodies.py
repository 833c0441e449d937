"""Bodies of /invoices/query/metadata and of its seeds, named as in the OpenAPI document."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

import msgspec

from ksef_mock.clock import SECOND, Instant, iso, to_datetime
from ksef_mock.core import dates as warsaw
from ksef_mock.core.bodies import Body, Moment, choice, invalid
from ksef_mock.core.environment import DAY
from ksef_mock.core.identifiers import CONTEXT_PATTERNS
from ksef_mock.core.validation import CONDITION, FORMAT, NOT_EMPTY, Broken, at_most
from ksef_mock.ksef.invoices.currencies import CURRENCY_CODES
from ksef_mock.ksef.invoices.invoices import Found, Query
from ksef_mock.ksef.invoices.metadata import (
    AuthorizedSubject,
    Buyer,
    BuyerType,
    Content,
    DateType,
    FormCode,
    IdentifierValue,
    Invoice,
    InvoiceNumber,
    InvoiceType,
    InvoicingMode,
    KsefNumber,
    Nip,
    PartyIdentifier,
    Seller,
    Sha256,
    SubjectType,
    ThirdSubject,
)
from ksef_mock.ksef.invoices.numbers import ksef_number

_AMOUNTS = {"Brutto": "gross_amount", "Netto": "net_amount", "Vat": "vat_amount"}
#: Since API 2.7.1, in UTC (it was three months).
_LONGEST_RANGE_DAYS = 100

_encode = msgspec.json.Encoder().encode
#: Many invoices are of one day.
_day = lru_cache(1_024)(warsaw.day)

# -- the query --------------------------------------------------------------------------------------------


class InvoiceQueryDateRange(Body):
    """OpenAPI: InvoiceQueryDateRange."""

    date_type: Annotated[DateType, msgspec.Meta(extra={"dotnet": "InvoiceQueryDateType"})]
    start: Moment = msgspec.field(name="from")
    end: Moment | None = msgspec.field(name="to", default=None)
    restrict_to_permanent_storage_hwm_date: bool | None = None


class InvoiceQueryAmount(Body):
    """OpenAPI: InvoiceQueryAmount."""

    type: Annotated[str, choice("AmountType", _AMOUNTS)]
    least: float | None = msgspec.field(name="from", default=None)
    most: float | None = msgspec.field(name="to", default=None)

    def rules(self) -> Iterator[Broken]:
        if self.least is not None and self.most is not None and self.least > self.most:
            yield Broken("from", at_most(self.most))


class InvoiceQueryBuyerIdentifier(Body):
    """OpenAPI: InvoiceQueryBuyerIdentifier."""

    type: Annotated[BuyerType, msgspec.Meta(extra={"dotnet": "BuyerIdentifierType"})]
    value: IdentifierValue | None = None

    def rules(self) -> Iterator[Broken]:
        if self.type != "None" and not self.value:
            yield Broken("value", NOT_EMPTY)
        elif self.type == "Nip" and CONTEXT_PATTERNS["Nip"].fullmatch(self.value or "") is None:
            yield Broken("value", FORMAT)


class InvoiceQueryFilters(Body):
    """OpenAPI: InvoiceQueryFilters."""

    subject_type: Annotated[SubjectType, msgspec.Meta(extra={"dotnet": "InvoiceQuerySubjectType"})]
    date_range: InvoiceQueryDateRange
    ksef_number: KsefNumber | None = None
    invoice_number: InvoiceNumber | None = None
    amount: InvoiceQueryAmount | None = None
    seller_nip: Nip | None = None
    buyer_identifier: InvoiceQueryBuyerIdentifier | None = None
    currency_codes: list[Annotated[str, choice("CurrencyCode", CURRENCY_CODES)]] | None = None
    invoicing_mode: Annotated[InvoicingMode, msgspec.Meta(extra={"dotnet": "InvoicingMode"})] | None = None
    is_self_invoicing: bool | None = None
    form_type: Annotated[str, choice("InvoiceQueryFormType", ("FA", "PEF", "FA_RR"))] | None = None
    invoice_types: list[Annotated[InvoiceType, msgspec.Meta(extra={"dotnet": "InvoiceType"})]] | None = None
    has_attachment: bool | None = None

    def is_beyond(self, hwm: Instant) -> bool:
        """Whether it asks for what is complete alone, in a range in which nothing is."""
        return self._is_restricted and warsaw.parse(self.date_range.start) > hwm

    def query(self, now: Instant, hwm: Instant) -> Query:
        """The query, its dates made definite.

        Args:
            hwm: up to when KSeF's data is complete: the PermanentStorageHwmDate.

        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        start, end = self._range(now, hwm)
        return Query(
            subject_type=self.subject_type,
            date_type=self.date_range.date_type,
            start=start,
            end=end,
            ksef_number=self.ksef_number,
            invoice_number=self.invoice_number,
            amount=self._amount(),
            seller_nip=self.seller_nip,
            buyer=self._buyer(),
            currencies=frozenset(self.currency_codes) if self.currency_codes else None,
            invoicing_mode=self.invoicing_mode,
            is_self_invoicing=self.is_self_invoicing,
            form_type=self.form_type,
            invoice_types=frozenset(self.invoice_types) if self.invoice_types else None,
            has_attachment=self.has_attachment,
        )

    @property
    def _is_restricted(self) -> bool:
        wanted = self.date_range
        return bool(wanted.restrict_to_permanent_storage_hwm_date) and (
            wanted.date_type is DateType.PERMANENT_STORAGE
        )

    def _range(self, now: Instant, hwm: Instant) -> tuple[Instant, Instant]:
        wanted = self.date_range
        start = warsaw.parse(wanted.start)
        if self.is_beyond(hwm):
            return start, start
        end = now if wanted.end is None else warsaw.parse(wanted.end)
        if self._is_restricted:
            end = min(end, hwm)
        if start > end:
            raise invalid("filters.dateRange.from", at_most(wanted.end or iso(now)))
        if end - start > _LONGEST_RANGE_DAYS * DAY * SECOND:
            raise invalid("filters.dateRange", CONDITION, f"dateRange: more than {_LONGEST_RANGE_DAYS} days")
        return start, end

    def _amount(self) -> tuple[str, float | None, float | None] | None:
        amount = self.amount
        if amount is None:
            return None
        return _AMOUNTS[amount.type], amount.least, amount.most

    def _buyer(self) -> PartyIdentifier | None:
        buyer = self.buyer_identifier
        if buyer is None:
            return None
        return PartyIdentifier(buyer.type, None if buyer.type == "None" else buyer.value)


class InvoiceMetadata(Content, frozen=True, kw_only=True):
    """OpenAPI: InvoiceMetadata."""

    #: Without a default: an empty list is written, as in the document's example.
    third_subjects: tuple[ThirdSubject, ...]
    issue_date: str
    invoicing_date: str
    acquisition_date: str
    permanent_storage_date: str

    @classmethod
    def of(cls, invoice: Invoice) -> InvoiceMetadata:
        return cls(
            **msgspec.structs.asdict(invoice.content),
            issue_date=_day(invoice.issued_at),
            invoicing_date=iso(invoice.invoiced_at),
            acquisition_date=iso(invoice.acquired_at),
            permanent_storage_date=iso(invoice.stored_at),
        )

    @staticmethod
    def encoded(invoice: Invoice) -> bytes:
        """The JSON of `of(invoice)`, at a third of the cost: packages have thousands."""
        dates = (
            f',"issueDate":"{_day(invoice.issued_at)}","invoicingDate":"{iso(invoice.invoiced_at)}"'
            f',"acquisitionDate":"{iso(invoice.acquired_at)}"'
            f',"permanentStorageDate":"{iso(invoice.stored_at)}"}}'
        )
        # What is kept leaves out an empty list, which is written all the same.
        none = b"" if invoice.content.third_subjects else b',"thirdSubjects":[]'
        return _encode(invoice.content)[:-1] + none + dates.encode()


class QueryInvoicesMetadataResponse(Body):
    """OpenAPI: QueryInvoicesMetadataResponse."""

    has_more: bool
    is_truncated: bool
    invoices: list[InvoiceMetadata]
    permanent_storage_hwm_date: str | None = None

    @classmethod
    def of(cls, found: Found, query: Query, hwm: Instant) -> QueryInvoicesMetadataResponse:
        return cls(
            has_more=found.has_more,
            is_truncated=found.is_truncated,
            invoices=[InvoiceMetadata.of(invoice) for invoice in found.invoices],
            permanent_storage_hwm_date=shown_hwm(query, hwm),
        )


def shown_hwm(query: Query, hwm: Instant) -> str | None:
    """`permanentStorageHwmDate` of an answer: for queries by that date alone, none later than they reach."""
    by_storage = query.date_type is DateType.PERMANENT_STORAGE
    return iso(min(query.end, hwm)) if by_storage else None


# -- seeds ------------------------------------------------------------------------------------------------


class InvoiceSeed(Body, forbid_unknown_fields=True):
    """OpenAPI: InvoiceMetadata, of which only the seller is required: the rest has sensible values."""

    seller: Seller
    buyer: Buyer = Buyer(PartyIdentifier("None"))
    ksef_number: KsefNumber | None = None
    invoice_number: InvoiceNumber | None = None
    #: YYYY-MM-DD; the day of the invoicing date unless given.
    issue_date: str | None = None
    #: Now unless given; the later dates follow it.
    invoicing_date: str | None = None
    acquisition_date: str | None = None
    permanent_storage_date: str | None = None
    net_amount: float = 100.0
    gross_amount: float = 123.0
    vat_amount: float = 23.0
    currency: str = "PLN"
    invoicing_mode: InvoicingMode = "Online"
    invoice_type: InvoiceType = "Vat"
    form_code: FormCode = FormCode("FA (3)", "1-0E", "FA")
    is_self_invoicing: bool = False
    has_attachment: bool = False
    invoice_hash: Sha256 | None = None
    hash_of_corrected_invoice: Sha256 | None = None
    third_subjects: tuple[ThirdSubject, ...] = ()
    authorized_subject: AuthorizedSubject | None = None

    def invoice(self, now: Instant) -> Invoice:
        """The invoice, accepted `now` unless the seed says otherwise.

        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        if self.currency not in CURRENCY_CODES:
            raise invalid("currency", CONDITION, f"{self.currency!r} is no code of a currency")
        invoiced_at = _date_or("invoicingDate", self.invoicing_date, now)
        acquired_at = _date_or("acquisitionDate", self.acquisition_date, invoiced_at)
        day = to_datetime(acquired_at).astimezone(warsaw.warsaw()).strftime("%Y%m%d")
        number = self.ksef_number or ksef_number(self.seller.nip, day, secrets.token_hex(6).upper())
        content = Content(
            ksef_number=number,
            invoice_number=self.invoice_number or f"FA/{number[-15:-3]}",
            seller=self.seller,
            buyer=self.buyer,
            net_amount=self.net_amount,
            gross_amount=self.gross_amount,
            vat_amount=self.vat_amount,
            currency=self.currency,
            invoicing_mode=self.invoicing_mode,
            invoice_type=self.invoice_type,
            form_code=self.form_code,
            is_self_invoicing=self.is_self_invoicing,
            has_attachment=self.has_attachment,
            invoice_hash=self.invoice_hash or b64encode(hashlib.sha256(number.encode()).digest()).decode(),
            hash_of_corrected_invoice=self.hash_of_corrected_invoice,
            third_subjects=self.third_subjects,
            authorized_subject=self.authorized_subject,
        )
        return Invoice(
            content=content,
            issued_at=warsaw.midnight(_date_or("issueDate", self.issue_date, invoiced_at)),
            invoiced_at=invoiced_at,
            acquired_at=acquired_at,
            stored_at=_date_or("permanentStorageDate", self.permanent_storage_date, acquired_at),
        )


class SeedInvoicesRequest(Body, forbid_unknown_fields=True):
    """POST /_mock/invoices: metadata alone, or whole documents."""

    invoices: tuple[InvoiceSeed, ...] = ()
    #: XML.
    documents: tuple[str, ...] = ()


class SeedInvoicesResponse(Body):
    """The KSeF numbers of the seeded invoices, in order."""

    ksef_numbers: list[str]


def _date_or(field: str, text: str | None, default: Instant) -> Instant:
    try:
        return default if text is None else warsaw.exact(text)
    except ValueError:
        raise invalid(field, FORMAT) from None
