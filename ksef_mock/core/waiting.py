"""What "not finished yet" means, for everything that KSeF does after it has answered.

A login, a new or revoked token, an enrolment, a change of permissions: each has a `Wait`, made here when the
work begins and asked here whether it is over. Nothing runs in the background: that something is over is a
comparison with the clock, made by whoever looks next, also in another process or after a restart.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from ksef_mock.clock import SECOND, Instant

#: Seconds.
_LONGEST = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Delay:
    """How long delayed work is told to stay unfinished: until both conditions have passed."""

    #: Status polls that find it unfinished.
    polls: int = 0
    #: Seconds of the mock's clock before the outcome shows.
    seconds: float = 0.0
    #: Seconds by percentile, as ((50, 0.5), (95, 4), (99, 20)): each piece of work waits for a time drawn
    #: from this distribution, straight between its points and from (0, 0) on. They come on top of `seconds`.
    percentiles: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.polls < 0 or self.seconds < 0:
            raise ValueError("a delay cannot be negative")
        points = ((0.0, 0.0), *self.percentiles)
        for (below, less), (percent, seconds) in pairwise(points):
            if not (below < percent <= 100 and less <= seconds < _LONGEST):
                raise ValueError("percentiles rise, from above 0 to 100, and their seconds do not fall")

    def begin(self, now: Instant, extra: float = 0.0) -> Wait:
        """The wait of work that begins `now`; `extra` seconds are added."""
        return Wait(now + round((self.seconds + self._drawn() + extra) * SECOND), self.polls)

    def _drawn(self) -> float:
        if not self.percentiles:
            return 0.0
        chance = random.uniform(0, 100)  # noqa: S311  # no secret
        points = ((0.0, 0.0), *self.percentiles)
        for (below, less), (percent, seconds) in pairwise(points):
            if chance <= percent:
                return less + (seconds - less) * (chance - below) / (percent - below)
        return points[-1][1]


class Stop(msgspec.Struct, frozen=True, array_like=True):
    """A planned stop of processing: KSeF takes work and finishes none."""

    since: Instant
    until: Instant

    def covers(self, moment: Instant) -> bool:
        """Whether nothing is finished at this moment."""
        return self.since <= moment < self.until


@dataclass(frozen=True, slots=True)
class StoppedDelay(Delay):
    """The delay of a KSeF whose processing may be stopped for a while."""

    #: The stop that is planned or under way, if there is one.
    stop: Callable[[], Stop | None] = lambda: None

    def begin(self, now: Instant, extra: float = 0.0) -> Wait:
        """What would be finished during the stop is finished at its end."""
        wait, stop = Delay.begin(self, now, extra), self.stop()
        if stop is None or not stop.covers(wait.ends_at):
            return wait
        return Wait(stop.until, wait.polls, wait.ends_at)


class Wait(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Until when delayed work is unfinished."""

    #: The moment from which it is finished, as far as is known: a poll that comes later may move it.
    ends_at: Instant
    #: So many status polls have to find it unfinished first.
    polls: int = 0
    #: The moment from which it would be finished, but for a stop of processing; 0: no stop keeps it waiting.
    due: Instant = 0

    def is_over(self, now: Instant) -> bool:
        """Whether the work is finished at the moment `now`; since when, `ends_at` says."""
        return self.polls == 0 and now >= self.ends_at

    def polled(self, now: Instant) -> Wait:
        """The wait after a status poll at the moment `now` that found the work unfinished."""
        if self.polls == 0:
            return self
        # With the last poll it is over, if its time has come: not before that poll.
        return Wait(max(self.ends_at, now) if self.polls == 1 else self.ends_at, self.polls - 1, self.due)

    def held(self, polls: int, seconds: float) -> Wait:
        """The wait prolonged by so many polls and seconds."""
        more = round(seconds * SECOND)
        return Wait(self.ends_at + more, self.polls + polls, self.due and self.due + more)

    def replanned(self, now: Instant, stop: Stop | None) -> Wait:
        """The wait from the moment `now` on if this is the stop that is planned, and no other any more."""
        if self.is_over(now):
            return self
        due = self.due or self.ends_at
        ends_at = max(due, now)
        if stop is not None and stop.covers(ends_at):
            return Wait(stop.until, self.polls, due)
        return Wait(ends_at, self.polls) if self.due else self
