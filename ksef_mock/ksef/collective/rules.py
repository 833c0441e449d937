"""What KSeF decides of collective identifiers (identyfikatory zbiorcze). Pure.

Source: OpenAPI 2.9.0, POST /collective-identifiers and its table of 400 answers, unless said otherwise. Who
may name which invoices is not said there: whoever may call the operation, any that there are. A payer need
not be a party of what he pays; details are hidden from those that are "neither the maker nor a party", so a
maker need not be one.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC

from ksef_mock.clock import Instant, to_datetime
from ksef_mock.core.bodies import invalid
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.references import checksum
from ksef_mock.core.validation import item_count

#: Collective identifiers that one invoice may belong to, of one context.
MOST_OF_AN_INVOICE = 132
#: Invoices of one collective identifier; GET /limits/context tells how many at most.
FEWEST_INVOICES = 2
#: Details of one answer.
_MOST_DETAILS = 100

# Not the shared generator of `random`, which tests like to seed.
_random = random.Random()  # noqa: S311
#: Which of the processes that number at the same time this one is.
_NODE = _random.getrandbits(9)
_counter = itertools.count(_random.getrandbits(16))
_lock = threading.Lock()


def collective_number(seller: str, month: str, technical: str) -> str:
    """`NIP-IZYYYYMM-FFFFFFFFFFFF-FF`: the last two digits are a CRC-8 of all before the last hyphen.

    Args:
        seller: NIP.
        month: YYYYMM.
        technical: 12 upper hex digits that tell those of a month apart.
    """
    number = f"{seller}-IZ{month}-{technical}"
    return f"{number}-{checksum(number):02X}"


def new_number(seller: str, now: Instant) -> str:
    """A fresh number.

    The technical part is laid out as that of the one documented number whose moment is known (the
    continuation token in the examples tells it): 23 bits with the second of the month in UTC, 9 bits of the
    node, 16 bits that count.
    """
    moment = to_datetime(now).astimezone(UTC)
    start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    second = int((moment - start).total_seconds())
    with _lock:
        count = next(_counter) & 0xFFFF
    return collective_number(seller, f"{moment:%Y%m}", f"{second << 25 | _NODE << 16 | count:012X}")


def seller_of(number: str) -> str:
    """The NIP in a KSeF number, or in a collective identifier."""
    return number[:10]


def require_count(count: int, most: int) -> None:
    """
    Raises:
        BadRequest: 21405.
    """
    if count > most:
        raise invalid("invoices", item_count(FEWEST_INVOICES, most))


def require_once(ksef_numbers: Sequence[str]) -> None:
    """
    Raises:
        BadRequest: 71005 with a detail for each that is named again.
    """
    again = [number for number, times in Counter(ksef_numbers).items() if times > 1]
    _refuse(Code.REPEATED_INVOICE, "Powtórzony numer KSeF {}.", again)


def require_known(ksef_numbers: Sequence[str], known: Collection[str]) -> None:
    """
    Raises:
        BadRequest: 71001 with a detail for each that there is not.
    """
    unknown = [number for number in ksef_numbers if number not in known]
    _refuse(Code.NO_SUCH_INVOICE, "Faktura o numerze KSeF {} nie została znaleziona.", unknown)


def require_one_seller(ksef_numbers: Sequence[str]) -> None:
    """
    Raises:
        BadRequest: 71004 with a detail for each that has another seller than the first.
    """
    seller = seller_of(ksef_numbers[0])
    others = [number for number in ksef_numbers if seller_of(number) != seller]
    _refuse(Code.DIFFERENT_SELLERS, "Faktura o numerze KSeF {} ma innego sprzedawcę.", others)


def require_room(uses: Mapping[str, int], most: int = MOST_OF_AN_INVOICE) -> None:
    """
    Args:
        uses: KSeF number -> the collective identifiers of this context that it belongs to.

    Raises:
        BadRequest: 71002 with a detail for each that belongs to as many as may be.
    """
    full = [number for number, count in uses.items() if count >= most]
    _refuse(
        Code.TOO_MANY_COLLECTIVE_IDENTIFIERS,
        "Faktura o numerze KSeF {} jest już przypisana do maksymalnej liczby Identyfikatorów Zbiorczych.",
        full,
    )


def _refuse(code: Code, sentence: str, ksef_numbers: Sequence[str]) -> None:
    if ksef_numbers:
        raise BadRequest(code, *(sentence.format(number) for number in ksef_numbers[:_MOST_DETAILS]))
