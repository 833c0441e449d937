"""A run in the terminal: one live line while it goes on, then a table of all situations."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from contract_tests.clients.catalogue import AREAS, Situation
from contract_tests.clients.report import WORDS, Report, Result, Verdict
from contract_tests.common import terminal
from contract_tests.common.terminal import SIGNS, LiveLine, safe

#: Requests shown of a situation that was not survived: the last ones.
_SHOWN = 6


class Live(LiveLine):
    """The live line; failures appear above it as they are found."""

    def __init__(self, console: Console, total: int) -> None:
        super().__init__(console, total, "running")

    def end(self, result: Result) -> None:
        """A situation is over."""
        if result.verdict is Verdict.FAILED:
            lines = [_told(request.at, request.exchange.line, request.note) for request in result.requests]
            said = [f"said: {line}" for line in result.output.strip().splitlines()[-2:]]
            self.show(result, [*lines[-_SHOWN:], *said])
        elif not self.console.is_terminal:
            self.show(result)
        self.say(result.id)
        self.advance()


def summary(report: Report, console: Console) -> None:
    """The end of a run: in a terminal each situation with its verdict; the totals and the answer."""
    if console.is_terminal:
        console.print(_table(report))
    terminal.totals(report, console, {mark: word for mark, word in WORDS.items() if report.marks[mark]})
    terminal.causes(report, console)
    terminal.ending(report, console, "situations")


def catalogue(situations: Sequence[Situation], console: Console) -> None:
    """The situations as a table."""
    columns = ("id", "severity", "login by", "what happens", "what is right")
    terminal.catalogue(situations, console, AREAS, columns, _row, "situations")


def _table(report: Report) -> Table:
    table = Table(title=safe(report.title), title_justify="left")
    for heading in ("", "id", "situation", "how it went"):
        table.add_column(heading, no_wrap=heading == "id", overflow="fold")
    for title, results in report.failures_first().items():
        table.add_section()
        table.add_row("", "", f"[bold]{title}[/]", "")
        for each in results:
            optional = "" if each.severity == "must" else f" [dim]({each.severity})[/]"
            table.add_row(
                SIGNS[each.mark],
                each.id,
                f"{safe(each.sentence)}{optional}",
                safe(each.message) or f"[dim]{each.verdict}[/]",
            )
    return table


def _row(each: Situation) -> tuple[str, ...]:
    methods = "any" if len(each.methods) > 1 else each.methods[0]
    return each.id, each.severity, methods, each.sentence, each.right


def _told(at: float, line: str, note: str) -> str:
    return f"{at:6.2f} s  {line}{f', {note}' if note else ''}"
