"""Reference numbers: `YYYYMMDD-TT-GGGGGGGGGG-RRRRRRRRRR-CC`, 36 characters, upper hex.

Day and type; 40 bits with the millisecond of the UTC day and a counter of 12 bits; 40 random bits; a CRC-8 of
all before. Found out from numbers in real answers: 19 of 19 check, and tell the times printed beside them.
So a number tells when it was issued even after its record is gone: that is what separates 410 (existed,
expired) from 400 (never existed).

Numbers of the real KSeF never existed here. So of the 40 random bits, which nobody can read anything from, 16
are a mark that only a mock's numbers have.
"""

from __future__ import annotations

import random
import re
import time
from calendar import timegm
from datetime import date
from enum import StrEnum
from functools import lru_cache
from zlib import crc32

from ksef_mock.clock import MILLISECOND, SECOND, Instant

_DAY_MILLISECONDS = 86_400_000
#: Bits of the counter below the millisecond.
_LOW = 12
_PATTERN = re.compile(r"([0-9]{8})-([A-Z]{2})-([0-9A-F]{10})-([0-9A-F]{10})-([0-9A-F]{2})")

# Not the shared generator of `random`, which tests like to seed: numbers would repeat.
_random = random.Random()  # noqa: S311


class Kind(StrEnum):
    """The two letters after the date."""

    CHALLENGE = "CR"
    AUTHENTICATION = "AU"
    KSEF_TOKEN = "EC"
    ENROLLMENT = "EH"
    #: The same letters as of an enrolment: both are seen.
    EXPORT = "EH"
    PERMISSIONS = "EG"
    ONLINE_SESSION = "SO"
    BATCH_SESSION = "SB"
    INVOICE = "EE"
    UPO = "EU"


def new_reference(kind: Kind, now: Instant, low: int = 0) -> str:
    """A fresh reference number of this kind, issued at `now`. It names something; it is no secret.

    Args:
        low: which of the numbers that one act issues in one millisecond, such as the invoices of a batch;
            from 4,096 on they carry into the millisecond.
    """
    seconds, rest = divmod(now, SECOND)
    day, second = divmod(seconds, 86_400)
    moment = ((second * 1_000 + rest // MILLISECOND) << _LOW) + low
    body = f"{_date(day)}-{kind}-{moment:010X}-{_random.getrandbits(24):06X}"
    body += _mark(body)
    return f"{body}-{checksum(body):02X}"


@lru_cache(8)
def _date(day: int) -> str:
    at = time.gmtime(day * 86_400)
    return f"{at.tm_year:04}{at.tm_mon:02}{at.tm_mday:02}"


def is_reference(text: str, kind: Kind) -> bool:
    """Whether a text is a reference number of this kind, of a mock or of the real KSeF."""
    match = _PATTERN.fullmatch(text)
    return match is not None and match[2] == kind.value and match[5] == f"{checksum(text[:-3]):02X}"


def issued_at(reference: str, kind: Kind) -> Instant | None:
    """When `reference` was issued, to the millisecond; None if it is none of this kind that a mock issued."""
    if not is_reference(reference, kind) or reference[29:33] != _mark(reference[:29]):
        return None
    try:
        day = timegm(date(int(reference[:4]), int(reference[4:6]), int(reference[6:8])).timetuple())
    except ValueError:
        return None
    moment = int(reference[12:22], 16) >> _LOW
    return day * SECOND + moment * MILLISECOND if moment < _DAY_MILLISECONDS else None


def _mark(body: str) -> str:
    return f"{crc32(body.encode()) & 0xFFFF:04X}"


def _crc8_of(octet: int) -> int:
    for _ in range(8):
        octet = (octet << 1) ^ (0x07 if octet & 0x80 else 0)
    return octet & 0xFF


_CRC8 = bytes(map(_crc8_of, range(256)))


def checksum(text: str) -> int:
    """CRC-8 (polynomial 0x07, initial 0, nothing reflected) of an ASCII text: of KSeF numbers too."""
    crc = 0
    for octet in text.encode():
        crc = _CRC8[crc ^ octet]
    return crc
