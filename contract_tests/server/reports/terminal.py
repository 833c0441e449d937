"""A run in the terminal: one live line while it goes on, then what failed and a table of the areas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from contract_tests.common import terminal
from contract_tests.common.report import Mark, is_bad
from contract_tests.common.terminal import SIGNS, LiveLine, safe, say
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import AREAS, Requirement
from contract_tests.server.diff import Change, Kind
from contract_tests.server.report import Report, Result

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
        if is_bad(result):
            self.show(result, [result.decisive.line] if result.decisive is not None else [])
        self.advance()


def summary(report: Report, console: Console) -> None:
    """The end of a run: a row for each area, why requirements were skipped, common causes, and the answer."""
    terminal.totals(report, console, {mark: mark.value for mark in Mark})
    reasons = Counter(result.message for result in report.results if result.mark is Mark.SKIPPED)
    for reason, number in reasons.most_common():
        say(console, f"{SIGNS[Mark.SKIPPED]} {number} skipped: {safe(reason)}")
    for item in report.left_behind:
        say(console, f"[yellow]left behind on the target:[/] {safe(item)}")
    terminal.causes(report, console)
    terminal.ending(report, console, "requirements")


def differences(before: Report, after: Report, changes: Sequence[Change], console: Console) -> None:
    """What `diff` found, a paragraph for each change."""
    names = [f"{report.target} of {report.started}" for report in (before, after)]
    say(console, safe(" → ".join(names)))
    for change in changes:
        say(console, f"{_CHANGES[change.kind]} [bold]{safe(change.id)}[/] {safe(change.sentence)}")
        for sign, text in (("-", change.before), ("+", change.after)):
            if text:
                say(console, f"    [dim]{sign}[/] {safe(text)}")
    numbers = Counter(change.kind for change in changes)
    told = ", ".join(f"{numbers[kind]} {kind.value}" for kind in Kind if numbers[kind])
    say(console, told or "no difference")


def catalogue(requirements: Sequence[Requirement], console: Console) -> None:
    """The requirements as a table."""
    columns = ("id", "severity", "requirement", "evidence", "since", "needs")
    terminal.catalogue(requirements, console, AREAS, columns, _row, "requirements")


def _row(each: Requirement) -> tuple[str, ...]:
    needs = ", ".join(need.short for need in Capability if need in each.needs)
    return each.id, each.severity, each.sentence, each.evidence, each.since, needs
