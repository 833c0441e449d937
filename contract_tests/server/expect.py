"""What a check says: a failed expectation (what was expected, what was received), or a reason to skip."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NoReturn

from contract_tests.common.masking import masked_text

_LONGEST = 300


class Failed(Exception):
    """The target does not do what the requirement says. The message is for people."""


class Skipped(Exception):
    """The requirement cannot be checked on this target; the message says why."""


def fail(expected: object, received: object, *, what: str = "") -> NoReturn:
    """
    Raises:
        Failed: always; names both.
    """
    subject = f"{what}: " if what else ""
    raise Failed(f"{subject}expected {_shown(expected)}, received {_shown(received)}")


def equal(what: str, received: object, expected: object) -> None:
    """
    Raises:
        Failed: they differ, in value or in type (`1` is not `True`).
    """
    if received != expected or type(received) is not type(expected):
        fail(expected, received, what=what)


def different(what: str, received: object, other: object) -> None:
    """
    Raises:
        Failed: they are the same.
    """
    if received == other:
        fail(f"another value than {_shown(other)}", received, what=what)


def one_of(what: str, received: object, expected: Collection[object]) -> None:
    """
    Raises:
        Failed: it is none of them.
    """
    if received not in expected:
        fail(" or ".join(map(_shown, expected)), received, what=what)


def matches(what: str, received: object, pattern: str) -> None:
    """
    Raises:
        Failed: not a text, or its whole does not match the regular expression.
    """
    if not isinstance(received, str) or re.fullmatch(pattern, received) is None:
        fail(f"text of the form {pattern}", received, what=what)


def true(what: str, condition: bool, *, expected: object, received: object) -> None:
    """
    Raises:
        Failed: the condition does not hold.
    """
    if not condition:
        fail(expected, received, what=what)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = masked_text(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
