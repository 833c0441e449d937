"""One operation of KSeF's API: what the table of operations (`ksef_mock.gateway.operations`) says of each."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path of the document; `{name}` stands for one segment of any value."""

    method: str
    path: str
    #: Whose rate limit it is counted by: a member of `ksef.limits.limits.RateLimits`.
    group: str
    #: Permissions of which one is enough (`x-required-permissions`); empty: none is needed.
    any_of: tuple[str, ...] = ()
    #: Types of context in which it exists; empty: in all of them.
    contexts: tuple[str, ...] = ()
    #: Whether it wants a bearer token (OpenAPI: `security`).
    bearer: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def shape(self) -> tuple[str, str]:
        """What identifies the operation whatever the names of its parameters."""
        return self.method, shape_of(self.path)


def shape_of(path: str) -> str:
    """`path` without the names (and convertors) of its parameters: `/tokens/{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path)
