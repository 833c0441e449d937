"""A run in the terminal: one live line while it goes on, then what failed and a table of the areas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import AREAS, Requirement
from contract_tests.server.diff import Change, Kind
from contract_tests.server.report import Report, Result, Verdict
from contract_tests.server.reports.live import LiveLine

_SIGNS = {
    Verdict.PASSED: "[green]✓[/]",
    Verdict.FAILED: "[bold red]✗[/]",
    Verdict.SKIPPED: "[yellow]○[/]",
    Verdict.ERROR: "[bold magenta]![/]",
}

_CHANGES = {
    Kind.WORSE: "[bold red]worse[/]",
    Kind.BETTER: "[green]better[/]",
    Kind.OTHERWISE: "[yellow]otherwise[/]",
    Kind.ANSWER: "[yellow]answer[/]",
    Kind.NEW: "[cyan]new[/]",
    Kind.GONE: "[cyan]gone[/]",
}


class Progress(LiveLine):
    """The live line; failures appear above it as they are found."""

    def __init__(self, console: Console, total: int) -> None:
        super().__init__(console, total, "waiting for the target")

    def start(self, requirement: Requirement) -> None:
        """A requirement is being checked."""
        self.say(requirement.id)

    def end(self, result: Result) -> None:
        """A requirement has been checked."""
        if result.is_bad:
            self.show(_told(result))
        self.advance()


def summary(report: Report, console: Console) -> None:
    """The end of a run: a row for each area, why requirements were skipped, and the totals."""
    table = Table(
        title=f"KSeF conformance of {escape(report.target)} ({escape(report.url)})", title_justify="left"
    )
    table.add_column("")
    for heading in Verdict:
        table.add_column(heading.value, justify="right")
    for area, results in report.by_area().items():
        counts = Counter(result.verdict for result in results)
        table.add_row(area, *(_count(verdict, counts[verdict]) for verdict in Verdict))
    table.add_section()
    table.add_row("all", *(_count(verdict, count) for verdict, count in report.counts.items()))
    console.print(table)
    reasons = Counter(result.message for result in report.results if result.verdict is Verdict.SKIPPED)
    for reason, number in reasons.most_common():
        console.print(f"{_SIGNS[Verdict.SKIPPED]} {number} skipped: {escape(reason)}", highlight=False)
    for item in report.left_behind:
        console.print(f"[yellow]left behind on the target:[/] {escape(item)}", highlight=False)
    if report.aborted is not None:
        console.print(f"[bold red]broken off:[/] {escape(report.aborted)}", highlight=False)
    console.print(f"{len(report.results)} requirements in {report.duration:.1f} s", highlight=False)


def differences(before: Report, after: Report, changes: Sequence[Change], console: Console) -> None:
    """What `diff` found, a paragraph for each change."""
    console.print(
        f"{escape(before.target)} of {before.started} → {escape(after.target)} of {after.started}",
        highlight=False,
    )
    for change in changes:
        console.print(
            f"{_CHANGES[change.kind]} [bold]{change.id}[/] {escape(change.sentence)}", highlight=False
        )
        for sign, text in (("-", change.before), ("+", change.after)):
            if text:
                console.print(f"    [dim]{sign}[/] {escape(text)}", highlight=False)
    numbers = Counter(change.kind for change in changes)
    told = ", ".join(f"{numbers[kind]} {kind.value}" for kind in Kind if numbers[kind])
    console.print(told or "no difference", highlight=False)


def catalogue(requirements: Sequence[Requirement], console: Console) -> None:
    """The requirements as a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "severity", "requirement", "needs"):
        table.add_column(heading, no_wrap=heading == "id")
    area = ""
    for each in requirements:
        if each.area != area:
            area = each.area
            table.add_section()
            table.add_row("", "", f"[bold]{AREAS[area]}[/]", "")
        needs = ", ".join(need.name.lower().replace("_", " ") for need in Capability if need in each.needs)
        table.add_row(each.id, each.severity, escape(each.sentence), needs)
    console.print(table)
    console.print(f"{len(requirements)} requirements", highlight=False)


def _count(verdict: Verdict, count: int) -> str:
    if not count:
        return "[dim]·[/]"
    colour = {Verdict.PASSED: "green", Verdict.SKIPPED: "yellow"}.get(verdict, "bold red")
    return f"[{colour}]{count}[/]"


def _told(result: Result) -> str:
    decisive = f"\n    [dim]{escape(result.decisive.line)}[/]" if result.decisive is not None else ""
    return (
        f"{_SIGNS[result.verdict]} [bold]{result.id}[/] {escape(result.sentence)}\n"
        f"    {escape(result.message)}{decisive}"
    )
