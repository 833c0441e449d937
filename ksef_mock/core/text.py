"""Text from outside on its way to a terminal or a log."""

from __future__ import annotations


def visible(text: str, *, keep: str = "") -> str:
    """The same with its control characters (but those in `keep`) to be seen instead of obeyed."""
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)
