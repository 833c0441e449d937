"""The command `ksef-conformance client`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import click
from rich.console import Console

from contract_tests.clients.catalogue import selected
from contract_tests.clients.command import CommandNotFound
from contract_tests.clients.report import Report, Result, Verdict
from contract_tests.clients.reports import terminal
from contract_tests.clients.reports.html import html
from contract_tests.clients.reports.markdown import catalogue as as_markdown
from contract_tests.clients.runner import JOBS, TIME_LIMIT, check
from contract_tests.clients.stage import Method
from contract_tests.common import junit
from contract_tests.common.files import NotWritable, tried, written
from contract_tests.common.terminal import visible

#: Exit codes: the client survives; it does not; the run could not be made; it was interrupted.
SURVIVES, FAILS, BROKEN, INTERRUPTED = 0, 1, 2, 130

_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--list", "only_list", is_flag=True, help="Print the situations and run nothing.")
@click.option("--markdown", is_flag=True, help="With --list: as Markdown, as in docs/client-conformance.md.")
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="An id, an area (KEYS) or a glob (CLIENT-*-00?); repeatable.",
)
@click.option(
    "--method",
    type=click.Choice(["token", "certificate"]),
    default="token",
    show_default=True,
    help="How the client is to log in: KSEF_METHOD.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIME_LIMIT,
    show_default=True,
    metavar="SECONDS",
    help="How long the command may take for one situation.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=JOBS,
    show_default=True,
    help="How many situations at a time, each with a mock of its own.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 for `should` situations too, and for those not exercised."
)
@click.option("--json", "json_file", type=_FILE, help="Write the report as JSON.")
@click.option("--junit", "junit_file", type=_FILE, help="Write the report as JUnit XML.")
@click.option("--html", "html_file", type=_FILE, help="Write the report as one HTML file.")
def client(
    command: Sequence[str],
    only_list: bool,
    markdown: bool,
    only: Sequence[str],
    method: str,
    timeout: float,
    jobs: int,
    strict: bool,
    json_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
) -> None:
    """Run a client's COMMAND through situations, and report which of them it survives.

    For each situation a mock is started and COMMAND is run against it. It is to log in to KSEF_URL as
    KSEF_NIP with KSEF_TOKEN (or with KSEF_CERTIFICATE and KSEF_KEY, or KSEF_P12 and KSEF_P12_PASSWORD, if
    KSEF_METHOD is certificate), to make requests with its access token, better two than one, and to exit with
    0 if all went well. With KSEF_TASK=send it is to send the invoice KSEF_INVOICE instead, with
    KSEF_TASK=batch those in the folder KSEF_INVOICES in one package; with KSEF_TASK=export it is to export
    what it has sold, as stored from KSEF_SINCE on.
    {url}, {nip}, {token}, {certificate}, {key} in COMMAND are replaced.

    \b
    ksef-conformance client -- python my_client.py
    ksef-conformance client --only KEYS -- sh -c 'ksef auth login && ksef auth whoami'

    Exit code 0: all `must` situations that were exercised are survived; 1: some are not; 2: the run could not
    be made, or the client came to none of them.
    """
    console = Console()
    try:
        chosen = selected(only)
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    if only_list:
        if markdown:
            click.echo(as_markdown(chosen), nl=False)
        else:
            terminal.catalogue(chosen, console)
        return
    if not command:
        raise click.UsageError("which client? Give its command after --")
    try:
        tried((json_file, junit_file, html_file))
        with terminal.Live(console, len(chosen)) as live:
            report = check(
                command,
                only,
                method=cast(Method, method),
                limit=timeout,
                jobs=jobs,
                on_result=live.end,
            )
        terminal.summary(report, console)
        forms: tuple[tuple[Path | None, Callable[[], bytes]], ...] = (
            (json_file, lambda: report.to_json().encode()),
            (junit_file, lambda: junit.document(report, "ksef.client")),
            (html_file, lambda: html(report).encode()),
        )
        for path, form in forms:
            if path is not None:
                written(path, form())
    except (CommandNotFound, NotWritable) as error:
        click.echo(f"Error: {visible(str(error))}", err=True)
        sys.exit(BROKEN)
    sys.exit(_exit_code(report, strict))


def _exit_code(report: Report, strict: bool) -> int:
    if report.aborted is not None:
        return INTERRUPTED
    if all(each.verdict is Verdict.NOT_EXERCISED for each in report.results):
        return BROKEN  # nothing is known: no pipeline may take that for good
    bad: list[Result] = report.failed("must")
    if strict:
        bad += [each for each in report.results if each.verdict is not Verdict.SURVIVED]
    return FAILS if bad else SURVIVES
