"""`ksef session`: sessions in which invoices are sent, and what packages of them came to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ksef_client_min.commands.common import (
    REFUSED,
    Group,
    explained,
    fail,
    json_option,
    logged_in,
    show,
    show_list,
    spinner,
    write_output,
)
from ksef_client_min.invoice_cipher import SessionKey
from ksef_client_min.models import SendingStatus, SentInvoice
from ksef_client_min.operations import sending
from ksef_client_min.session import OnlineSession
from ksef_client_min.session_file import Home, OpenSession

_SESSIONS = ("referenceNumber", "status", "description", "created", "invoices", "accepted", "failed")
_INVOICES = ("ordinalNumber", "referenceNumber", "invoiceNumber", "status", "description", "ksefNumber")
_reference = click.argument("reference_number", required=False)
_size = click.option(
    "--size", default=10, show_default=True, type=click.IntRange(10, 1_000), help="At most so many."
)


@click.group(cls=Group)
def session() -> None:
    """Open, watch and close sessions in which invoices are sent."""


@session.command(name="open")
@click.option(
    "--form",
    default="FA3",
    show_default=True,
    type=click.Choice(list(sending.FORM_CODES)),
    help="Of the invoices that are going to be sent.",
)
@json_option
@explained
def open_(form: str, as_json: bool) -> None:
    """Open a session. `ksef invoice send` sends into it until `ksef session close`."""
    with logged_in() as (ksef, saved), spinner("Opening a session", as_json):
        opened = ksef.open_session(form)
    Home().save_open(
        OpenSession(
            environment=saved.environment,
            reference_number=opened.reference_number,
            valid_until=opened.valid_until,
            key=opened.key.key,
            iv=opened.key.iv,
        )
    )
    show(
        as_json,
        {"referenceNumber": opened.reference_number, "validUntil": opened.valid_until.isoformat()},
        f"Opened {opened.reference_number}, until {opened.valid_until:%Y-%m-%d %H:%M %Z}.",
    )


@session.command()
@_reference
@json_option
@explained
def close(reference_number: str | None, as_json: bool) -> None:
    """Close a session, else the one that is open, and wait for it to be processed."""
    reference = reference_number or _open().reference_number
    with logged_in() as (ksef, _), spinner("Closing the session", as_json):
        if _is_batch(reference):
            ksef.close_batch(reference)
        else:
            ksef.close_session(reference)
        Home().note_closed(reference)
        found = ksef.await_session(reference)
    _show_status(as_json, reference, found)
    if found.status.code != 200:
        raise SystemExit(REFUSED)


@session.command()
@_reference
@json_option
@explained
def status(reference_number: str | None, as_json: bool) -> None:
    """Show where a session stands."""
    reference = chosen(reference_number)
    with logged_in() as (ksef, _):
        _show_status(as_json, reference, ksef.call(sending.status(reference)))


@session.command(name="list")
@click.option("--type", "kind", default="Online", show_default=True, type=click.Choice(["Online", "Batch"]))
@_size
@json_option
@explained
def list_(kind: str, size: int, as_json: bool) -> None:
    """List sessions, the newest first."""
    with logged_in() as (ksef, _):
        page = ksef.call(sending.sessions(kind, size))
    rows = [
        {
            "referenceNumber": each.reference_number,
            "status": each.status.code,
            "description": each.status.description,
            "created": each.date_created.isoformat(timespec="seconds"),
            "invoices": each.total_invoice_count,
            "accepted": each.successful_invoice_count,
            "failed": each.failed_invoice_count,
        }
        for each in page.sessions
    ]
    show_list(as_json, "sessions", rows, _SESSIONS, more=page.continuation_token is not None)


@session.command()
@_reference
@_size
@json_option
@explained
def invoices(reference_number: str | None, size: int, as_json: bool) -> None:
    """List the invoices of a session, in the order in which they were sent."""
    _list_invoices(reference_number, size, as_json, failed=False)


@session.command()
@_reference
@_size
@json_option
@explained
def failed(reference_number: str | None, size: int, as_json: bool) -> None:
    """List the invoices of a session that KSeF has refused, and why."""
    _list_invoices(reference_number, size, as_json, failed=True)


@session.command()
@_reference
@click.option("--invoice", "invoice_reference", help="Of this invoice, by its reference number.")
@click.option("--ksef-number", help="Of this invoice, by its KSeF number.")
@click.option(
    "--output",
    default="-",
    show_default=True,
    help="File for the XML, - for stdout. A page each: upo.xml, upo-2.xml.",
)
@explained
def upo(
    reference_number: str | None, invoice_reference: str | None, ksef_number: str | None, output: str
) -> None:
    """Download the UPO: of a closed session, or of one of its invoices."""
    if invoice_reference and ksef_number:
        raise click.UsageError("either --invoice or --ksef-number")
    reference = chosen(reference_number)
    with logged_in() as (ksef, _):
        if invoice_reference:
            pages = [ksef.call(sending.upo_of_invoice(reference, invoice_reference))]
        elif ksef_number:
            pages = [ksef.call(sending.upo_of_ksef_number(reference, ksef_number))]
        else:
            found = ksef.call(sending.status(reference))
            if found.upo is None:
                state = f"{found.status.code} {found.status.description}"
                fail(f"there is no UPO of {reference} (status {state}); close the session first", REFUSED)
            pages = [ksef.call(sending.upo(reference, page.reference_number)) for page in found.upo.pages]
    for number, page in enumerate(pages, 1):
        write_output(output if number == 1 or output == "-" else _numbered(output, number), page)


def chosen(reference_number: str | None) -> str:
    """The session that is meant: the one named, else the one opened last, closed meanwhile or not."""
    if reference_number is not None:
        return reference_number
    last = Home().load_last()
    if last is None:
        raise click.UsageError("no session was opened here: name it, or run `ksef session open`")
    return last.reference_number


def _open() -> OpenSession:
    saved = Home().load_open()
    if saved is None:
        raise click.UsageError("no session is open here: name it, or run `ksef session open`")
    return saved


def resumed(saved: OpenSession) -> OnlineSession:
    """The session that was opened by an earlier command."""
    return OnlineSession(saved.reference_number, saved.valid_until, SessionKey(saved.key, saved.iv))


def closed(environment: str, session: OnlineSession) -> OpenSession:
    """What is kept of a session that is closed already: not its key."""
    reference, until = session.reference_number, session.valid_until
    return OpenSession(environment, reference, until, key=b"", iv=b"", is_closed=True)


def row_of(each: SentInvoice) -> dict[str, Any]:
    """An invoice, as lists and `ksef invoice send` show it."""
    return {
        "ordinalNumber": each.ordinal_number,
        "referenceNumber": each.reference_number,
        "invoiceNumber": each.invoice_number,
        "status": each.status.code,
        "description": " ".join((each.status.description, *(each.status.details or ()))),
        "ksefNumber": each.ksef_number,
        "invoicingMode": each.invoicing_mode,
        "invoiceHash": each.invoice_hash,
    } | ({"invoiceFileName": each.invoice_file_name} if each.invoice_file_name else {})


def _is_batch(reference: str) -> bool:
    # Letters of the type: 20251126-SB-…
    return reference[9:11] == "SB"


def rows_of_status(reference: str, found: SendingStatus) -> dict[str, Any]:
    """Where a session stands, as commands show it."""
    return {
        "referenceNumber": reference,
        "status": found.status.code,
        "description": found.status.description,
        "details": list(found.status.details or ()),
        "invoices": found.invoice_count or 0,
        "accepted": found.successful_invoice_count or 0,
        "failed": found.failed_invoice_count or 0,
        "upo": [page.reference_number for page in found.upo.pages] if found.upo else [],
    }


def _list_invoices(reference_number: str | None, size: int, as_json: bool, *, failed: bool) -> None:
    reference = chosen(reference_number)
    with logged_in() as (ksef, _):
        page = ksef.call(sending.invoices(reference, size, failed=failed))
    rows = [row_of(each) for each in page.invoices]
    show_list(as_json, "invoices", rows, _INVOICES, more=page.continuation_token is not None)


def _show_status(as_json: bool, reference: str, found: SendingStatus) -> None:
    data = rows_of_status(reference, found)
    lines = (
        f"{name:16} {', '.join(value) if isinstance(value, list) else value}" for name, value in data.items()
    )
    show(as_json, data, "\n".join(lines))


def _numbered(output: str, number: int) -> str:
    path = Path(output)
    return str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
