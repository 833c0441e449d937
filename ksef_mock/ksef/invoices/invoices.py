"""Metadata of invoices: kept from what tests seed, and searched as documented.

Nothing here sends or reads an invoice itself. An invoice stands in one index for each party that may see it
and each of its three dates, so a query looks only at its own context's invoices, in order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core import dates as warsaw
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier
from ksef_mock.state.store import Index, Insert, Store, Table

#: A set of filters leads to no more invoices than this (OpenAPI: POST /invoices/query/metadata).
MOST_RESULTS = 10_000

_CHUNK = 1_000

_NIP = CONTEXT_PATTERNS["Nip"].pattern
#: 36 characters, with one more hyphen, are numbers of KSeF 1.0.
_KSEF_NUMBER = (
    rf"{_NIP}-(?:20[2-9][0-9]|2[1-9][0-9]{{2}}|[3-9][0-9]{{3}})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"-[0-9A-F]{6}-?[0-9A-F]{6}-[0-9A-F]{2}"
)

Nip: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^{_NIP}\Z")]
KsefNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^{_KSEF_NUMBER}\Z")]
InvoiceNumber: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
IdentifierValue: TypeAlias = Annotated[str, msgspec.Meta(max_length=50)]
Sha256: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z+/]{43}=\Z")]
BuyerType: TypeAlias = Literal["Nip", "VatUe", "Other", "None"]
PartyType: TypeAlias = Literal["Nip", "InternalId", "VatUe", "Other", "None"]
InvoicingMode: TypeAlias = Literal["Online", "Offline"]
InvoiceType: TypeAlias = Literal[
    "Vat",
    "Zal",
    "Kor",
    "Roz",
    "Upr",
    "KorZal",
    "KorRoz",
    "VatPef",
    "VatPefSp",
    "KorPef",
    "VatRr",
    "KorVatRr",
]


class SubjectType(StrEnum):
    """OpenAPI: InvoiceQuerySubjectType. The part that the context plays in an invoice."""

    SELLER = "Subject1"
    BUYER = "Subject2"
    THIRD = "Subject3"
    AUTHORIZED = "SubjectAuthorized"


class DateType(StrEnum):
    """OpenAPI: InvoiceQueryDateType."""

    ISSUE = "Issue"
    INVOICING = "Invoicing"
    PERMANENT_STORAGE = "PermanentStorage"


class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """Kept as it is answered, and as it is seeded."""


class Seller(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataSeller."""

    nip: Nip
    name: Name | None = None


