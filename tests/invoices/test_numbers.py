"""KSeF numbers: those of real answers and of the documentation check, and ours are made alike."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from ksef_mock.clock import from_datetime
from ksef_mock.ksef.invoices.metadata import KsefNumber
from ksef_mock.ksef.invoices.numbers import has_checksum, ksef_number, new_ksef_number

KNOWN = (
    "5265877635-20250826-0100001AF629-AF",
    "5265877635-20250626-010080DD2B5E-26",
    "5265877635-20250916-010040741B3E-46",
    "5265877635-20250916-0100C002FF3E-D5",
    "5265877635-20250916-02000009FF3E-FB",
    "5265877635-20250916-020000583241-84",
    "5265877635-20250916-0200A0D6723E-C2",
    "5265877635-20250925-010020A0A242-0A",
    "5555555555-20250828-010080615740-E4",
    "5265877635-20250729-01004014E040-00",
    "7335255579-20251210-010060EFFF52-72",
    "8980017188-20260324-381F0C000000-A2",
    "4188479938-20260212-5B26A1000000-36",
    "7740001454-20260204-58008099DD6C-9D",
)


@pytest.mark.parametrize("number", KNOWN)
def test_known_numbers_check(number: str) -> None:
    assert has_checksum(number)
    nip, day, technical, _ = number.split("-")
    assert ksef_number(nip, day, technical) == number
    assert not has_checksum(number.replace("-20", "-21", 1))


def test_new_numbers_tell_the_second_of_warsaws_day() -> None:
    moment = from_datetime(datetime(2026, 7, 8, 21, 7, 1, tzinfo=UTC))
    numbers = [new_ksef_number("5265877635", moment) for _ in range(1_000)]
    assert len(set(numbers)) == 1_000
    for number in numbers:
        assert has_checksum(number)
        assert msgspec.convert(number, KsefNumber) == number
        assert number.startswith("5265877635-20260708-")
        assert int(number[20:32], 16) >> 31 == (23 * 60 + 7) * 60 + 1  # 23:07:01, summer time


def test_the_day_is_warsaws() -> None:
    moment = from_datetime(datetime(2026, 1, 31, 23, 30, tzinfo=UTC))
    assert new_ksef_number("5265877635", moment)[11:19] == "20260201"
