"""The command `ksef-conformance`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from contract_tests.catalogue import Requirement, selected
from contract_tests.report import Report, Result
from contract_tests.reports import markdown, terminal
from contract_tests.runner import run
from contract_tests.targets import TargetRefused, TargetUnreachable

#: Exit codes: the target conforms; it does not; the run was refused, broke off or was interrupted.
CONFORMS, DIFFERS, BROKEN, INTERRUPTED = 0, 1, 2, 130

_only = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="An id, an area (CHAL) or a glob (KSEF-*-00?); repeatable.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ksef-mock", prog_name="ksef-conformance")
def main() -> None:
    """Say, requirement by requirement, whether a server behaves as KSeF."""


@main.command("run")
@click.argument("target")
@_only
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--force-production", is_flag=True, help="Check the read-only requirements on production.")
def run_command(target: str, only: Sequence[str], json_file: Path | None, force_production: bool) -> None:
    """Check TARGET: mock (starts one), test (KSeF TEST), or any URL.

    Exit code 0: all checked requirements passed; 1: some failed; 2: the run could not be made or broke off.
    """
    console = Console(stderr=False)
    try:
        requirements = selected(only)
        with terminal.Progress(console, len(requirements)) as progress:

            def started(requirement: Requirement) -> None:
                progress.start(requirement)

            def ended(result: Result) -> None:
                progress.end(result)

            report = run(target, only, force_production=force_production, on_start=started, on_result=ended)
    except (TargetRefused, TargetUnreachable, LookupError) as error:
        console.print(f"[bold red]✗[/] {error}", highlight=False)
        sys.exit(BROKEN)
    terminal.summary(report, console)
    if json_file is not None:
        json_file.write_text(report.to_json(), "utf-8")
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


def _exit_code(report: Report) -> int:
    if report.aborted == "interrupted":
        return INTERRUPTED
    if report.aborted is not None:
        return BROKEN
    return CONFORMS if report.conforms else DIFFERS
