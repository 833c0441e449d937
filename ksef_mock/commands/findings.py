"""A report of a verification on the terminal: its checks as a table, and what follows from them."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from ksef_mock.core.text import visible

_MARKS: dict[str, tuple[str, dict[str, Any]]] = {
    "passed": ("✓", {"fg": "green"}),
    "failed": ("✗", {"fg": "red", "bold": True}),
    "skipped": ("-", {"dim": True}),
}
#: What ends the lines of a document.
LINES = "\n"


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime:
    if value is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ISO 8601 time, such as 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


#: `--at TIME`: an aware datetime, now unless given.
moment_option = click.option(
    "--at",
    metavar="TIME",
    callback=_moment,
    help="The moment to judge by, ISO 8601 (UTC unless it has an offset); default: now.",
)


def print_checks(results: Iterable[tuple[str, str, str]]) -> None:
    """A line for each check: its outcome, its name, and what was found."""
    rows = list(results)
    width = max(len(check) for _, check, _ in rows)
    click.secho(f"   {'check':<{width}}  finding", bold=True)
    for outcome, check, reason in rows:
        mark, style = _MARKS[outcome]
        name = click.style(f"{mark}  {check:<{width}}", **style)
        click.echo(f"{name}  {_wrapped(visible(reason, keep=LINES), indent=width + 5)}")
    click.echo()


def print_facts(facts: Mapping[str, str]) -> None:
    """A line for each: `Name: what there is to say`; what is likely stands out."""
    for name, value in facts.items():
        label = click.style(f"{name + ':':<11}", bold=True)
        click.echo(label + click.style(visible(value, keep=LINES), fg="yellow" if name == "Likely" else None))


def _wrapped(text: str, *, indent: int) -> str:
    """`text` in the width of the terminal, in one line where there is none."""
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - indent, 20)
    return f"\n{'':{indent}}".join(textwrap.wrap(text, width) or [""])
