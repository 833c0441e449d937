"""`ksef invoice`: sending, finding and downloading invoices."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ksef_client_min.commands.common import (
    REFUSED,
    explained,
    json_option,
    logged_in,
    moment_option,
    show_list,
    spinner,
    write_output,
)
from ksef_client_min.commands.session import resumed, row_of
from ksef_client_min.operations import invoices, sending
from ksef_client_min.session_file import Home

_COLUMNS = ("ksefNumber", "invoiceNumber", "issueDate", "seller", "grossAmount", "currency")


@click.group()
def invoice() -> None:
    """Send, find and download invoices."""


@invoice.command()
@moment_option("--from", "date_from", required=True, help="ISO 8601.")
@moment_option("--to", "date_to", help="ISO 8601; else now.")
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


_SENT = ("file", "invoiceNumber", "status", "description", "ksefNumber")


@invoice.command()
@click.argument(
    "documents", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--form",
    default="FA3",
    show_default=True,
    type=click.Choice(list(sending.FORM_CODES)),
    help="Of a session that is opened for this; one that is open already has its own.",
)
@click.option("--offline", is_flag=True, help="They were issued offline.")
@click.option(
    "--corrects",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The refused file that the DOCUMENT corrects technically; implies --offline.",
)
@json_option
@explained
def send(documents: tuple[Path, ...], form: str, offline: bool, corrects: Path | None, as_json: bool) -> None:
    """Send DOCUMENTS and wait for what KSeF says: into the open session, or one that is opened and closed.

    Exit code 1 if one was refused.
    """
    if corrects is not None and len(documents) != 1:
        raise click.UsageError("--corrects goes with one DOCUMENT")
    corrected = None if corrects is None else hashlib.sha256(corrects.read_bytes()).digest()
    rows: list[dict[str, Any]] = []
    with logged_in() as (ksef, login), spinner("Sending", as_json):
        saved = Home().load_open()
        if saved is not None and saved.environment != login.environment:
            saved = None
        session = ksef.open_session(form) if saved is None else resumed(saved)
        try:
            sent = [
                ksef.send_invoice(
                    session,
                    document.read_bytes(),
                    offline_mode=offline or corrected is not None,
                    hash_of_corrected_invoice=corrected,
                )
                for document in documents
            ]
            for document, reference in zip(documents, sent, strict=True):
                found = ksef.await_invoice(session, reference)
                rows.append({"file": str(document), "session": session.reference_number, **row_of(found)})
        finally:
            if saved is None:
                ksef.close_session(session)
    show_list(as_json, "invoices", rows, _SENT)
    if any(row["status"] != 200 for row in rows):
        raise SystemExit(REFUSED)


@invoice.command()
@click.argument("ksef_number")
@click.option("--output", default="-", show_default=True, help="File for the XML, - for stdout.")
@explained
def get(ksef_number: str, output: str) -> None:
    """Download an invoice by its KSeF number."""
    with logged_in() as (ksef, _):
        document = ksef.call(invoices.get(ksef_number))
    write_output(output, document)
