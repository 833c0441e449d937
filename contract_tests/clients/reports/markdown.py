"""The situations as Markdown: the last part of docs/client-conformance.md."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.clients.catalogue import AREAS, Situation
from contract_tests.common.markdown import tables


def catalogue(situations: Sequence[Situation]) -> str:
    """A table for each area."""
    columns = ("Id", "What happens", "What a right client does", "")
    return tables(situations, AREAS, columns, _row, heading="###")


def _row(each: Situation) -> tuple[str, ...]:
    marks: list[str] = [each.severity] if each.severity == "should" else []
    if len(each.methods) == 1:
        marks.append(f"{each.methods[0]} only")
    return each.id, each.sentence, each.right, ", ".join(marks)
