"""What people write on a command line, as the `type=` of an option: moments and lengths of time.

The names of the functions are what the help shows, in capitals.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import click

#: Unit -> seconds.
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def time(value: str | datetime) -> datetime:
    """A moment in ISO 8601, as far as Python reads it: aware, UTC unless it has an offset.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        example = "such as 2026-01-31T12:00:00Z or 2026-01-31"
        raise click.BadParameter(f"{value!r} is no ISO 8601 time, {example}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def seconds(value: str | float) -> float:
    """A length of time: a number of seconds, or a number with a unit.

    Raises:
        click.BadParameter: it is none.
    """
    number, factor = value, 1
    if isinstance(value, str) and value[-1:] in _UNITS:
        number, factor = value[:-1], _UNITS[value[-1]]
    try:
        length = float(number) * factor
    except ValueError:
        length = math.nan
    if not math.isfinite(length):
        raise click.BadParameter(f"{value!r} is neither a number of seconds nor such as 15m, 2h, 8d")
    return length