class PartyIdentifier(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataBuyerIdentifier, InvoiceMetadataThirdSubjectIdentifier."""

    type: PartyType
    value: IdentifierValue | None = None


class Buyer(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataBuyer."""

    identifier: PartyIdentifier
    name: Name | None = None


class FormCode(_Part, frozen=True):
    """OpenAPI: FormCode."""

    system_code: str
    schema_version: str
    value: str


class ThirdSubject(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataThirdSubject."""

    identifier: PartyIdentifier
    role: Annotated[int, msgspec.Meta(ge=0, le=11)]
    name: Name | None = None


class AuthorizedSubject(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataAuthorizedSubject."""

    nip: Nip
    role: Annotated[int, msgspec.Meta(ge=1, le=3)]
    name: Name | None = None


class Content(_Part, frozen=True, kw_only=True):
    """OpenAPI: InvoiceMetadata, without its dates. Amounts in `currency`, that of the VAT in PLN."""

    ksef_number: KsefNumber
    invoice_number: InvoiceNumber
    seller: Seller
    buyer: Buyer
    net_amount: float
    gross_amount: float
    vat_amount: float
    currency: str
    invoicing_mode: InvoicingMode
    invoice_type: InvoiceType
    form_code: FormCode
    is_self_invoicing: bool
    has_attachment: bool
    invoice_hash: Sha256
    hash_of_corrected_invoice: Sha256 | None = None
    third_subjects: tuple[ThirdSubject, ...] = ()
    authorized_subject: AuthorizedSubject | None = None


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice that KSeF knows."""

    content: Content
    #: Midnight in Warsaw on the day of issue.
    issued_at: Instant
    invoiced_at: Instant
    acquired_at: Instant
    stored_at: Instant

    @property
    def parties(self) -> Iterator[tuple[SubjectType, Identifier]]:
        """Who may see it, and as what."""
        content = self.content
        yield SubjectType.SELLER, Identifier("Nip", content.seller.nip)
        if content.buyer.identifier.type == "Nip" and content.buyer.identifier.value:
            yield SubjectType.BUYER, Identifier("Nip", content.buyer.identifier.value)
        for third in content.third_subjects:
            if third.identifier.type in ("Nip", "InternalId") and third.identifier.value:
                yield SubjectType.THIRD, Identifier(third.identifier.type, third.identifier.value)
        if content.authorized_subject is not None:
            yield SubjectType.AUTHORIZED, Identifier("Nip", content.authorized_subject.nip)

    def dated(self, date_type: DateType) -> Instant:
        """The date of this type."""
        return {
            DateType.ISSUE: self.issued_at,
            DateType.INVOICING: self.invoiced_at,
            DateType.PERMANENT_STORAGE: self.stored_at,
        }[date_type]


INVOICES: Table[Invoice] = Table("invoice", Invoice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for; None: any."""

    subject_type: SubjectType
    date_type: DateType
    #: Both included.
    start: Instant
    end: Instant
    ksef_number: str | None = None
    invoice_number: str | None = None
    #: A member of `Content`, and its bounds, both included.
    amount: tuple[str, float | None, float | None] | None = None
    seller_nip: str | None = None
    buyer: PartyIdentifier | None = None
    currencies: frozenset[str] | None = None
    invoicing_mode: str | None = None
    is_self_invoicing: bool | None = None
    form_type: str | None = None
    invoice_types: frozenset[str] | None = None
    has_attachment: bool | None = None

    def matches(self, content: Content) -> bool:
        """Whether the invoice satisfies every filter, dates and parties aside."""
        return (
            self.ksef_number in (None, content.ksef_number)
            and self.invoice_number in (None, content.invoice_number)
            and self._amount_matches(content)
            and self.seller_nip in (None, content.seller.nip)
            and self.buyer in (None, content.buyer.identifier)
            and (self.currencies is None or content.currency in self.currencies)
            and self.invoicing_mode in (None, content.invoicing_mode)
            and self.is_self_invoicing in (None, content.is_self_invoicing)
            and self.form_type in (None, content.form_code.value)
            and (self.invoice_types is None or content.invoice_type in self.invoice_types)
            and self.has_attachment in (None, content.has_attachment)
        )

    def _amount_matches(self, content: Content) -> bool:
        if self.amount is None:
            return True
        member, least, most = self.amount
        amount: float = getattr(content, member)
        return (least is None or amount >= least) and (most is None or amount <= most)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results."""

    invoices: Sequence[Invoice]
    #: There are results after this page ...
    has_more: bool
    #: ... but no further page shows them: the range of dates must be narrowed.
    is_truncated: bool


class Invoices:
    """The invoices of one mock."""

    def __init__(self, store: Store, most_results: int = MOST_RESULTS) -> None:
        self._store = store
        self._most = most_results

    async def add(self, invoice: Invoice) -> bool:
        """Keep an invoice; False (and nothing changed) if its KSeF number is taken."""
        number = invoice.content.ksef_number
        return await self._store.commit(
            Insert(INVOICES, number, invoice, None),
            *(
                Index(_index(subject_type, party, date_type), number, invoice.dated(date_type), None)
                for subject_type, party in invoice.parties
                for date_type in DateType
            ),
        )

    async def find(
        self, context: Identifier, query: Query, *, ascending: bool, offset: int, size: int
    ) -> Found:
        """Page number `offset` (from 0) of the context's invoices, in the order of the date of the query."""
        matching = [invoice async for invoice in self._dated(context, query)]  # the newest first
        if ascending:
            matching.reverse()
        reachable = matching[: self._most]
        shown_to = min((offset + 1) * size, self._most)
        return Found(
            reachable[offset * size : shown_to],
            has_more=len(matching) > shown_to,
            is_truncated=len(matching) > self._most and shown_to == self._most,
        )

    async def _dated(self, context: Identifier, query: Query) -> AsyncIterator[Invoice]:
        index = _index(query.subject_type, context, query.date_type)
        start = warsaw.midnight(query.start) if query.date_type is DateType.ISSUE else query.start
        cursor = (query.end + 1, "")
        while entries := await self._store.newest(index, _CHUNK, before=cursor):
            for position, number in entries:
                if position < start:
                    return
                invoice = await self._store.get(INVOICES, number)
                if invoice is not None and query.matches(invoice.content):
                    yield invoice
            cursor = entries[-1]


def ksef_number(nip: str, day: str, technical: str) -> str:
    """The KSeF number of an invoice of `nip` accepted on `day`, with its checksum.

    Args:
        day: YYYYMMDD.
        technical: 12 upper hex digits that tell the invoices of a day apart.
    """
    number = f"{nip}-{day}-{technical}"
    return f"{number}-{_crc8(number.encode()):02X}"


def _crc8(data: bytes) -> int:
    # Polynomial 0x07, initial value 0: so the numbers in the examples of the OpenAPI document check.
    checksum = 0
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x07 if checksum & 0x80 else 0)) & 0xFF
    return checksum


def _index(subject_type: SubjectType, party: Identifier, date_type: DateType) -> str:
    return f"invoices:{subject_type}:{party}:{date_type}"
