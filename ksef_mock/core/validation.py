"""What KSeF's validator says of a value that breaks a rule: the texts of FluentValidation, in English.

A text has `{}` where the path of the value belongs. Seen in answers of KSeF: NOT_EMPTY, FORMAT, between,
at_most, and the checksum of an internal identifier; the others are FluentValidation's own for its rules.
"""

from __future__ import annotations

from typing import NamedTuple

NOT_EMPTY = "'{}' must not be empty."
EMPTY = "'{}' must be empty."
FORMAT = "'{}' is not in the correct format."
#: Of a rule that FluentValidation has no text for.
CONDITION = "The specified condition was not met for '{}'."
INTERNAL_ID_CHECKSUM = "Invalid checksum for internalId."


class Broken(NamedTuple):
    """A rule that a body breaks: the path of the value in the body (camel case), and the text."""

    path: str
    text: str

    @property
    def detail(self) -> str:
        """The detail of 21405."""
        return self.text.replace("{}", self.path, 1)

    def under(self, prefix: str) -> Broken:
        """The same, seen from further up."""
        return Broken(prefix + self.path, self.text)


def between(least: float, most: float, entered: float) -> str:
    """A number out of bounds."""
    return f"'{{}}' must be between {_number(least)} and {_number(most)}. You entered {_number(entered)}."


def at_most(most: float | str) -> str:
    """A number (or a date) above its bound."""
    return f"'{{}}' must be less than or equal to '{_number(most)}'."


def at_least(least: float | str) -> str:
    """A number (or a date) below its bound."""
    return f"'{{}}' must be greater than or equal to '{_number(least)}'."


def length(least: int | None, most: int | None, entered: int) -> str:
    """A text of `entered` characters that is too short or too long."""
    if least is not None and least == most:
        return f"'{{}}' must be {most} characters in length. You entered {entered} characters."
    if least and most is not None:
        return f"'{{}}' must be between {least} and {most} characters. You entered {entered} characters."
    if least:
        return f"The length of '{{}}' must be at least {least} characters. You entered {entered} characters."
    return f"The length of '{{}}' must be {most} characters or fewer. You entered {entered} characters."


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.17g}"


def item_count(least: int | None, most: int | None) -> str:
    """A list with too few or too many entries. FluentValidation has no such rule: words of our own."""
    if least and most is not None:
        return f"'{{}}' must contain between {least} and {most} items."
    return f"'{{}}' must contain at {f'least {least}' if least else f'most {most}'} items."
