"""Reference numbers: `YYYYMMDD-TT-XXXXXXXXXX-XXXXXXXXXX-XX`, 36 characters, upper hex.

The real system's numbers are opaque but for the date, the type and a checksum in the last two digits. Ours
carry in the first group the time of day in 100 ns ticks, so a number tells when it was issued even after its
record is gone: that is what separates 410 (existed, expired) from 400 (never existed).
"""

from __future__ import annotations

import random
import re
import time
from calendar import timegm
from datetime import date
from enum import StrEnum
from zlib import crc32

from ksef_mock.clock import SECOND, Instant

_TICKS_PER_SECOND = 10_000_000
_DAY_TICKS = 86_400 * _TICKS_PER_SECOND
_PATTERN = re.compile(r"([0-9]{8})-([A-Z]{2})-([0-9A-F]{10})-([0-9A-F]{10})-([0-9A-F]{2})")

# Not the shared generator of `random`, which tests like to seed: numbers would repeat.
_random = random.Random()  # noqa: S311


class Kind(StrEnum):
    """The two letters after the date."""

    CHALLENGE = "CR"
    AUTHENTICATION = "AU"
    KSEF_TOKEN = "EC"
    ENROLLMENT = "EH"
    PERMISSIONS = "EG"


def new_reference(kind: Kind, now: Instant) -> str:
    """A fresh reference number of this kind, issued at `now`. It names something; it is no secret."""
    seconds = now // SECOND
    day = time.gmtime(seconds)
    ticks = (seconds % 86_400) * _TICKS_PER_SECOND + (now % SECOND) // 100
    body = (
        f"{day.tm_year:04}{day.tm_mon:02}{day.tm_mday:02}-{kind.value}"
        f"-{ticks:010X}-{_random.getrandbits(40):010X}"
    )
    return f"{body}-{_checksum(body)}"


def issued_at(reference: str, kind: Kind) -> Instant | None:
    """When `reference` was issued; None if it is none of this kind, or its checksum is wrong."""
    match = _PATTERN.fullmatch(reference)
    if match is None or match[2] != kind.value or match[5] != _checksum(reference[:-3]):
        return None
    try:
        day = timegm(date(int(match[1][:4]), int(match[1][4:6]), int(match[1][6:])).timetuple())
    except ValueError:
        return None
    ticks = int(match[3], 16)
    return day * SECOND + ticks * 100 if ticks < _DAY_TICKS else None


def _checksum(body: str) -> str:
    return f"{crc32(body.encode()) & 0xFF:02X}"
