"""The invoices that KSeF has accepted, or that tests seed: their metadata, searched as documented, and files.

An invoice stands in one index for each party that may see it and each of its three dates, so a query looks
only at its own context's invoices, in order. Its file lies apart from its record, and so does what it has to
have alone in all of KSeF, the duplicate key: of processes that accept one invoice at once, one succeeds.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from ksef_mock.clock import Clock, Instant, from_datetime
from ksef_mock.core import dates as warsaw
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.invoices.documents import Document
from ksef_mock.ksef.invoices.metadata import (
    Content,
    DateType,
    FormCode,
    Invoice,
    InvoicingMode,
    PartyIdentifier,
    SubjectType,
)
from ksef_mock.ksef.invoices.numbers import new_ksef_number
from ksef_mock.state.paging import Page, page
from ksef_mock.state.store import Index, Insert, Store, Swap, Table, Write
from ksef_mock.state.update import committed

P = TypeVar("P")

#: A set of filters leads to no more invoices than this (OpenAPI: POST /invoices/query/metadata).
MOST_RESULTS = 10_000

#: Index entries that are looked at before others have their turn.
_CHUNK = 100
#: Entries of an index of hashes that are read at once.
_FEW = 8

#: Indexes of all invoices by the beginning of a hash -> the member of `Content` that it is. One index for all
#: of them: one for each would take more memory than the record.
_BY_HASH = {
    "invoices-by-hash": "invoice_hash",
    "invoices-by-corrected-hash": "hash_of_corrected_invoice",
}

#: The index of all invoices.
_EVERY = "invoices-all"

INVOICES: Table[Invoice] = Table("invoice", Invoice)


class Query(msgspec.Struct, frozen=True, kw_only=True):
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


class InvoiceFile(msgspec.Struct, frozen=True):
    """The octets of an invoice, as they were sent."""

    octets: bytes


class Original(msgspec.Struct, frozen=True, gc=False):
    """The invoice that was accepted first of all with one duplicate key."""

    ksef_number: str
    #: Reference number of its session.
    session: str


FILES: Table[InvoiceFile] = Table("invoice-file", InvoiceFile, bulky=True)
#: By the duplicate key.
ORIGINALS: Table[Original] = Table("invoice-original", Original)


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """How an invoice was accepted: what its document does not say."""

    form: FormCode
    mode: InvoicingMode
    #: Reference number of the session.
    session: str
    #: Of the send, or of the batch session's opening.
    invoiced_at: Instant
    #: When the KSeF number was given.
    acquired_at: Instant
    #: When it is stored for good; until then nobody finds it.
    stored_at: Instant
    #: SHA-256 of the refused file, in Base64, if this is a technical correction.
    hash_of_corrected: str | None = None
    #: Of the login that sent it.
    context: Identifier | None = None
    #: The number that it was given by another mock, and with it its dates; None: a new one.
    ksef_number: str | None = None


class Invoices:
    """The invoices of one mock.

    Args:
        clock: tells which invoices are stored already; without it all are.
    """

    def __init__(self, store: Store, most_results: int = MOST_RESULTS, clock: Clock | None = None) -> None:
        self._store = store
        self._most = most_results
        self._clock = clock

    async def add(self, invoice: Invoice) -> bool:
        """Keep the metadata of an invoice; False (and nothing changed) if its KSeF number is taken."""
        return await self._store.commit(*_insertion(invoice))

    # -- acceptance -------------------------------------------------------------------------------------

    async def original(self, document: Document) -> Original | None:
        """The accepted invoice of which this one would be a duplicate; None if there is none."""
        key = document.duplicate_key
        return None if key is None else await self._store.get(ORIGINALS, _joined(key))

    def acceptance(
        self, document: Document, file: bytes, accepted: Acceptance, digest: str | None = None
    ) -> tuple[Invoice, Sequence[Write]]:
        """An invoice with a KSeF number of its own, and the writes that its acceptance consists in.

        They are for one commit, together with whatever else changes. If that fails, somebody may have been
        faster with the same duplicate key: ask for the `original` again, then for another acceptance.

        Args:
            document: valid: it has a seller, a number, a kind and a date.
            file: the octets, as they were sent.
            digest: their SHA-256 in Base64, where it is known already.
        """
        key, seller, issued = document.duplicate_key, document.seller, document.issue_date
        assert key is not None
        assert seller is not None
        assert issued is not None
        assert document.invoice_type is not None
        number = accepted.ksef_number or new_ksef_number(seller.nip, accepted.acquired_at)
        content = Content(
            ksef_number=number,
            invoice_number=document.number or "",
            seller=_alike(seller),
            buyer=_alike(document.buyer),
            net_amount=float(document.net),
            gross_amount=float(document.gross),
            vat_amount=float(document.vat),
            currency=_alike(document.currency or "PLN"),
            invoicing_mode=accepted.mode,
            invoice_type=document.invoice_type,
            form_code=accepted.form,
            is_self_invoicing=document.is_self_invoicing,
            has_attachment=document.has_attachment,
            invoice_hash=digest or b64encode(sha256(file).digest()).decode(),
            hash_of_corrected_invoice=accepted.hash_of_corrected,
            third_subjects=document.third_subjects,
            authorized_subject=document.authorized_subject,
        )
        # Verification has taken its time: what is complete up to now must not change any more.
        is_new = self._clock is not None and accepted.ksef_number is None
        now = self._clock.now() if self._clock is not None and is_new else accepted.stored_at
        invoice = Invoice(
            content=content,
            issued_at=_midnight(issued),
            invoiced_at=accepted.invoiced_at,
            acquired_at=accepted.acquired_at,
            stored_at=max(accepted.stored_at, now),
            session=accepted.session,
            context=accepted.context,
        )
        return invoice, (
            Insert(
                ORIGINALS, _joined(key), Original(number, accepted.session), _forgotten_at(int(issued[:4]))
            ),
            Insert(FILES, number, InvoiceFile(file), None),
            *_insertion(invoice),
        )

    async def accept(self, document: Document, file: bytes, accepted: Acceptance) -> Invoice | Original:
        """Accept an invoice on its own; the original if it is a duplicate."""

        async def attempt() -> tuple[Invoice | Original, Sequence[Write]]:
            known = await self.original(document)
            return (known, ()) if known is not None else self.acceptance(document, file, accepted)

        return await committed(self._store, attempt)

    async def moved(self, ksef_number: str, by: Instant) -> Sequence[Write]:
        """The writes by which an invoice is accepted and stored later than was planned, or earlier.

        Args:
            by: ns; below 0: earlier.
        """
        found = await self._store.get(INVOICES, ksef_number)
        if found is None:
            return ()
        following = msgspec.structs.replace(
            found, acquired_at=found.acquired_at + by, stored_at=found.stored_at + by
        )
        return Swap(INVOICES, ksef_number, found, following, None), *_indexing(following)

    # -- reading ----------------------------------------------------------------------------------------

    async def get(self, ksef_number: str) -> Invoice | None:
        """The invoice with this number, stored already or not (`is_stored`)."""
        return await self._store.get(INVOICES, ksef_number)

    async def file(self, ksef_number: str) -> bytes | None:
        """The octets as they were sent; None where there are none, such as of a seeded invoice."""
        found = await self._store.get(FILES, ksef_number)
        return None if found is None else found.octets

    async def downloaded(self, ksef_number: str, context: Identifier) -> bytes:
        """The file of an invoice, for one of its parties.

        Raises:
            BadRequest: 21164, there is none, or the context is no party of it; 21165, it is not stored yet.
        """
        invoice = await self.get(ksef_number)
        refusal = f"Faktura o numerze KSeF {ksef_number[:36]} "
        if invoice is None or not invoice.involves(context):
            why = "there is none" if invoice is None else f"{context} is no party of it"
            raise BadRequest(Code.NO_INVOICE, f"{refusal}nie została znaleziona.", reason=why)
        if not self.is_stored(invoice):
            raise BadRequest(
                Code.INVOICE_NOT_STORED,
                f"{refusal}została przetworzona, ale nie jest jeszcze dostępna do pobrania. "
                "Spróbuj ponownie później.",
            )
        file = await self.file(ksef_number)
        if file is None:
            why = "it was seeded by its metadata alone, without a document"
            raise BadRequest(Code.NO_INVOICE, f"{refusal}nie została znaleziona.", reason=why)
        return file

    async def page(self, size: int, continuation: str | None) -> Page[Invoice]:
        """A page of all invoices of all contexts, the newest first.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        return await page(self._store, _EVERY, size, continuation, self.get)

    async def by_hash(self, digest: str) -> Sequence[Invoice]:
        """The invoices with a file of this SHA-256 (Base64), and corrections of such a refused file."""
        found = []
        for index, member in _BY_HASH.items():
            cursor = (_place(digest) + 1, "")
            while entries := await self._store.newest(index, _FEW, before=cursor):
                for place, number in entries:
                    invoice = await self._store.get(INVOICES, number) if place == _place(digest) else None
                    if invoice is not None and getattr(invoice.content, member) == digest:
                        found.append(invoice)
                cursor = entries[-1]
                if cursor[0] != _place(digest):
                    break
        return sorted(found, key=attrgetter("acquired_at"), reverse=True)

    def is_stored(self, invoice: Invoice, at: Instant | None = None) -> bool:
        """Whether an invoice has come to be stored for good; seeded ones are, whatever their dates.

        `at`: this moment instead of now.
        """
        if invoice.session is None or self._clock is None:
            return True
        return invoice.stored_at <= (self._clock.now() if at is None else at)

    async def of_party(
        self, party: Identifier, subject_type: SubjectType, size: int, continuation: str | None
    ) -> Page[Invoice]:
        """A page of the invoices in which somebody plays this part, the latest in KSeF first.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        index = _index(subject_type, party, DateType.PERMANENT_STORAGE)
        return await page(self._store, index, size, continuation, self.get)

    # -- searching --------------------------------------------------------------------------------------

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

    async def oldest(
        self, context: Identifier, query: Query, most: int, *, at: Instant
    ) -> tuple[Sequence[Invoice], bool]:
        """The first `most` invoices in the order of the date of the query, and whether there are more.

        Args:
            at: those that were stored by this moment.
        """
        found: deque[Invoice] = deque(maxlen=most)
        more = False
        async for invoice in self._dated(context, query, at):  # the newest first
            more = len(found) == most
            found.append(invoice)
        return tuple(reversed(found)), more

    async def _dated(
        self, context: Identifier, query: Query, at: Instant | None = None
    ) -> AsyncIterator[Invoice]:
        index = _index(query.subject_type, context, query.date_type)
        start = warsaw.midnight(query.start) if query.date_type is DateType.ISSUE else query.start
        cursor = (query.end + 1, "")
        while entries := await self._store.newest(index, _CHUNK, before=cursor):
            for position, number in entries:
                if position < start:
                    return
                invoice = await self._store.get(INVOICES, number)
                if invoice is not None and self.is_stored(invoice, at) and query.matches(invoice.content):
                    yield invoice
            cursor = entries[-1]
            await asyncio.sleep(0)


def _insertion(invoice: Invoice) -> list[Write]:
    return [Insert(INVOICES, invoice.content.ksef_number, invoice, None), *_indexing(invoice)]


def _indexing(invoice: Invoice) -> list[Write]:
    content, number = invoice.content, invoice.content.ksef_number
    dates = [invoice.dated(date_type) for date_type in DateType]
    writes: list[Write] = [Index(_EVERY, number, invoice.acquired_at, None)]
    for subject_type, party in dict.fromkeys(invoice.parties):
        indexes = _indexes_of(subject_type, party)
        writes += [Index(name, number, moment, None) for name, moment in zip(indexes, dates, strict=True)]
    for name, member in _BY_HASH.items():
        digest = getattr(content, member)
        if digest is not None:
            writes.append(Index(name, number, _place(digest), None))
    return writes


@lru_cache(maxsize=1_024)
def _indexes_of(subject_type: SubjectType, party: Identifier) -> tuple[str, ...]:
    """The index of each date. Kept, since the same parties come again and again."""
    return tuple(_index(subject_type, party, date_type) for date_type in DateType)


def _alike(part: P) -> P:
    """The same, as one object in all invoices that were accepted lately: sellers, buyers, currencies."""
    found: P = _kept_alike(part)
    return found


@lru_cache(maxsize=1_024)
def _kept_alike(part: Any) -> Any:
    return part


@lru_cache(maxsize=256)
def _midnight(day: str) -> Instant:
    """When a day begins in Warsaw."""
    return warsaw.exact(day)


@lru_cache(maxsize=64)
def _forgotten_at(year: int) -> Instant:
    """When the duplicate key of an invoice of this year is free: ten full years after it."""
    return from_datetime(datetime(year + 11, 1, 1, tzinfo=warsaw.warsaw()))


def _joined(key: tuple[str, str, str]) -> str:
    return "|".join(key)


def _place(digest: str) -> int:
    """Where a hash stands in an index of hashes, perhaps beside others that begin so."""
    return int.from_bytes(digest[:6].encode(), "big")


def _index(subject_type: SubjectType, party: Identifier, date_type: DateType) -> str:
    return f"invoices:{subject_type}:{party}:{date_type}"
