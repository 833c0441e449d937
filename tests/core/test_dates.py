"""Dates as KSeF reads them, and its calendar months."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ksef_mock.clock import Instant, from_datetime, iso
from ksef_mock.core import dates as warsaw


def instant(text: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-15T12:00:00Z", "2026-01-15T12:00:00+00:00"),
        ("2026-01-15T12:00:00+03:00", "2026-01-15T09:00:00+00:00"),
        ("2026-01-15T12:00:00", "2026-01-15T11:00:00+00:00"),  # winter in Warsaw
        ("2026-07-15T12:00:00", "2026-07-15T10:00:00+00:00"),  # summer
        ("2026-07-15T12:00", "2026-07-15T10:00:00+00:00"),
        ("2026-07-15", "2026-07-14T22:00:00+00:00"),
        ("2026-01-15T12:00:00.3881234+00:00", "2026-01-15T12:00:00.3881234+00:00"),
        ("2026-01-15T12:00:00.5", "2026-01-15T11:00:00.5+00:00"),
        ("2026-01-15T12:00Z", "2026-01-15T12:00:00+00:00"),
        ("2026-01-15T12:00:00+03", "2026-01-15T09:00:00+00:00"),
        ("2026-01-15T12:00:00-14:00", "2026-01-16T02:00:00+00:00"),
        ("2026-01-15T12:00:00.1234567890123456Z", "2026-01-15T12:00:00.1234567+00:00"),
        ("0001-01-01T00:00:00", "1678-01-01T00:00:00+00:00"),
        ("0001-01-01T00:00:00+02:00", "1678-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.9999999Z", "2262-01-01T00:00:00+00:00"),
    ],
)
def test_reads_every_documented_form(text: str, moment: str) -> None:
    assert iso(warsaw.parse(text)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-02-30T12:00:00Z",
        "2026-01-15T24:00:00Z",
        "2026-01-15 12:00:00Z",
        "15.01.2026",
        "20260115T120000Z",
        "2026-01-15T12:00:00.Z",
        "2026-01-15T12:00.5Z",
        "2026-01-15T12:00:00.12345678901234567Z",
        "2026-01-15T12:00:00+14:01",
        "2026-01-15T12:00:00+0300",
        "2026-01-15t12:00:00z",
        "2026-01-15Z",
        "2026-01-15T12:00:00+99:00",
        "2026-01-15T12:00:00Z\n",
        "0000-01-15T12:00:00Z",
        "٢٠٢٦-01-15",
    ],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match="is no ISO 8601 date"):
        warsaw.parse(text)


@pytest.mark.parametrize("text", ["0001-01-15T12:00:00Z", "3000-01-15T12:00:00Z"])
def test_what_is_kept_is_of_the_years_1000_to_2999(text: str) -> None:
    with pytest.raises(ValueError, match="years 1000 to 2999"):
        warsaw.exact(text)
    assert warsaw.exact("2026-01-15T12:00:00Z") == instant("2026-01-15T12:00:00Z")


@given(
    st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?[+-]\d\d:\d\d)?", fullmatch=True)
)
def test_any_text_is_a_date_that_can_be_written_or_a_value_error(text: str) -> None:
    try:
        moment = warsaw.parse(text)
    except ValueError:
        return
    assert warsaw.parse(iso(warsaw.midnight(moment))) <= moment


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_what_the_mock_writes_it_reads(moment: datetime) -> None:
    assert warsaw.parse(iso(from_datetime(moment))) == from_datetime(moment)


def test_midnight_is_that_of_warsaw() -> None:
    assert iso(warsaw.midnight(instant("2026-07-15T23:30:00Z"))) == "2026-07-15T22:00:00+00:00"
    assert iso(warsaw.midnight(instant("2026-07-15T21:30:00Z"))) == "2026-07-14T22:00:00+00:00"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
@example(datetime(2026, 3, 29, 0, 59, 59, 999_999, UTC))
@example(datetime(2026, 10, 25, 1, 0, tzinfo=UTC))
@example(datetime(2026, 7, 22, 22, 0, tzinfo=UTC))
def test_the_day_and_the_second_of_it_in_warsaw(moment: datetime) -> None:
    local = moment.astimezone(warsaw.warsaw())
    assert warsaw.day(from_datetime(moment)) == local.date().isoformat()
    assert warsaw.second_of_day(from_datetime(moment)) == (local.hour * 60 + local.minute) * 60 + local.second
