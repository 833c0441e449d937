"""KSeF numbers: `NIP-YYYYMMDD-TTTTTTTTTTTT-CC`, 35 characters.

The NIP is Podmiot1's, the day Warsaw's of the acceptance. The technical part is that of numbers issued since
about February 2026 (found out from real ones): 17 bits with the second of the day in Warsaw, 15 bits of the
node, 16 bits that count. The last two digits are a CRC-8 of all before the last hyphen.
"""

from __future__ import annotations

import itertools
import random
import threading

from ksef_mock.clock import Instant
from ksef_mock.core import dates
from ksef_mock.core.references import checksum

# Not the shared generator of `random`, which tests like to seed.
_random = random.Random()  # noqa: S311
#: Which of the processes that number at the same time this one is.
_NODE = _random.getrandbits(15)
_counter = itertools.count(_random.getrandbits(16))
_lock = threading.Lock()


def ksef_number(nip: str, day: str, technical: str) -> str:
    """The KSeF number of an invoice of `nip` accepted on `day`, with its checksum.

    Args:
        day: YYYYMMDD.
        technical: 12 upper hex digits that tell the invoices of a day apart.
    """
    number = f"{nip}-{day}-{technical}"
    return f"{number}-{checksum(number):02X}"


def new_ksef_number(nip: str, acquired_at: Instant) -> str:
    """A fresh number of an invoice of `nip`, accepted at this moment."""
    second = dates.second_of_day(acquired_at)
    with _lock:
        count = next(_counter) & 0xFFFF
    day = dates.day(acquired_at).replace("-", "")
    return ksef_number(nip, day, f"{second << 31 | _NODE << 16 | count:012X}")


def has_checksum(number: str) -> bool:
    """Whether the last two digits of a KSeF number are its checksum."""
    return number[-2:] == f"{checksum(number[:-3]):02X}"
