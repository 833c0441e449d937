"""Dates as KSeF reads them: ISO 8601, local time of Warsaw where no offset is given."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from ksef_mock.clock import SECOND, Instant, from_datetime, to_datetime

_ISO = re.compile(
    r"(?P<moment>[12]\d{3}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)"
    r"(?:(?<=T\d\d:\d\d:\d\d)\.(?P<fraction>\d{1,9}))?(?P<offset>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


@cache
def warsaw() -> tzinfo:
    """The time zone Europe/Warsaw."""
    return ZoneInfo("Europe/Warsaw")


def parse(text: str) -> Instant:
    """A date, or a date and time with up to 9 fractional digits; `Z`, an offset, or neither (then Warsaw).

    Raises:
        ValueError: it is none, does not exist, or is not of the years 1000 to 2999.
    """
    match = _ISO.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match["moment"] + (match["offset"] or "")) if match else None
    except ValueError:
        moment = None
    if match is None or moment is None:
        raise ValueError(f"{text!r} is no ISO 8601 date")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=warsaw())
    return from_datetime(moment) + int((match["fraction"] or "").ljust(9, "0"))


def midnight(moment: Instant) -> Instant:
    """The beginning of the day that it is in Warsaw."""
    local = to_datetime(moment).astimezone(warsaw())
    return from_datetime(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))


def day(moment: Instant) -> str:
    """The day that it is in Warsaw, as YYYY-MM-DD."""
    return _date_in_hour(moment // _HOUR).isoformat()


def second_of_day(moment: Instant) -> int:
    """How many seconds of the day have passed in Warsaw, changes of the clock aside: 43,200 at noon."""
    return (moment // SECOND + _offset_in_hour(moment // _HOUR)) % 86_400


# Asked several times of each invoice. Warsaw is whole hours from UTC since 1922, and invoices are younger: an
# hour of UTC is of one day there, and of one offset.
_HOUR = 3_600 * SECOND


@lru_cache(maxsize=64)
def _date_in_hour(hour: int) -> date:
    return to_datetime(hour * _HOUR).astimezone(warsaw()).date()


@lru_cache(maxsize=64)
def _offset_in_hour(hour: int) -> int:
    offset = to_datetime(hour * _HOUR).astimezone(warsaw()).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())
