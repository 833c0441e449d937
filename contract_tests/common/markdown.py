"""Catalogues as Markdown: a table for each area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from contract_tests.common.catalogue import L
from contract_tests.common.report import by_area


def tables(
    entries: Iterable[L],
    areas: Mapping[str, str],
    columns: Sequence[str],
    row: Callable[[L], Sequence[str]],
    *,
    heading: str,
) -> str:
    """A heading and a table for each area that has entries. `row` gives the cells of an entry."""
    parts = []
    for title, members in by_area(entries, areas).items():
        parts.append(
            f"{heading} {title}\n\n{_line(columns).replace('|  |', '| |')}\n{'|---' * len(columns)}|"
        )
        parts += [_line(row(each)) for each in members]
        parts.append("")
    return "\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
