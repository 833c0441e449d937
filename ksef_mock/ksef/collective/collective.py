"""Collective identifiers: one number for several invoices of one seller, to be named in a payment.

Never changed once made, never deleted. One stands in an index for each that finds it in his list, and in one
for each of its invoices; its invoices lie apart from it, since lists show their number alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.collective import rules
from ksef_mock.ksef.invoices.invoices import INVOICES, Invoices
from ksef_mock.state.paging import Page, cursor, page, token
from ksef_mock.state.store import Get, Index, Insert, Store, Table, Write
from ksef_mock.state.update import committed, placed


class Payment(msgspec.Struct, frozen=True):
    """What is paid for an invoice."""

    amount: float
    currency: str


class Named(msgspec.Struct, frozen=True):
    """An invoice of a collective identifier, and the details that its maker gave."""

    ksef_number: str
    payment: Payment | None = None
    description: str | None = None

    @property
    def has_details(self) -> bool:
        """Whether there is anything to hide."""
        return self.payment is not None or self.description is not None


class CollectiveIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """A collective identifier without its invoices."""

    number: str
    #: Where it was made.
    context: Identifier
    created_at: Instant
    invoice_count: int


class _Invoices(msgspec.Struct, frozen=True):
    #: By KSeF number, descending.
    named: tuple[Named, ...]


class _Uses(msgspec.Struct, frozen=True):
    """To how many collective identifiers of one context an invoice belongs."""

    count: int


IDENTIFIERS: Table[CollectiveIdentifier] = Table("collective-identifier", CollectiveIdentifier)
_INVOICES: Table[_Invoices] = Table("collective-identifier-invoices", _Invoices, bulky=True)
_USES: Table[_Uses] = Table("collective-identifier-uses", _Uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for; None: any. All bounds are included."""

    start: Instant
    end: Instant
    number: str | None = None
    fewest: int | None = None
    most: int | None = None
    created_here: bool | None = None

    def matches(self, found: CollectiveIdentifier, context: Identifier) -> bool:
        """Whether one satisfies every filter, dates aside."""
        return (
            self.number in (None, found.number)
            and (self.fewest is None or found.invoice_count >= self.fewest)
            and (self.most is None or found.invoice_count <= self.most)
            and self.created_here in (None, found.context == context)
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """An invoice of a collective identifier, as somebody sees it."""

    collective_number: str
    #: Without its details if they are hidden.
    named: Named
    are_details_hidden: bool


class CollectiveIdentifiers:
    """The collective identifiers of one mock."""

    def __init__(self, store: Store, clock: Clock, invoices: Invoices) -> None:
        self._store = store
        self._clock = clock
        self._all_invoices = invoices
        self._most_of_an_invoice = rules.MOST_OF_AN_INVOICE

    async def create(self, context: Identifier, named: Sequence[Named], most: int) -> CollectiveIdentifier:
        """A new one of these invoices.

        Args:
            named: at least two.
            most: how many at most (GET /limits/context).

        Raises:
            BadRequest: 21405, too many; 71001, 71002, 71004, 71005 with a detail for each invoice concerned.
        """
        numbers = [each.ksef_number for each in named]
        rules.require_count(len(numbers), most)
        rules.require_once(numbers)
        rules.require_known(numbers, await self._known(numbers))
        rules.require_one_seller(numbers)
        invoices = _Invoices(tuple(sorted(named, key=lambda each: each.ksef_number, reverse=True)))

        async def attempt() -> tuple[CollectiveIdentifier, Sequence[Write]]:
            keys = {number: f"{context}|{number}" for number in numbers}
            await self._store.prefetch(*(Get(_USES, key) for key in keys.values()))
            uses = {number: await self._store.get(_USES, key) for number, key in keys.items()}
            counts = {number: found.count if found else 0 for number, found in uses.items()}
            rules.require_room(counts, self._most_of_an_invoice)
            now = self._clock.now()
            made = CollectiveIdentifier(
                number=rules.new_number(rules.seller_of(numbers[0]), now),
                context=context,
                created_at=now,
                invoice_count=len(numbers),
            )
            lists = [_of(context), _of(_seller(made)), _of(None), *map(_naming, numbers)]
            return made, (
                Insert(IDENTIFIERS, made.number, made, None),
                Insert(_INVOICES, made.number, invoices, None),
                *(placed(_USES, keys[n], uses[n], _Uses(counts[n] + 1), None) for n in numbers),
                *(Index(name, made.number, now, None) for name in dict.fromkeys(lists)),
            )

        return await committed(self._store, attempt)

    async def _known(self, numbers: Sequence[str]) -> set[str]:
        await self._store.prefetch(*(Get(INVOICES, number) for number in numbers))
        found = [await self._all_invoices.get(number) for number in numbers]
        return {
            invoice.content.ksef_number
            for invoice in found
            if invoice is not None and self._all_invoices.is_stored(invoice)
        }

    async def of_context(
        self, context: Identifier, query: Query, size: int, continuation: str | None
    ) -> Page[CollectiveIdentifier]:
        """Those made in a context, and of a NIP also those of its own invoices; the newest first.

        Raises:
            BadRequest: 21418.
        """

        async def shown(number: str) -> CollectiveIdentifier | None:
            found = await self._store.get(IDENTIFIERS, number)
            return found if found is not None and query.matches(found, context) else None

        span = (query.start, query.end)
        return await page(self._store, _of(context), size, continuation, shown, span=span, refusal=_refusal)

    async def of_anybody(
        self, viewer: Identifier | None, size: int, continuation: str | None
    ) -> Page[CollectiveIdentifier]:
        """A page of those that somebody finds in his list, or of all, newest first; for people.

        Raises:
            BadRequest: 21418.
        """
        return await page(self._store, _of(viewer), size, continuation, self.find)

    async def find(self, number: str) -> CollectiveIdentifier | None:
        """The one with this number."""
        return await self._store.get(IDENTIFIERS, number)

    async def named(self, number: str) -> Sequence[Named]:
        """Its invoices with all details, by KSeF number, descending."""
        found = await self._store.get(_INVOICES, number)
        return () if found is None else found.named

    async def naming(
        self, ksef_number: str, size: int, continuation: str | None
    ) -> Page[CollectiveIdentifier]:
        """All that an invoice belongs to, whoever made them; the newest first.

        Raises:
            BadRequest: 21418.
        """

        async def shown(number: str) -> CollectiveIdentifier | None:
            return await self._store.get(IDENTIFIERS, number)

        return await page(self._store, _naming(ksef_number), size, continuation, shown, refusal=_refusal)

    async def invoices(
        self, numbers: Sequence[str], context: Identifier, size: int, continuation: str | None
    ) -> Page[Shown]:
        """The invoices of these collective identifiers, by KSeF number, descending.

        Whoever knows a number may ask; details are for who made it and for the parties of the invoice.

        Raises:
            BadRequest: 21418.
        """
        after = cursor(continuation, tuple[str, str], _refusal)
        made = {number: await self._store.get(IDENTIFIERS, number) for number in dict.fromkeys(numbers)}
        entries = [
            (named.ksef_number, number, named)
            for number, found in made.items()
            if found is not None
            for named in await self.named(number)
            if after is None or (named.ksef_number, number) < after
        ]
        following = heapq.nlargest(size + 1, entries, key=lambda entry: entry[:2])
        items = [
            await self._shown(found, named, context)
            for _, number, named in following[:size]
            if (found := made[number]) is not None
        ]
        return Page(items, token(following[size - 1][:2]) if len(following) > size else None)

    async def _shown(self, found: CollectiveIdentifier, named: Named, context: Identifier) -> Shown:
        if not named.has_details or found.context == context:
            return Shown(found.number, named, are_details_hidden=False)
        invoice = await self._all_invoices.get(named.ksef_number)
        if invoice is not None and invoice.involves(context):
            return Shown(found.number, named, are_details_hidden=False)
        return Shown(found.number, Named(named.ksef_number), are_details_hidden=True)


def _refusal() -> BadRequest:
    # Worded otherwise than everywhere else, and without details (OpenAPI, the 400 of these operations).
    return BadRequest(
        Code.CONTINUATION_TOKEN,
        description="Przesłany token kontynuacji jest nieprawidłowy.",
        reason="the continuation token is not one of ours",
    )


def _seller(made: CollectiveIdentifier) -> Identifier:
    return Identifier("Nip", rules.seller_of(made.number))


def _of(viewer: Identifier | None) -> str:
    return f"collective-identifiers:{viewer or '*'}"


def _naming(ksef_number: str) -> str:
    return f"collective-identifiers-naming:{ksef_number}"
