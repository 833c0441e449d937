"""Printing a run: a live line and tables in a terminal; anywhere else one finding a line.

What a tested server or client says is printed with care: no character of it may move the cursor, change the
colours or the direction of writing, or end the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contract_tests.common.catalogue import L
from contract_tests.common.report import F, Finding, Findings, Mark, by_area
from contract_tests.common.words import counted

SIGNS = {
    Mark.PASSED: "[green]✓[/]",
    Mark.FAILED: "[bold red]✗[/]",
    Mark.SKIPPED: "[yellow]○[/]",
    Mark.ERROR: "[bold magenta]![/]",
}
_COLOURS = {Mark.PASSED: "green", Mark.FAILED: "bold red", Mark.SKIPPED: "yellow", Mark.ERROR: "bold magenta"}
#: C0 and C1 controls, marks and overrides of the direction of writing, invisible and separating characters,
#: halves of surrogate pairs.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """`text` in one line, with a picture or an escape in place of each character that is none to be seen."""
    return _UNPRINTABLE.sub(lambda match: _picture(match[0]), text)


def safe(text: str) -> str:
    """`text` for the markup of a console: no markup and no control of its own."""
    return escape(visible(text))


def say(console: Console, markup: str) -> None:
    """Print a line of markup; it is folded in a terminal only."""
    console.print(markup, highlight=False, soft_wrap=not console.is_terminal)


class LiveLine:
    """There while it is entered, and only in a terminal; what is shown appears above it."""

    def __init__(self, console: Console, total: int, text: str) -> None:
        self.console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=True),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(text, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """What is being done."""
        self._bar.update(self._task, description=text)

    def show(self, finding: Finding, evidence: Iterable[str] = ()) -> None:
        """Print a finding that stays, with lines of evidence below it in a terminal."""
        console = self._bar.console
        sign = SIGNS[finding.mark] if console.is_terminal else finding.mark.upper()
        head = f"{sign} [bold]{finding.id}[/] {safe(finding.sentence)}"
        if console.is_terminal:
            lines = [
                head,
                f"    {safe(finding.message)}",
                *(f"    [dim]{safe(line)}[/]" for line in evidence),
            ]
            say(console, "\n".join(lines))
        else:
            say(console, f"{head.removesuffix('.')}: {safe(finding.message)}" if finding.message else head)

    def advance(self) -> None:
        """One more is done."""
        self._bar.advance(self._task)


def totals(report: Findings[F], console: Console, headings: Mapping[Mark, str]) -> None:
    """A row for each area with the number of findings of each kind, and one for all of them."""
    rows = {title: Counter(each.mark for each in results) for title, results in report.by_area().items()}
    rows["all"] = Counter(report.marks)
    if not console.is_terminal:
        for title, counts in rows.items():
            told = ", ".join(f"{counts[mark]} {headings[mark]}" for mark in headings if counts[mark])
            say(console, f"{title}: {told or 'nothing'}")
        return
    table = Table(title=safe(report.title), title_justify="left")
    table.add_column("")
    for mark in headings:
        table.add_column(headings[mark], justify="right")
    for title, counts in rows.items():
        if title == "all":
            table.add_section()
        table.add_row(title, *(_count(mark, counts[mark]) for mark in headings))
    console.print(table)


def causes(report: Findings[F], console: Console) -> None:
    """What several findings have in common, if it made them fail."""
    for cause, results in report.causes():
        if len(results) > 1:
            ids = ", ".join(each.id for each in results)
            say(console, f"[bold red]{len(results)} for one cause:[/] {safe(cause)} [dim]({ids})[/]")


def ending(report: Findings[F], console: Console, noun: str) -> None:
    """The last lines of a run: whether it broke off, how long it took, and the answer."""
    if report.aborted is not None:
        say(console, f"[bold red]broken off:[/] {safe(report.aborted)}")
    say(console, f"{counted(len(report.results), noun)} in {report.duration:.1f} s")
    say(console, f"[bold {'green' if report.conforms else 'red'}]{safe(report.answer)}[/]")


def catalogue(
    entries: Sequence[L],
    console: Console,
    areas: Mapping[str, str],
    columns: Sequence[str],
    row: Callable[[L], Sequence[str]],
    noun: str,
) -> None:
    """A catalogue as a table with the titles of areas; elsewhere an entry a line, tabs between its cells."""
    if not console.is_terminal:
        for each in entries:
            console.file.write("\t".join(visible(cell) for cell in row(each)) + "\n")
    else:
        table = Table(box=None, pad_edge=False)
        for heading in columns:
            table.add_column(heading, no_wrap=heading == "id")
        for title, members in by_area(entries, areas).items():
            table.add_section()
            table.add_row(*("" for _ in columns[:2]), f"[bold]{title}[/]")
            for each in members:
                table.add_row(*(safe(cell) for cell in row(each)))
        console.print(table)
    say(console, counted(len(entries), noun))


def _count(mark: Mark, count: int) -> str:
    return f"[{_COLOURS[mark]}]{count}[/]" if count else "[dim]·[/]"


def _picture(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "⏎", "\r": "␍", "\t": " "}[character]
    if code < 0x20:
        return chr(0x2400 + code)
    return f"\\u{{{code:x}}}"
