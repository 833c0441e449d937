"""`ksef collective`: one number for several invoices of one seller, to be named in a payment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ksef_client_min.commands.common import (
    Group,
    explained,
    json_option,
    logged_in,
    moment_option,
    show,
    show_list,
    spinner,
)
from ksef_client_min.models import CollectiveIdentifier
from ksef_client_min.operations import collective as operations

_COLUMNS = ("collectiveIdentifierNumber", "created", "createdHere")
_INVOICES = ("ksefNumber", "collectiveIdentifierNumber", "amount", "currency", "description", "detailsHidden")
#: A query reaches no further back at once.
_LONGEST = timedelta(days=100)


@click.group(cls=Group)
def collective() -> None:
    """Make and resolve collective identifiers (identyfikatory zbiorcze)."""


@collective.command()
@click.argument("ksef_numbers", nargs=-1, required=True)
@click.option(
    "--pay",
    "payments",
    nargs=3,
    multiple=True,
    type=(str, float, str),
    metavar="KSEF_NUMBER AMOUNT CURRENCY",
    help="What is paid for one of them; repeatable.",
)
@click.option(
    "--note",
    "notes",
    nargs=2,
    multiple=True,
    metavar="KSEF_NUMBER TEXT",
    help="A description of one of them, 512 characters at most; repeatable.",
)
@json_option
@explained
def create(
    ksef_numbers: tuple[str, ...],
    payments: tuple[tuple[str, float, str], ...],
    notes: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Make one of two or more invoices of one seller."""
    paid = {number: (amount, currency) for number, amount, currency in payments}
    noted = dict(notes)
    strangers = sorted({*paid, *noted} - {*ksef_numbers})
    if strangers:
        raise click.UsageError(f"not among the KSEF_NUMBERS: {', '.join(strangers)}")
    entries = [operations.entry(number, paid.get(number), noted.get(number)) for number in ksef_numbers]
    with logged_in() as (ksef, _), spinner("Making a collective identifier", as_json):
        made = ksef.call(operations.generate(entries)).collective_identifier_number
    show(as_json, {"collectiveIdentifierNumber": made}, made)


@collective.command(name="list")
@moment_option("--from", "date_from", help="Made since; ISO 8601, else 100 days before --to.")
@moment_option("--to", "date_to", help="Made until; ISO 8601, else now.")
@click.option("--made-here/--made-by-others", "here", default=None, help="Only those.")
@click.option("--size", default=10, show_default=True, type=click.IntRange(10, 200), help="At most so many.")
@json_option
@explained
def list_(
    date_from: datetime | None, date_to: datetime | None, here: bool | None, size: int, as_json: bool
) -> None:
    """List those of the context, and those that others made of its invoices; the newest first."""
    end = date_to or datetime.now(UTC)
    filters: dict[str, Any] = {} if here is None else {"createdInCurrentContext": here}
    with logged_in() as (ksef, _):
        page = ksef.call(operations.query(date_from or end - _LONGEST, end, page_size=size, **filters))
    rows = [{**_row(each), "invoices": each.invoice_count} for each in page.collective_identifiers]
    columns = (*_COLUMNS, "invoices")
    show_list(as_json, "collectiveIdentifiers", rows, columns, more=page.continuation_token is not None)


@collective.command()
@click.argument("numbers", nargs=-1, required=True)
@click.option("--size", default=100, show_default=True, type=click.IntRange(10, 500), help="At most so many.")
@json_option
@explained
def invoices(numbers: tuple[str, ...], size: int, as_json: bool) -> None:
    """List the invoices behind up to ten NUMBERS: what a payment was for."""
    with logged_in() as (ksef, _):
        page = ksef.call(operations.invoices(numbers, size))
    rows = [
        {
            "ksefNumber": each.ksef_number,
            "collectiveIdentifierNumber": each.collective_identifier_number,
            "amount": each.payment.amount if each.payment else None,
            "currency": each.payment.currency if each.payment else None,
            "description": each.description,
            "detailsHidden": each.details_hidden,
        }
        for each in page.invoices
    ]
    show_list(as_json, "invoices", rows, _INVOICES, more=page.continuation_token is not None)


@collective.command()
@click.argument("ksef_number")
@click.option("--size", default=10, show_default=True, type=click.IntRange(10, 200), help="At most so many.")
@json_option
@explained
def find(ksef_number: str, size: int, as_json: bool) -> None:
    """List those that an invoice belongs to, the newest first."""
    with logged_in() as (ksef, _):
        page = ksef.call(operations.of_invoice(ksef_number, size))
    rows = [_row(each) for each in page.collective_identifiers]
    show_list(as_json, "collectiveIdentifiers", rows, _COLUMNS, more=page.continuation_token is not None)


def _row(each: CollectiveIdentifier) -> dict[str, object]:
    return {
        "collectiveIdentifierNumber": each.collective_identifier_number,
        "created": each.date_created.isoformat(timespec="seconds"),
        "createdHere": each.created_in_current_context,
    }
