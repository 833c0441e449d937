"""`ksef invoice`: sending, finding, downloading and exporting invoices."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from ksef_client_min.commands.common import (
    REFUSED,
    Group,
    explained,
    json_option,
    logged_in,
    moment_option,
    show,
    show_list,
    spinner,
    write_output,
)
from ksef_client_min.commands.session import closed, resumed, row_of
from ksef_client_min.exported import METADATA, Checkpoint
from ksef_client_min.operations import invoices, sending
from ksef_client_min.session_file import BrokenFile, Home

_COLUMNS = ("ksefNumber", "invoiceNumber", "issueDate", "seller", "grossAmount", "currency")


_subject_option = click.option(
    "--subjectType",
    "--subject-type",
    "subject_type",
    default="Subject1",
    show_default=True,
    type=click.Choice(["Subject1", "Subject2", "Subject3", "SubjectAuthorized"]),
    help="As whom: Subject1 is the seller, Subject2 the buyer.",
)
_date_option = click.option(
    "--dateType",
    "--date-type",
    "date_type",
    default="PermanentStorage",
    show_default=True,
    type=click.Choice(["Issue", "Invoicing", "PermanentStorage"]),
    help="Which date is meant.",
)


@click.group(cls=Group)
def invoice() -> None:
    """Send, find, download and export invoices."""


@invoice.command()
@moment_option("--from", "date_from", required=True, help="ISO 8601.")
@moment_option("--to", "date_to", help="ISO 8601; else now.")
@_subject_option
@_date_option
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
                if Home().load_open() is None:  # else one in another environment, which is to stay open
                    Home().save_open(closed(login.environment, session))
    show_list(as_json, "invoices", rows, _SENT)
    if any(row["status"] != 200 for row in rows):
        raise SystemExit(REFUSED)


#: In the folder of an incremental export: up to where it has the invoices, in each part.
_CHECKPOINT = ".ksef-checkpoint-{}.json"


@invoice.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@moment_option("--from", "date_from", help="ISO 8601; not needed where --incremental goes on.")
@moment_option("--to", "date_to", help="ISO 8601; else now.")
@_subject_option
@_date_option
@click.option("--only-metadata", is_flag=True, help="Without the documents.")
@click.option(
    "--compression", default="Zip", show_default=True, type=click.Choice(["Zip", "TarGz"]), help="On the way."
)
@click.option(
    "--incremental",
    is_flag=True,
    help="Take what is complete, all of it, and go on from there the next time; FOLDER remembers.",
)
@json_option
@explained
def export(
    folder: Path,
    date_from: datetime | None,
    date_to: datetime | None,
    subject_type: str,
    date_type: str,
    only_metadata: bool,
    compression: str,
    incremental: bool,
    as_json: bool,
) -> None:
    """Have KSeF pack invoices; download, decrypt and verify them into FOLDER, with _metadata.json.

    A package holds 10,000 invoices or 1 GB; if not all had room the date to go on from is printed.
    """
    if incremental:
        if date_to is not None or date_type != "PermanentStorage":
            raise click.UsageError("--incremental goes by PermanentStorage, without --to")
        _retrieve(folder, date_from, subject_type, only_metadata, as_json)
        return
    if date_from is None:
        raise click.UsageError("--from is needed")
    with (
        logged_in() as (ksef, _),
        spinner("Exporting", as_json),
        ksef.export(
            subject_type,
            date_from,
            date_to,
            date_type=date_type,
            only_metadata=only_metadata,
            compression=compression,
        ) as package,
    ):
        package.extract(folder)
        info = package.info
    last = info.last_permanent_storage_date or info.last_invoicing_date or info.last_issue_date
    data = {
        "folder": str(folder),
        "invoices": info.invoice_count,
        "truncated": info.is_truncated,
        "last": last,
    }
    text = f"{info.invoice_count} invoices in {folder}."
    if info.is_truncated:
        text += f" There are more: go on with --from {last}"
    show(as_json, data, text)


def _retrieve(
    folder: Path, date_from: datetime | None, subject_type: str, only_metadata: bool, as_json: bool
) -> None:
    file = folder / _CHECKPOINT.format(subject_type)
    if file.exists():
        try:
            checkpoint = msgspec.json.decode(file.read_bytes(), type=Checkpoint)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise BrokenFile(f"{file} is damaged: remove it, and give --from") from None
    elif date_from is None:
        raise click.UsageError(f"--from is needed the first time: there is no {file}")
    else:
        checkpoint = Checkpoint(date_from.isoformat())
    metadata, new = folder / METADATA, 0
    with logged_in() as (ksef, _), spinner("Exporting", as_json):
        for step in ksef.retrieve(subject_type, checkpoint, only_metadata=only_metadata):
            with step:
                folder.mkdir(parents=True, exist_ok=True)
                told = _told(metadata)
                for each in step.invoices():
                    new += 1
                    told[each.ksef_number] = each.metadata
                    if each.document is not None:
                        (folder / f"{each.ksef_number}.xml").write_bytes(each.document)
                body = {"invoices": list(told.values())}
                metadata.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", "utf-8")
            checkpoint = step.checkpoint
            # Only now: whatever is cut off is taken again.
            file.write_bytes(msgspec.json.encode(checkpoint) + b"\n")
    data = {"folder": str(folder), "invoices": new, "since": checkpoint.since}
    show(as_json, data, f"{new} new invoices in {folder}, complete up to {checkpoint.since}.")


def _told(metadata: Path) -> dict[str, dict[str, Any]]:
    """What a folder's `_metadata.json` says, by KSeF number."""
    if not metadata.exists():
        return {}
    try:
        return {each["ksefNumber"]: each for each in json.loads(metadata.read_text("utf-8"))["invoices"]}
    except (ValueError, LookupError, TypeError):
        raise BrokenFile(f"{metadata} is damaged: remove it") from None


@invoice.command()
@click.argument("ksef_number")
@click.option("--output", default="-", show_default=True, help="File for the XML, - for stdout.")
@explained
def get(ksef_number: str, output: str) -> None:
    """Download an invoice by its KSeF number."""
    with logged_in() as (ksef, _):
        document = ksef.call(invoices.get(ksef_number))
    write_output(output, document)
