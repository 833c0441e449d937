from __future__ import annotations

import re
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import MILLISECOND, SECOND
from ksef_mock.core.references import Kind, checksum, issued_at, new_reference

MOMENTS = st.integers(0, 253_402_300_799 * SECOND).map(lambda moment: moment // 100 * 100)
NOW = 1_795_482_153 * SECOND


@given(MOMENTS, st.sampled_from(list(Kind)))
def test_number_tells_when_it_was_issued_to_the_millisecond(moment: int, kind: Kind) -> None:
    reference = new_reference(kind, moment)
    assert re.fullmatch(r"\d{8}-[A-Z]{2}-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}", reference)
    assert issued_at(reference, kind) == moment // MILLISECOND * MILLISECOND


def test_numbers_of_one_moment_differ() -> None:
    assert len({new_reference(Kind.CHALLENGE, NOW) for _ in range(1_000)}) == 1_000


def test_number_begins_with_its_date_and_type() -> None:
    assert new_reference(Kind.KSEF_TOKEN, NOW).startswith("20261124-EC-")


@pytest.mark.parametrize("position", [0, 7, 9, 12, 21, 23, 32, 34, 35])
def test_changed_character_is_noticed(position: int) -> None:
    reference = new_reference(Kind.AUTHENTICATION, NOW)
    other = "1" if reference[position] != "1" else "2"
    assert issued_at(reference[:position] + other + reference[position + 1 :], Kind.AUTHENTICATION) is None


@pytest.mark.parametrize("text", ["", "x" * 36, "20261340-AU-0000000000-0000000000-00"])
def test_what_is_no_number(text: str) -> None:
    assert issued_at(text, Kind.AUTHENTICATION) is None


def test_number_of_another_type_is_none_of_this() -> None:
    assert issued_at(new_reference(Kind.CHALLENGE, NOW), Kind.AUTHENTICATION) is None


def test_impossible_date_or_time_of_day_is_none() -> None:
    def checked(body: str) -> str:
        body = f"{body}{crc32(body.encode()) & 0xFFFF:04X}"
        return f"{body}-{checksum(body):02X}"

    assert issued_at(checked("20260101-AU-0000000000-000000"), Kind.AUTHENTICATION) is not None
    assert issued_at(checked("20260230-AU-0000000000-000000"), Kind.AUTHENTICATION) is None
    assert issued_at(checked("20260101-AU-FFFFFFFFFF-000000"), Kind.AUTHENTICATION) is None


@pytest.mark.parametrize(
    "number",
    [
        "20250514-AU-2DFC46C000-3AC6D5877F-D4",
        "20250626-EG-333C814000-C529F710D8-D2",
        "20250626-SB-213D593000-4DE10D80A5-E9",
    ],
)
def test_checksum_of_published_numbers(number: str) -> None:
    assert checksum(number[:33]) == int(number[34:], 16)


@pytest.mark.parametrize(
    ("body", "crc"),
    [
        ("5265877635-20250826-0100001AF629", 0xAF),
        ("5265877635-20250916-0100C002FF3E", 0xD5),
        ("5265877635-20250729-01004014E040", 0x00),
        ("7335255579-20251210-010060EFFF52", 0x72),
        ("8980017188-20260324-381F0C000000", 0xA2),
    ],
)
def test_checksum_of_ksef_numbers(body: str, crc: int) -> None:
    assert checksum(body) == crc


def test_a_number_of_the_real_ksef_was_not_issued_by_a_mock() -> None:
    assert issued_at("20250514-AU-2DFC46C000-3AC6D5877F-D4", Kind.AUTHENTICATION) is None


def test_counter_of_one_act_fills_the_low_bits_and_carries() -> None:
    assert new_reference(Kind.AUTHENTICATION, NOW, 9)[12:22].endswith("009")
    carried = new_reference(Kind.AUTHENTICATION, NOW, 4_096)
    assert issued_at(carried, Kind.AUTHENTICATION) == NOW + MILLISECOND
