"""Dates as KSeF reads them: ISO 8601, local time of Warsaw where no offset is given.

The forms are those of .NET's System.Text.Json (its documentation: DateTime and DateTimeOffset support).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from ksef_mock.clock import SECOND, Instant, from_datetime, to_datetime

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:(?P<time>T\d\d:\d\d(?::\d\d)?)(?:(?<=:\d\d:\d\d)\.(?P<fraction>\d{1,16}))?(?P<offset>Z|[+-]\d\d(?::\d\d)?)?)?",
    re.ASCII,
)
#: .NET's DateTimeOffset has no others.
_FURTHEST_OFFSET = timedelta(hours=14)
#: Of its 16 digits of a second .NET keeps these: ticks of 100 ns.
_TICK_DIGITS = 7
#: Earlier and later dates count as these: what unset dates of clients, year 1 and 9999, are compared with is
#: younger, and a certificate may begin then and still end.
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)


@cache
def warsaw() -> tzinfo:
    """The time zone Europe/Warsaw."""
    return ZoneInfo("Europe/Warsaw")


def parse(text: str) -> Instant:
    """A date, or a date and time with up to 16 fractional digits; `Z`, an offset, or neither (then Warsaw).

    What lies before the year 1000 or after 2999 counts as their beginning and end.

    Raises:
        ValueError: it is none, or does not exist.
    """
    match = _ISO.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        moment = datetime.fromisoformat(match["day"] + (match["time"] or "") + (match["offset"] or ""))
        if abs(moment.utcoffset() or timedelta()) > _FURTHEST_OFFSET:
            raise ValueError
    except ValueError:
        raise ValueError(f"{text!r} is no ISO 8601 date") from None
    if not _FIRST.year <= moment.year <= _LAST.year:
        return from_datetime(_FIRST if moment.year < _FIRST.year else _LAST)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=warsaw())
    return from_datetime(moment) + int((match["fraction"] or "")[:_TICK_DIGITS].ljust(9, "0"))


def exact(text: str) -> Instant:
    """The same for what is to be kept and told again.

    Raises:
        ValueError: it is none, does not exist, or is not of the years 1000 to 2999.
    """
    moment = parse(text)
    if moment in (from_datetime(_FIRST), from_datetime(_LAST)):
        raise ValueError(f"{text!r} is not of the years 1000 to 2999")
    return moment


def midnight(moment: Instant) -> Instant:
    """The beginning of the day that it is in Warsaw."""
    local = to_datetime(moment).astimezone(warsaw())
    return from_datetime(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))


def day(moment: Instant) -> str:
    """The day that it is in Warsaw, as YYYY-MM-DD."""
    return _day_in_hour(moment // _HOUR)


def second_of_day(moment: Instant) -> int:
    """How many seconds of the day have passed in Warsaw, changes of the clock aside: 43,200 at noon."""
    return (moment // SECOND + _offset_in_hour(moment // _HOUR)) % 86_400


# Asked several times of each invoice. Warsaw is whole hours from UTC since 1922, and invoices are younger: an
# hour of UTC is of one day there, and of one offset.
_HOUR = 3_600 * SECOND


@lru_cache(maxsize=64)
def _day_in_hour(hour: int) -> str:
    return to_datetime(hour * _HOUR).astimezone(warsaw()).date().isoformat()


@lru_cache(maxsize=64)
def _offset_in_hour(hour: int) -> int:
    offset = to_datetime(hour * _HOUR).astimezone(warsaw()).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())
