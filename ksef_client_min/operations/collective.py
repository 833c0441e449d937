"""Collective identifiers: one number for several invoices of one seller, to be named in a payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ksef_client_min.call import Call, Send, after
from ksef_client_min.models import (
    CollectiveIdentifierInvoicePage,
    CollectiveIdentifierPage,
    GeneratedCollectiveIdentifier,
)


def entry(
    ksef_number: str, payment: tuple[float, str] | None = None, description: str | None = None
) -> dict[str, Any]:
    """An invoice for `generate`. `payment`: amount and currency; `description`: 512 characters at most."""
    made: dict[str, Any] = {"ksefNumber": ksef_number}
    if payment is not None:
        made["payment"] = {"amount": payment[0], "currency": payment[1]}
    if description is not None:
        made["description"] = description
    return made


def generate(entries: Iterable[dict[str, Any] | str]) -> Call[GeneratedCollectiveIdentifier]:
    """POST /collective-identifiers. `entries`: two or more KSeF numbers, or what `entry` makes."""
    invoices = [entry(each) if isinstance(each, str) else each for each in entries]
    return Call(
        Send("POST", "/collective-identifiers", json={"invoices": invoices}), GeneratedCollectiveIdentifier
    )


def query(
    date_from: datetime,
    date_to: datetime,
    *,
    page_size: int = 10,
    continuation_token: str | None = None,
    **filters: Any,
) -> Call[CollectiveIdentifierPage]:
    """POST /collective-identifiers/query: those that the context finds, the newest first.

    Args:
        date_from, date_to: when they were made, at most 100 days apart.
        filters: any other member of the request, by its name in the API.
    """
    body = {"dateCreatedFrom": date_from.isoformat(), "dateCreatedTo": date_to.isoformat(), **filters}
    return Call(
        Send(
            "POST",
            "/collective-identifiers/query",
            json=body,
            params={"pageSize": str(page_size)},
            headers=after(continuation_token),
        ),
        CollectiveIdentifierPage,
    )


def invoices(
    numbers: Sequence[str], page_size: int = 10, continuation_token: str | None = None
) -> Call[CollectiveIdentifierInvoicePage]:
    """POST /collective-identifiers/invoices: the invoices of up to ten of them, by KSeF number."""
    return Call(
        Send(
            "POST",
            "/collective-identifiers/invoices",
            json={"collectiveIdentifierNumbers": list(numbers)},
            params={"pageSize": str(page_size)},
            headers=after(continuation_token),
        ),
        CollectiveIdentifierInvoicePage,
    )


def of_invoice(
    ksef_number: str, page_size: int = 10, continuation_token: str | None = None
) -> Call[CollectiveIdentifierPage]:
    """GET /collective-identifiers/ksef/{ksefNumber}: those that an invoice belongs to, the newest first."""
    path = f"/collective-identifiers/ksef/{ksef_number}"
    params = {"pageSize": str(page_size)}
    return Call(Send("GET", path, params=params, headers=after(continuation_token)), CollectiveIdentifierPage)
