"""The situations as Markdown: the last part of docs/client-conformance.md."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.clients.catalogue import AREAS, Situation


def catalogue(situations: Sequence[Situation]) -> str:
    """A table for each area."""
    parts = []
    for area, title in AREAS.items():
        members = [each for each in situations if each.area == area]
        if members:
            parts.append(
                f"### {title}\n\n| Id | What happens | What a right client does | |\n|---|---|---|---|"
            )
            parts += [_row(each) for each in members]
            parts.append("")
    return "\n".join(parts)


def _row(each: Situation) -> str:
    marks: list[str] = [each.severity] if each.severity == "should" else []
    if len(each.methods) == 1:
        marks.append(f"{each.methods[0]} only")
    return f"| {each.id} | {_cell(each.sentence)} | {_cell(each.right)} | {', '.join(marks)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
