"""The sliding windows of one process, against a model that remembers everything, and what they keep."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import SECOND, Clock
from ksef_mock.core.errors import TooManyRequests
from ksef_mock.ksef.limits.limits import Rate
from ksef_mock.ksef.limits.rate_limiter import Key, RateLimiter
from ksef_mock.state import MemoryStore

KEY: Key = ("Nip:5265877635", "127.0.0.1", "other")
MINUTE, HOUR = 60, 3_600


class Limiter:
    """A rate limiter on a memory store, which never waits for anything: no event loop is needed."""

    def __init__(self, clock: Clock) -> None:
        self.store = MemoryStore(clock)
        self._limiter = RateLimiter(self.store)

    def admit(self, key: Key, windows: Sequence[tuple[int, int]]) -> None:
        with pytest.raises(StopIteration):
            self._limiter.admit(key, windows).send(None)

    def __len__(self) -> int:
        return len(self.store.windows)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    return clock


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(clock)


def wait(limiter: Limiter, rate: Rate, key: Key = KEY) -> int:
    """Retry-After of one more request, in s; 0 if it is admitted."""
    try:
        limiter.admit(key, rate.windows)
    except TooManyRequests as refusal:
        return refusal.retry_after
    return 0


def test_window_slides(limiter: Limiter, clock: Clock) -> None:
    rate = Rate(2, 100, 100)
    assert wait(limiter, rate) == 0
    clock.advance(0.6)
    assert [wait(limiter, rate), wait(limiter, rate)] == [0, 1]
    clock.advance(0.3999)
    assert wait(limiter, rate) == 1
    clock.advance(0.0001)  # the first request has left the window, the second has not
    assert [wait(limiter, rate), wait(limiter, rate)] == [0, 1]


@pytest.mark.parametrize(
    ("rate", "admitted", "seconds", "text"),
    [
        (Rate(3, 30, 120), 3, 1, "Przekroczono limit 3 żądań na sekundę. Spróbuj ponownie po 1 sekundzie."),
        (Rate(9, 4, 120), 4, 60, "Przekroczono limit 4 żądań na minutę. Spróbuj ponownie po 60 sekundach."),
        (
            Rate(9, 9, 5),
            5,
            3600,
            "Przekroczono limit 5 żądań na godzinę. Spróbuj ponownie po 3600 sekundach.",
        ),
        (
            Rate(2, 2, 2),
            2,
            3600,
            "Przekroczono limit 2 żądań na godzinę. Spróbuj ponownie po 3600 sekundach.",
        ),
    ],
)
def test_the_window_that_stays_full_the_longest_decides(
    limiter: Limiter, rate: Rate, admitted: int, seconds: int, text: str
) -> None:
    for _ in range(admitted):
        limiter.admit(KEY, rate.windows)
    with pytest.raises(TooManyRequests) as caught:
        limiter.admit(KEY, rate.windows)
    assert (caught.value.retry_after, caught.value.detail) == (seconds, text)


def test_retry_after_is_rounded_up_and_enough(limiter: Limiter, clock: Clock) -> None:
    rate = Rate(9, 1, 9)
    limiter.admit(KEY, rate.windows)
    clock.advance(20.25)
    assert wait(limiter, rate) == 40
    clock.advance(40)
    assert wait(limiter, rate) == 0


def test_refused_requests_do_not_count(limiter: Limiter, clock: Clock) -> None:
    rate = Rate(1, 100, 100)
    limiter.admit(KEY, rate.windows)
    for _ in range(9):
        clock.advance(0.1)
        wait(limiter, rate)
    clock.advance(0.1)
    assert wait(limiter, rate) == 0


@pytest.mark.parametrize(
    "other",
    [("", *KEY[1:]), (KEY[0], "192.0.2.1", KEY[2]), (*KEY[:2], "session_misc")],
)
def test_keys_that_differ_in_any_part_are_counted_apart(limiter: Limiter, other: Key) -> None:
    rate = Rate(1, 1, 1)
    limiter.admit(KEY, rate.windows)
    assert wait(limiter, rate, other) == 0
    assert wait(limiter, rate) == 3600


def test_lowered_limit_waits_until_enough_requests_have_left(limiter: Limiter, clock: Clock) -> None:
    for _ in range(5):
        limiter.admit(KEY, Rate(100, 100, 100).windows)
        clock.advance(1)
    assert wait(limiter, Rate(100, 2, 100)) == 58  # the fourth of five must leave
    clock.advance(58)
    assert wait(limiter, Rate(100, 2, 100)) == 0


def test_clock_that_was_set_back_starts_afresh(limiter: Limiter, clock: Clock) -> None:
    rate = Rate(1, 1, 1)
    limiter.admit(KEY, rate.windows)
    clock.advance(-2 * HOUR)
    assert [wait(limiter, rate), wait(limiter, rate)] == [0, 3600]


def test_idle_keys_leave_memory(limiter: Limiter, clock: Clock) -> None:
    rate = Rate(100, 100, 100)
    for host in range(1_000):
        limiter.admit(("", f"10.0.{host // 256}.{host % 256}", "other"), rate.windows)
    assert len(limiter) == 1_000
    clock.advance(HOUR - 1)
    limiter.admit(KEY, rate.windows)
    assert len(limiter) == 1_001
    clock.advance(1)
    limiter.admit(KEY, rate.windows)
    assert len(limiter) == 1


def test_windows_never_hold_more_than_their_limits(limiter: Limiter, clock: Clock) -> None:
    rate = Rate(3, 20, 50)
    for _ in range(5_000):
        wait(limiter, rate)
        clock.advance(0.1)
    (log,) = limiter.store.windows._logs.values()
    held = {length // SECOND: len(moments) for length, moments in log._moments.items()}
    assert held[1] <= 3
    assert held[MINUTE] <= 20
    assert held[HOUR] == 50  # 500 s have passed: the hour is full


@given(
    rate=st.builds(Rate, *[st.integers(1, 6)] * 3),
    pauses=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.0, 59.9, 60.0, 1_000.0, 3_600.0]), max_size=60),
)
def test_agrees_with_a_model_that_remembers_every_request(rate: Rate, pauses: list[float]) -> None:
    clock = Clock()
    clock.freeze()
    limiter = Limiter(clock)
    admitted: list[int] = []
    for pause in pauses:
        clock.advance(pause)
        now = clock.now()
        room = all(
            sum(moment > now - length for moment in admitted) < limit for limit, length in rate.windows
        )
        seconds = wait(limiter, rate)
        assert (seconds == 0) is room
        if room:
            admitted.append(now)
        else:
            later = now + seconds * SECOND
            assert all(
                sum(moment > later - length for moment in admitted) < limit for limit, length in rate.windows
            )
