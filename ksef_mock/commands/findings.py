"""A report of a verification on the terminal: its checks as a table, and what follows from them."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from ksef_mock.core.text import visible

#: Outcome -> mark, the same in ASCII, style.
_MARKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "passed": ("✓", "+", {"fg": "green"}),
    "failed": ("✗", "x", {"fg": "red", "bold": True}),
    "skipped": ("-", "-", {"dim": True}),
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


#: `--all`.
all_option = click.option(
    "--all", "show_all", is_flag=True, help="Show the checks too that could not be made after a failure."
)

#: Exit code where not the document is wrong, but we: scripts must be able to tell.
OWN_FAILURE = 3


@contextmanager
def own_failures() -> Iterator[None]:
    """What goes wrong inside ends with exit code 3 and one line, not with that of a wrong document."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(OWN_FAILURE) from error
    except Exception as error:
        click.echo(f"Error: ksef-mock itself has failed: {type(error).__name__}: {error}", err=True)
        raise SystemExit(OWN_FAILURE) from error


def print_checks(results: Iterable[tuple[str, str, str]], show_all: bool = True) -> None:
    """A line for each check: its outcome, its name, and what was found.

    Those that were skipped because of a failure are counted only, unless `show_all`.
    """
    rows = list(results)
    fold = not show_all and any(outcome == "failed" for outcome, _, _ in rows)
    shown = [row for row in rows if not (fold and row[0] == "skipped")]
    width = max(len(check) for _, check, _ in shown)
    click.echo()
    click.secho(f"   {'check':<{width}}  finding", bold=True)
    for outcome, check, reason in shown:
        mark, plain, style = _MARKS[outcome]
        name = click.style(f"{mark if can_print(mark) else plain}  {check:<{width}}", **style)
        click.echo(f"{name}  {_wrapped(visible(reason, keep=LINES), indent=width + 5)}")
    if len(shown) < len(rows):
        click.secho(f"   {len(rows) - len(shown)} more could not be made; --all lists them", dim=True)


def can_print(text: str) -> bool:
    """Whether standard output has these characters: a console of Windows has few of them."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


#: Between the elements of a document: what people cannot see and digests do.
_BETWEEN_TAGS = re.compile(r"(?<=>)[^<]+")
_SEEN = {" ": "·", "\t": "→\t", "\n": "↵\n"}
_SEEN_IN_ASCII = {" ": "\\x20", "\t": "\\t", "\n": "\\n\n"}


def with_white_space(text: str) -> str:
    """`text` with the white space in its elements to be seen, that inside of tags as it is."""
    marks = _SEEN if can_print("·→↵") else _SEEN_IN_ASCII
    table = str.maketrans(marks)
    return _BETWEEN_TAGS.sub(lambda match: match[0].translate(table), text)


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
