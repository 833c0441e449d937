from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import (
    SECOND,
    Clock,
    from_datetime,
    iso,
    iso_utc,
    to_datetime,
    unix_milliseconds,
    unix_seconds,
)

NOON = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


def test_it_shows_real_time_in_ticks_of_100_ns() -> None:
    clock = Clock()
    before, shown, after = time.time_ns(), clock.now(), time.time_ns()
    assert before - 100 < shown <= after
    assert shown % 100 == 0


def test_frozen_clock_stands_until_it_is_resumed() -> None:
    clock = Clock()
    clock.freeze()
    first = clock.now()
    assert clock.now() == first
    clock.freeze()
    assert clock.now() == first
    clock.resume()
    assert first <= clock.now() < first + 5 * SECOND


@pytest.mark.parametrize("seconds", [0, 1, 0.5, 86_400, -3_600])
def test_it_moves_by_seconds_frozen_or_not(seconds: float) -> None:
    clock = Clock()
    clock.freeze()
    before = clock.now()
    clock.advance(seconds)
    assert clock.now() - before == seconds * SECOND
    clock.resume()
    clock.advance(-seconds)
    assert before <= clock.now() < before + 5 * SECOND


def test_it_can_be_set_frozen_or_not() -> None:
    clock = Clock()
    clock.set(NOON)
    assert 0 <= clock.now() - from_datetime(NOON) < 5 * SECOND
    clock.freeze()
    clock.set(NOON)
    assert clock.now() == from_datetime(NOON)
    clock.resume()
    assert 0 <= clock.now() - from_datetime(NOON) < 5 * SECOND


def test_reset_returns_to_real_time() -> None:
    clock = Clock()
    clock.freeze()
    clock.advance(1_000_000)
    clock.reset()
    assert abs(clock.now() - time.time_ns()) < 5 * SECOND


def test_naive_datetime_is_utc() -> None:
    assert from_datetime(NOON.replace(tzinfo=None)) == from_datetime(NOON)
    assert from_datetime(NOON.astimezone(timezone(timedelta(hours=2)))) == from_datetime(NOON)


def test_iso_drops_zeros_at_the_end_of_the_fraction_and_has_an_offset() -> None:
    assert iso(from_datetime(NOON)) == "2026-01-31T12:00:00.123456+00:00"
    assert iso(from_datetime(NOON) + 700) == "2026-01-31T12:00:00.1234567+00:00"
    assert iso(0) == "1970-01-01T00:00:00+00:00"


@given(st.integers(0, 9_214_646_400 * SECOND).map(lambda moment: moment // 100 * 100))
def test_all_forms_name_the_same_moment(moment: int) -> None:
    whole, _, fraction = iso(moment).removesuffix("+00:00").partition(".")
    assert not fraction.endswith("0")
    assert iso_utc(moment) == f"{whole}.{fraction:0<7}Z"
    shown = datetime.fromisoformat(f"{whole}.{fraction:0<6.6}+00:00")
    assert shown == to_datetime(moment)
    assert from_datetime(shown) == moment // 1_000 * 1_000
    assert unix_milliseconds(moment) == from_datetime(shown) // 1_000_000
    assert unix_seconds(moment) * 1_000 == unix_milliseconds(moment) - unix_milliseconds(moment) % 1_000


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (lambda clock: clock.advance(90), timedelta(seconds=90)),
        (lambda clock: clock.advance(timedelta(days=2)), timedelta(days=2)),
        (lambda clock: clock.advance(minutes=15), timedelta(minutes=15)),
        (lambda clock: clock.advance(days=1, hours=-1, seconds=0.5), timedelta(hours=23, seconds=0.5)),
    ],
)
def test_a_clock_takes_what_people_say(move: Callable[[Clock], None], expected: timedelta) -> None:
    clock = Clock()
    clock.freeze()
    before = clock.now()
    move(clock)
    assert clock.now() - before == expected.total_seconds() * SECOND


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        (datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 3, 1, 11, tzinfo=UTC)),
    ],
)
def test_a_clock_can_be_set_to_a_date_a_datetime_or_a_text(moment: date | str, expected: datetime) -> None:
    clock = Clock()
    clock.freeze()
    clock.set(moment)
    assert to_datetime(clock.now()) == expected


def test_a_clock_says_what_it_takes() -> None:
    clock = Clock()
    with pytest.raises(TypeError, match="advance takes a timedelta, a number of seconds, or days="):
        clock.advance("an hour")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="set takes a datetime, a date or ISO 8601 text, not int"):
        clock.set(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="set takes ISO 8601 such as"):
        clock.set("tomorrow")
