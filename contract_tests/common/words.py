"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, things: str) -> str:
    """`1 requirement`, `2 requirements`: the noun is given as a plural in -s."""
    return f"{number} {things.removesuffix('s') if number == 1 else things}"
