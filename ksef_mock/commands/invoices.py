"""`ksef-mock export` and `ksef-mock import`: the invoices of a running mock as files, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ksef_mock.commands.remote import Remote, remote_command
from ksef_mock.core.text import counted, visible
from ksef_mock.seed.invoice_folder import Folder

#: Bytes of documents and invoices that are sent at once.
_BATCH = 4_000_000
_MOST = 200

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", metavar="TARGET-FOLDER", type=_FOLDER)
@remote_command
def export(remote: Remote, folder: Path) -> None:
    """Write all invoices of a running mock into TARGET-FOLDER, to be kept in a repository.

    NUMBER.xml is the document as it was sent, NUMBER.json what else has to be known of it. Files that say the
    same already are left alone, and so are those of invoices that the mock does not have.
    """
    try:
        written = Folder(folder).write(_all(remote))
    except OSError as error:
        raise click.FileError(str(folder), error.strerror) from None
    every = counted(written.new + written.changed + written.same, "invoices")
    click.echo(
        f"{every} in {folder}: {written.new} new, {written.changed} changed, {written.same} as they were"
    )
    if written.foreign:
        click.echo(
            f"{counted(len(written.foreign), 'files')} there of invoices that this mock does not have:"
        )
        for name in written.foreign:
            click.echo(f"  {visible(name)}")


@click.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say which files would fail.")
@remote_command
def import_(remote: Remote, folder: Path, check: bool) -> None:
    """Make a running mock know the invoices in FOLDER, as `ksef-mock export` has written them.

    All are judged first: if a file fails it is named with the reason, and nothing is imported. What the mock
    knows already is left alone, so importing twice changes nothing.
    """
    failed: list[tuple[str, str]] = []
    counts = _send(remote, folder, failed, dry_run=True)
    if not failed and not check:
        counts = _send(remote, folder, failed, dry_run=False)
    for name, reason in failed:
        click.echo(f"{visible(str(folder / name))}: {visible(reason)}", err=True)
    if failed:
        raise click.ClickException(f"{counted(len(failed), 'files')} cannot be imported")
    verb = "would be imported" if check else "imported"
    click.echo(f"{counted(counts['imported'], 'invoices')} {verb}, {counts['known']} were there already")


def _all(remote: Remote) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = remote.call("GET", "/invoices/export", params={"after": after})
        yield from page["invoices"]
        after = page.get("continuation")
        if after is None:
            return


def _send(remote: Remote, folder: Path, failed: list[tuple[str, str]], *, dry_run: bool) -> dict[str, int]:
    counts = {"imported": 0, "known": 0}
    for batch in _batches(folder, failed):
        order = {"invoices": [invoice for _, invoice in batch], "dryRun": dry_run}
        result = remote.call("POST", "/invoices/import", order)
        for name in counts:
            counts[name] += result[name]
        failed += ((batch[each["index"]][0], each["reason"]) for each in result["failed"])
    return counts


def _batches(folder: Path, failed: list[tuple[str, str]]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    batch: list[tuple[str, dict[str, Any]]] = []
    size = 0
    for name, invoice in Folder(folder).read():
        if isinstance(invoice, str):
            failed.append((name, invoice))
            continue
        batch.append((name, invoice))
        size += len(invoice.get("document", ""))
        if size >= _BATCH or len(batch) >= _MOST:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
