from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import SECOND
from ksef_mock.core.references import Kind, issued_at, new_reference

MOMENTS = st.integers(0, 253_402_300_799 * SECOND).map(lambda moment: moment // 100 * 100)
NOW = 1_795_482_153 * SECOND


@given(MOMENTS, st.sampled_from(list(Kind)))
def test_number_tells_when_it_was_issued(moment: int, kind: Kind) -> None:
    reference = new_reference(kind, moment)
    assert re.fullmatch(r"\d{8}-[A-Z]{2}-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}", reference)
    assert issued_at(reference, kind) == moment


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
    from zlib import crc32

    def checked(body: str) -> str:
        return f"{body}-{crc32(body.encode()) & 0xFF:02X}"

    assert issued_at(checked("20260101-AU-0000000000-0000000000"), Kind.AUTHENTICATION) is not None
    assert issued_at(checked("20260230-AU-0000000000-0000000000"), Kind.AUTHENTICATION) is None
    assert issued_at(checked("20260101-AU-FFFFFFFFFF-0000000000"), Kind.AUTHENTICATION) is None
