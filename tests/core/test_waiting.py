"""When delayed work is over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import SECOND
from ksef_mock.core.waiting import Delay, Wait

START = 1_000 * SECOND


def test_without_a_delay_it_is_over_when_it_begins() -> None:
    wait = Delay().begin(START)
    assert wait.is_over(START)
    assert wait.ends_at == START


def test_seconds_pass_by_the_clock() -> None:
    wait = Delay(seconds=2.5).begin(START, extra=1.0)
    assert not wait.is_over(START + 7 * SECOND // 2 - 1)
    assert wait.is_over(START + 7 * SECOND // 2)


def test_the_last_of_the_polls_is_the_moment_at_which_it_is_over() -> None:
    wait = Delay(polls=2).begin(START).polled(START + 1)
    assert wait == Wait(START, 1)
    assert not wait.is_over(START + 1)
    wait = wait.polled(START + 5)
    assert wait == Wait(START + 5)
    assert wait.is_over(START + 5)


def test_a_poll_beyond_the_last_moves_nothing() -> None:
    wait = Delay(seconds=9).begin(START)
    assert wait.polled(START + 1) is wait


def test_both_conditions_have_to_pass() -> None:
    wait = Delay(polls=1, seconds=1).begin(START).polled(START)
    assert not wait.is_over(START)
    assert wait.is_over(START + SECOND)


def test_it_can_be_held_for_longer() -> None:
    assert Delay(polls=1, seconds=1).begin(START).held(2, 0.5) == Wait(START + 3 * SECOND // 2, 3)


@pytest.mark.parametrize("wrong", [{"polls": -1}, {"seconds": -0.1}])
def test_no_delay_is_negative(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Delay(**wrong)


@given(st.integers(0, 5), st.integers(0, 5), st.lists(st.integers(0, 3), max_size=20))
def test_what_is_over_stays_over_whatever_polls_come(polls: int, seconds: int, steps: list[int]) -> None:
    wait, now, over = Delay(polls, seconds).begin(START), START, False
    for step in steps:
        now += step * SECOND
        assert wait.is_over(now) or not over
        over = wait.is_over(now)
        assert not over or wait.ends_at <= now
        wait = wait if over else wait.polled(now)
