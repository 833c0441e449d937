"""The line at the bottom of a terminal that shows how far a run has come."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class LiveLine:
    """There while it is entered, and only in a terminal; what is shown appears above it."""

    def __init__(self, console: Console, total: int, text: str) -> None:
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

    def show(self, text: str) -> None:
        """Print something that stays."""
        self._bar.console.print(text, highlight=False)

    def advance(self) -> None:
        """One more is done."""
        self._bar.advance(self._task)
