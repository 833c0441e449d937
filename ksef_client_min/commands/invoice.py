"""`ksef invoice`: finding invoices."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ksef_client_min.commands.common import explained, json_option, logged_in, show_list, spinner
from ksef_client_min.operations import invoices

_COLUMNS = ("ksefNumber", "invoiceNumber", "issueDate", "seller", "grossAmount", "currency")


@click.group()
def invoice() -> None:
    """Find invoices."""


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ISO 8601 time like 2026-01-01T00:00:00+00:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@invoice.command()
@click.option("--from", "date_from", required=True, metavar="TIME", callback=_moment, help="ISO 8601.")
@click.option("--to", "date_to", metavar="TIME", callback=_moment, help="ISO 8601; else now.")
@click.option(
    "--subjectType",
    "--subject-type",
    "subject_type",
    default="Subject1",
    show_default=True,
    type=click.Choice(["Subject1", "Subject2", "Subject3", "SubjectAuthorized"]),
    help="As whom: Subject1 is the seller, Subject2 the buyer.",
)
@click.option(
    "--dateType",
    "--date-type",
    "date_type",
    default="PermanentStorage",
    show_default=True,
    type=click.Choice(["Issue", "Invoicing", "PermanentStorage"]),
    help="Which date is meant.",
)
@click.option("--size", default=10, show_default=True, type=click.IntRange(10, 250), help="At most so many.")
@json_option
@explained
def query(
    date_from: datetime,
    date_to: datetime | None,
    subject_type: str,
    date_type: str,
    size: int,
    as_json: bool,
) -> None:
    """List the metadata of invoices of the context."""
    with logged_in() as (ksef, _), spinner("Looking for invoices", as_json):
        page = ksef.call(
            invoices.query_metadata(subject_type, date_from, date_to, date_type=date_type, page_size=size)
        )
    rows = [
        {
            "ksefNumber": each.ksef_number,
            "invoiceNumber": each.invoice_number,
            "issueDate": each.issue_date,
            "seller": each.seller.nip,
            "grossAmount": each.gross_amount,
            "currency": each.currency,
        }
        for each in page.invoices
    ]
    show_list(as_json, "invoices", rows, _COLUMNS, more=page.has_more)
