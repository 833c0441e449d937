"""The command `ksef-conformance`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from contract_tests.clients.cli import client
from contract_tests.common import junit as junit_report
from contract_tests.common.files import NotWritable, tried, written
from contract_tests.common.terminal import visible
from contract_tests.server.catalogue import selected
from contract_tests.server.diff import compare, got_worse
from contract_tests.server.report import Report
from contract_tests.server.reports import html as html_report
from contract_tests.server.reports import markdown, terminal
from contract_tests.server.runner import run
from contract_tests.server.targets import TargetRefused, TargetUnreachable
from ksef_client_min.commands.common import Group, no_color_option, spell_out

F = TypeVar("F", bound=Callable[..., Any])

#: Exit codes: the target conforms; it does not; the run was refused or broke off; it was interrupted.
CONFORMS, DIFFERS, BROKEN, INTERRUPTED = 0, 1, 2, 130

_only = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="An id, an area (CHAL) or a glob (KSEF-*-00?); repeatable.",
)


def _file(option: str, text: str) -> Callable[[F], F]:
    return click.option(option, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=text)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ksef-mock", prog_name="ksef-conformance")
@no_color_option
def main() -> None:
    """Say, requirement by requirement, whether a server behaves as KSeF; and what a client survives."""
    spell_out()


main.add_command(client)


@main.command("run")
@click.argument("target")
@_only
@_file("--json", "Write the report as JSON, for `diff` and for programs.")
@_file("--junit", "Write the report as JUnit XML.")
@_file("--html", "Write the report as one HTML file.")
@click.option("--force-production", is_flag=True, help="Check the read-only requirements on production.")
def run_command(
    target: str,
    only: Sequence[str],
    json: Path | None,
    junit: Path | None,
    html: Path | None,
    force_production: bool,
) -> None:
    """Check TARGET: mock (starts one), test (KSeF TEST), or any URL.

    Exit code 0: all checked requirements passed; 1: some failed; 2: the run was refused or broke off.
    """
    console = Console()
    try:
        tried((json, junit, html))
        with terminal.Progress(console, len(selected(only))) as progress, _stopped_as_interrupted():
            report = run(
                target,
                only,
                force_production=force_production,
                on_start=progress.start,
                on_result=progress.end,
            )
        terminal.summary(report, console)
        if json is not None:
            written(json, report.to_json().encode())
        if junit is not None:
            written(junit, junit_report.document(report, "ksef"))
        if html is not None:
            written(html, html_report.page(report).encode())
    except (TargetRefused, TargetUnreachable, LookupError, NotWritable) as error:
        click.secho(f"Error: {visible(str(error))}", fg="red", err=True)
        sys.exit(BROKEN)
    sys.exit(_exit_code(report))


@main.command("list")
@_only
@click.option(
    "--markdown", "as_markdown", is_flag=True, help="As a document: docs/conformance.md is made so."
)
def list_command(only: Sequence[str], as_markdown: bool) -> None:
    """Print the catalogue of requirements."""
    try:
        requirements = selected(only)
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    if as_markdown:
        click.echo(markdown.catalogue(requirements), nl=False)
    else:
        terminal.catalogue(requirements, Console())


@main.command()
@click.argument("first", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("second", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def diff(first: Path, second: Path) -> None:
    """Compare two reports of `run --json`: two targets, or one target at two dates.

    Exit code 1 if something passed in FIRST, or was not there, that speaks against the target in SECOND.
    """
    try:
        before, after = Report.read(first), Report.read(second)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    changes = compare(before, after)
    terminal.differences(before, after, changes, Console())
    sys.exit(DIFFERS if got_worse(changes) else CONFORMS)


@contextmanager
def _stopped_as_interrupted() -> Iterator[None]:
    # Stopped by a CI system, a run cleans up on the target as it does after Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit_code(report: Report) -> int:
    if report.aborted == "interrupted":
        return INTERRUPTED
    if report.aborted is not None:
        return BROKEN
    return CONFORMS if report.conforms else DIFFERS
