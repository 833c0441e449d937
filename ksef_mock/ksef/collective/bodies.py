"""Bodies of /collective-identifiers, named as in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import SECOND, iso
from ksef_mock.core import dates
from ksef_mock.core.bodies import Body, Moment, choice
from ksef_mock.core.environment import DAY
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.validation import CONDITION, Broken, at_most
from ksef_mock.ksef.collective.collective import CollectiveIdentifier, Named, Payment, Query, Shown
from ksef_mock.ksef.collective.rules import FEWEST_INVOICES
from ksef_mock.ksef.invoices.currencies import CURRENCY_CODES
from ksef_mock.ksef.invoices.metadata import KsefNumber
from ksef_mock.state.paging import Page

#: CollectiveIdentifiersQueryRequest, `dateCreatedFrom`.
_LONGEST_RANGE = 100 * DAY * SECOND
#: CollectiveIdentifierInvoicesQueryRequest.
_MOST_NUMBERS = 10
#: Bytes that the body has for an invoice at most, its description of 512 characters escaped one by one.
_OF_AN_INVOICE = 4_096
_AROUND = 16_384

Description: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]


class CollectiveIdentifierInvoicePayment(Body):
    """OpenAPI: CollectiveIdentifierInvoicePayment, CollectiveIdentifierInvoicesQueryResponseItemPayment."""

    amount: float
    currency: Annotated[str, choice("CurrencyCode", CURRENCY_CODES)]


class CollectiveIdentifierInvoice(Body):
    """OpenAPI: CollectiveIdentifierInvoice."""

    ksef_number: KsefNumber
    payment: CollectiveIdentifierInvoicePayment | None = None
    description: Description | None = None

    @property
    def named(self) -> Named:
        payment = None if self.payment is None else Payment(self.payment.amount, self.payment.currency)
        return Named(self.ksef_number, payment, self.description)


class GenerateCollectiveIdentifierRequest(Body):
    """OpenAPI: GenerateCollectiveIdentifierRequest."""

    invoices: Annotated[list[CollectiveIdentifierInvoice], msgspec.Meta(min_length=FEWEST_INVOICES)]


def largest_request(most_invoices: int) -> int:
    """Bytes that the body of a request with so many invoices may have."""
    return most_invoices * _OF_AN_INVOICE + _AROUND


class GenerateCollectiveIdentifierResponse(Body):
    """OpenAPI: GenerateCollectiveIdentifierResponse."""

    collective_identifier_number: str


class CollectiveIdentifiersQueryRequest(Body):
    """OpenAPI: CollectiveIdentifiersQueryRequest."""

    date_created_from: Moment
    date_created_to: Moment
    collective_identifier_number: str | None = None
    invoice_count_from: int | None = None
    invoice_count_to: int | None = None
    created_in_current_context: bool | None = None

    def rules(self) -> Iterator[Broken]:
        start, end = dates.parse(self.date_created_from), dates.parse(self.date_created_to)
        if start > end:
            yield Broken("dateCreatedFrom", at_most(self.date_created_to))
        elif end - start > _LONGEST_RANGE:
            yield Broken("dateCreatedFrom", CONDITION)
        fewest, most = self.invoice_count_from, self.invoice_count_to
        if fewest is not None and most is not None and fewest > most:
            yield Broken("invoiceCountFrom", at_most(most))

    @property
    def query(self) -> Query:
        return Query(
            start=dates.parse(self.date_created_from),
            end=dates.parse(self.date_created_to),
            number=self.collective_identifier_number,
            fewest=self.invoice_count_from,
            most=self.invoice_count_to,
            created_here=self.created_in_current_context,
        )


class CollectiveIdentifierItem(Body):
    """OpenAPI: CollectiveIdentifiersQueryResponseItem; without the count that of …ByKsefNumberQuery…."""

    collective_identifier_number: str
    date_created: str
    created_in_current_context: bool
    invoice_count: int | None = None


class CollectiveIdentifiersQueryResponse(Body):
    """OpenAPI: CollectiveIdentifiersQueryResponse, CollectiveIdentifiersByKsefNumberQueryResponse."""

    collective_identifiers: list[CollectiveIdentifierItem]
    continuation_token: str | None = None

    @classmethod
    def of(
        cls, found: Page[CollectiveIdentifier], context: Identifier, *, with_count: bool
    ) -> CollectiveIdentifiersQueryResponse:
        items = [
            CollectiveIdentifierItem(
                each.number,
                iso(each.created_at),
                each.context == context,
                each.invoice_count if with_count else None,
            )
            for each in found.items
        ]
        return cls(items, found.continuation)


class CollectiveIdentifierInvoicesQueryRequest(Body):
    """OpenAPI: CollectiveIdentifierInvoicesQueryRequest."""

    collective_identifier_numbers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_MOST_NUMBERS)]


class CollectiveIdentifierInvoicesQueryResponseItem(Body):
    """OpenAPI: CollectiveIdentifierInvoicesQueryResponseItem."""

    ksef_number: str
    collective_identifier_number: str
    details_hidden: bool
    payment: CollectiveIdentifierInvoicePayment | None = None
    description: str | None = None

    @classmethod
    def of(cls, shown: Shown) -> CollectiveIdentifierInvoicesQueryResponseItem:
        payment = shown.named.payment
        return cls(
            shown.named.ksef_number,
            shown.collective_number,
            shown.are_details_hidden,
            None if payment is None else CollectiveIdentifierInvoicePayment(payment.amount, payment.currency),
            shown.named.description,
        )


class CollectiveIdentifierInvoicesQueryResponse(Body):
    """OpenAPI: CollectiveIdentifierInvoicesQueryResponse."""

    invoices: list[CollectiveIdentifierInvoicesQueryResponseItem]
    continuation_token: str | None = None

    @classmethod
    def of(cls, found: Page[Shown]) -> CollectiveIdentifierInvoicesQueryResponse:
        return cls(
            list(map(CollectiveIdentifierInvoicesQueryResponseItem.of, found.items)), found.continuation
        )
