"""Metadata of invoices: kept from what tests seed, and searched as documented.

Nothing here sends or reads an invoice itself. An invoice stands in one index for each party that may see it
and each of its three dates, so a query looks only at its own context's invoices, in order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ksef_mock.clock import Instant
from ksef_mock.core import dates as warsaw
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.invoices.metadata import Content, DateType, Invoice, PartyIdentifier, SubjectType
from ksef_mock.state.store import Index, Insert, Store, Table

#: A set of filters leads to no more invoices than this (OpenAPI: POST /invoices/query/metadata).
MOST_RESULTS = 10_000

_CHUNK = 1_000

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
