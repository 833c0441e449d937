"""`ksef batch`: many invoices in one package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ksef_client_min.commands.common import REFUSED, Group, explained, json_option, logged_in, show, spinner
from ksef_client_min.commands.session import row_of, rows_of_status
from ksef_client_min.models import SentInvoice
from ksef_client_min.operations import sending
from ksef_client_min.package import LARGEST_PART, Package
from ksef_client_min.sync_client import KsefClient

#: Invoices of one page of a session's list, the most that there may be.
_PAGE = 1_000


@click.group(cls=Group)
def batch() -> None:
    """Send packages of invoices."""


@batch.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--zip", "compression", flag_value="Zip", default=True, help="Pack them as a ZIP (default).")
@click.option("--tar-gz", "compression", flag_value="TarGz", help="Pack them as a TAR.GZ.")
@click.option(
    "--form",
    default="FA3",
    show_default=True,
    type=click.Choice([form for form in sending.FORM_CODES if not form.startswith("PEF")]),
    help="Of all of them.",
)
@click.option("--offline", is_flag=True, help="They were issued offline.")
@click.option(
    "--part-size",
    default=LARGEST_PART,
    show_default=True,
    type=click.IntRange(1, LARGEST_PART),
    help="Octets of a part of the package, at most.",
)
@json_option
@explained
def send(
    paths: tuple[Path, ...], compression: str, form: str, offline: bool, part_size: int, as_json: bool
) -> None:
    """Send PATHS, invoices or folders of them (*.xml), as one package, and wait for what KSeF says.

    Prints the session and the invoices that were refused. Exit code 1 if one was.
    """
    files = _files(paths)
    named = ((name, path.read_bytes()) for name, path in files)
    with (
        Package(
            named, compression="TarGz" if compression == "TarGz" else "Zip", part_size=part_size
        ) as package,
        logged_in() as (ksef, _),
        spinner("Sending 1 invoice" if len(files) == 1 else f"Sending {len(files)} invoices", as_json),
    ):
        session = ksef.send_batch(package, form, offline_mode=offline).reference_number
        found = ksef.await_session(session)
        failed = list(_failed(ksef, session)) if found.failed_invoice_count else []
    rows = [{"file": each.invoice_file_name, **row_of(each)} for each in failed]
    data: dict[str, Any] = {**rows_of_status(session, found), "refused": rows}
    said = (str(found.status.code), found.status.description, *(found.status.details or ()))
    lines = [
        f"{session}: {' '.join(said)}",
        f"{data['accepted']} accepted, {data['failed']} refused of {data['invoices']}",
        *(f"{row['file']}: {row['status']} {row['description']}" for row in rows),
    ]
    show(as_json, data, "\n".join(lines))
    if found.status.code != 200 or failed:
        raise SystemExit(REFUSED)


def _files(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """The name in the package of each file, by which KSeF names it again.

    Raises:
        UsageError: there are none, or two have one name.
    """
    found = [each for path in paths for each in (sorted(path.glob("*.xml")) if path.is_dir() else [path])]
    if not found:
        raise click.UsageError("there is no *.xml in " + ", ".join(map(str, paths)))
    named = {each.name: each for each in found}
    if len(named) < len(found):
        twice = next(each for each in found if named[each.name] != each)
        raise click.UsageError(f"two files are called {twice.name}: {twice} and {named[twice.name]}")
    return list(named.items())


def _failed(ksef: KsefClient, session: str) -> Iterator[SentInvoice]:
    token: str | None = None
    while True:
        page = ksef.call(sending.invoices(session, _PAGE, token, failed=True))
        yield from page.invoices
        token = page.continuation_token
        if token is None:
            return
