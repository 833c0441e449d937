"""A run in the terminal: one live line while it goes on, then a table of all situations."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contract_tests.clients.catalogue import AREAS, Situation
from contract_tests.clients.report import Report, Result, Verdict
from contract_tests.server.reports.live import LiveLine

_SIGNS = {
    Verdict.SURVIVED: "[green]✓[/]",
    Verdict.FAILED: "[bold red]✗[/]",
    Verdict.NOT_EXERCISED: "[yellow]○[/]",
}
#: Requests shown of a situation that was not survived: the last ones.
_SHOWN = 6


class Live(LiveLine):
    """The live line; failures appear above it as they are found."""

    def __init__(self, console: Console, total: int) -> None:
        super().__init__(console, total, "running")

    def end(self, result: Result) -> None:
        """A situation is over."""
        if result.verdict is Verdict.FAILED:
            self.show(_told(result))
        self.say(result.id)
        self.advance()


def summary(report: Report, console: Console) -> None:
    """The end of a run: each situation with its verdict, and the totals."""
    table = Table(
        title=f"Situations for {escape(shlex.join(report.command))} ({report.method})", title_justify="left"
    )
    for heading in ("", "id", "situation", "how it went"):
        table.add_column(heading, no_wrap=heading == "id", overflow="fold")
    for title, results in report.by_area().items():
        table.add_section()
        table.add_row("", "", f"[bold]{title}[/]", "")
        for each in results:
            optional = "" if each.severity == "must" else f" [dim]({each.severity})[/]"
            table.add_row(
                _SIGNS[each.verdict],
                each.id,
                f"{escape(each.sentence)}{optional}",
                escape(each.message) or f"[dim]{each.verdict}[/]",
            )
    console.print(table)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items())
    console.print(f"{len(report.results)} situations in {report.duration:.1f} s: {counts}", highlight=False)
    if report.aborted is not None:
        console.print(f"[bold red]broken off:[/] {escape(report.aborted)}", highlight=False)


def catalogue(situations: Sequence[Situation], console: Console) -> None:
    """The situations as a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "severity", "login by", "what happens", "what is right"):
        table.add_column(heading, no_wrap=heading == "id")
    area = ""
    for each in situations:
        if each.area != area:
            area = each.area
            table.add_section()
            table.add_row("", "", "", f"[bold]{AREAS[area]}[/]", "")
        methods = "any" if len(each.methods) > 1 else each.methods[0]
        table.add_row(each.id, each.severity, methods, escape(each.sentence), escape(each.right))
    console.print(table)
    console.print(f"{len(situations)} situations", highlight=False)


def _told(result: Result) -> str:
    lines = [
        f"{_SIGNS[result.verdict]} [bold]{result.id}[/] {escape(result.sentence)}",
        f"    {escape(result.message)}",
    ]
    for request in result.requests[-_SHOWN:]:
        note = f", {request.note}" if request.note else ""
        lines.append(f"    [dim]{request.at:6.2f} s  {escape(request.exchange.line + note)}[/]")
    lines += [f"    [dim]said: {escape(line)}[/]" for line in result.output.strip().splitlines()[-2:]]
    return "\n".join(lines)
