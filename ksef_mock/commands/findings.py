"""What `verify`, `verify-invoice` and `verify-qr` have in common: documents, the report, exit codes.

Exit code: 0 nothing is wrong, 1 something is, 2 the command was not understood, 3 ksef-mock has failed.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from ksef_mock.commands import values
from ksef_mock.commands.terminal import can_print, print_json
from ksef_mock.core.text import visible

#: Outcome -> mark, the same in ASCII, style.
_MARKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "passed": ("✓", "+", {"fg": "green"}),
    "failed": ("✗", "x", {"fg": "red", "bold": True}),
    "skipped": ("-", "-", {"dim": True}),
}
#: What ends the lines of a document.
LINES = "\n"


#: `--at TIME`: an aware datetime, now unless given.
moment_option = click.option(
    "--at",
    type=values.time,
    default=lambda: datetime.now(UTC),
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


#: `DOCUMENT...`, `-` for standard input.
documents_argument = click.argument(
    "documents",
    metavar="DOCUMENT...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)


class Judgement(NamedTuple):
    """What has been found out about one document."""

    ok: bool
    #: JSON-ready.
    body: dict[str, Any]
    #: Prints the same for people.
    show: Callable[[], None]


def judge_each(
    documents: Sequence[Path], judge: Callable[[Path, bytes], Judgement], *, as_json: bool
) -> NoReturn:
    """Print a report on each document, in JSON one array of several, and end with the exit code."""
    judgements = []
    for number, document in enumerate(documents):
        with click.open_file(str(document), "rb") as file:
            judgement = judge(document, file.read())
        judgements.append(judgement)
        if as_json:
            continue
        if len(documents) > 1:
            click.secho(visible(f"{document}:"), bold=True)
        judgement.show()
        if number < len(documents) - 1:
            click.echo()
    if as_json:
        bodies = [each.body for each in judgements]
        several = [{"file": str(path), **body} for path, body in zip(documents, bodies, strict=True)]
        print_json(several if len(documents) > 1 else bodies[0])
    raise SystemExit(0 if all(each.ok for each in judgements) else 1)


def print_verdict(refused: str | None, right: str) -> None:
    """The first line of a report: what is wrong, if anything is, else that nothing is."""
    if refused is None:
        click.secho(right, fg="green")
    else:
        click.secho(refused, fg="red", bold=True)


def print_checks(results: Iterable[tuple[str, str, str]], show_all: bool) -> None:
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


#: Between the elements of a document: what people cannot see and digests do.
_BETWEEN_TAGS = re.compile(r"(?<=>)[^<]+")
_SEEN = {" ": "·", "\t": "→\t", "\n": "↵\n"}
_SEEN_IN_ASCII = {" ": "\\x20", "\t": "\\t", "\n": "\\n\n"}


def with_white_space(text: str) -> str:
    """`text` with the white space in its elements to be seen, that inside of tags as it is."""
    marks = _SEEN if can_print("·→↵") else _SEEN_IN_ASCII
    table = str.maketrans(marks)
    return _BETWEEN_TAGS.sub(lambda match: match[0].translate(table), text)


#: Columns of the names of facts.
_NAMES = 11


def print_facts(facts: Mapping[str, str | None]) -> None:
    """A line for each that there is: `Name: what there is to say`; what is likely stands out."""
    for name, value in facts.items():
        if not value:
            continue
        label = click.style(f"{name + ':':<{_NAMES}}", bold=True)
        text = visible(value, keep=LINES).replace("\n", f"\n{'':{_NAMES}}")
        click.echo(label + click.style(text, fg="yellow" if name == "Likely" else None))


def _wrapped(text: str, *, indent: int) -> str:
    """`text` in the width of the terminal, in one line where there is none."""
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - indent, 20)
    return f"\n{'':{indent}}".join(textwrap.wrap(text, width) or [""])
