"""What one request has seen of a store that is some way off: fewer round trips for the same answers.

Two things save them. What a request will probably need is read at once (`Store.prefetch`) and handed out when
it is asked for. And whether the record that all processes share is still the one that this process knows is
found out with the request's first call to the store instead of with a call of its own: if it is not, `Moved`
ends the request before it has changed anything, and it begins anew.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any


class Moved(BaseException):
    """The shared record is another than the request began with; no handler of errors is to stop this."""


class Look:
    """The view of one request."""

    __slots__ = ("checked", "expected", "found")

    def __init__(self, expected: str) -> None:
        """`expected`: the version of the shared record that the request goes by."""
        self.expected = expected
        #: Whether the store has confirmed that version.
        self.checked = False
        #: What was read ahead, raw; nothing of it outlives a change that the request tries to make.
        self.found: dict[tuple[str | int, ...], Any] = {}


#: Of the request at hand; None where somebody has looked at the shared record beforehand.
LOOK: ContextVar[Look | None] = ContextVar("ksef_mock.state.look", default=None)
