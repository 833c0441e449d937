"""What "not finished yet" means, for everything that KSeF does after it has answered.

A login, a new or revoked token, an enrolment, a change of permissions: each has a `Wait`, made here when the
work begins and asked here whether it is over. Nothing runs in the background: that something is over is a
comparison with the clock, made by whoever looks next, also in another process or after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ksef_mock.clock import SECOND, Instant


@dataclass(frozen=True, slots=True)
class Delay:
    """How long delayed work is told to stay unfinished: until both conditions have passed."""

    #: Status polls that find it unfinished.
    polls: int = 0
    #: Seconds of the mock's clock before the outcome shows.
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.polls < 0 or self.seconds < 0:
            raise ValueError("a delay cannot be negative")

    def begin(self, now: Instant, extra: float = 0.0) -> Wait:
        """The wait of work that begins `now`; `extra` seconds are added."""
        return Wait(now + round((self.seconds + extra) * SECOND), self.polls)


class Wait(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Until when delayed work is unfinished."""

    #: The moment from which it is finished, as far as is known: a poll that comes later may move it.
    ends_at: Instant
    #: So many status polls have to find it unfinished first.
    polls: int = 0

    def is_over(self, now: Instant) -> bool:
        """Whether the work is finished at the moment `now`; since when, `ends_at` says."""
        return self.polls == 0 and now >= self.ends_at

    def polled(self, now: Instant) -> Wait:
        """The wait after a status poll at the moment `now` that found the work unfinished."""
        if self.polls == 0:
            return self
        # With the last poll it is over, if its time has come: not before that poll.
        return Wait(max(self.ends_at, now) if self.polls == 1 else self.ends_at, self.polls - 1)

    def held(self, polls: int, seconds: float) -> Wait:
        """The wait prolonged by so many polls and seconds."""
        return Wait(self.ends_at + round(seconds * SECOND), self.polls + polls)
