"""The lighthouse of a mock: what it is told to announce, alone or together with the API, and scenarios.

Everything that happens later is written down at once, with its moment by the mock's clock: a failure whose
end is known ends by itself, in every process. The API goes along where it is told to: by faults that act as
long as the event is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant, to_datetime
from ksef_mock.core.expected import between, wrong
from ksef_mock.core.fault import DefinedFault, Fault
from ksef_mock.core.lighthouse import (
    MAX_SLOW,
    Announcement,
    Board,
    Breakdown,
    Category,
    InvalidNotice,
    Notice,
    Scenario,
    events_of,
    whole_seconds,
)
from ksef_mock.core.lighthouse_of_test import as_test_now
from ksef_mock.state.shared import Shared, SharedState
from ksef_mock.trail.faults import MAX_FAULTS

_MINUTE, _HOUR = 60 * SECOND, 3_600 * SECOND
#: So begin the ids of faults that go along with an event.
_TOGETHER = "latarnia"


@dataclass(frozen=True, slots=True)
class _Event:
    """An event of a scenario; times are counted from the scenario's beginning."""

    category: Category
    begins: Instant
    ends: Instant
    #: Whether the API answers 503 meanwhile.
    together: bool = True


_PLAYED: dict[Scenario, tuple[_Event, ...]] = {
    Scenario.OUTAGE: (_Event(Category.FAILURE, 0, _HOUR),),
    Scenario.TOTAL_OUTAGE: (
        _Event(Category.FAILURE, 0, 2 * _HOUR),
        _Event(Category.TOTAL_FAILURE, 15 * _MINUTE, 2 * _HOUR, together=False),
    ),
    Scenario.MAINTENANCE: (_Event(Category.MAINTENANCE, _HOUR, 3 * _HOUR),),
    Scenario.FALSE_ALARM: (_Event(Category.FAILURE, 0, _HOUR, together=False),),
    Scenario.UNANNOUNCED: (),
    Scenario.ALL_CLEAR: (),
}


class Lighthouse:
    """What the controls tell the lighthouse. Used from the event loop of a `System`.

    All methods raise `StoreUnavailable` if a remote store cannot be reached.
    """

    def __init__(self, shared: SharedState, clock: Clock) -> None:
        self._shared = shared
        self._clock = clock

    @property
    def board(self) -> Board:
        """What it has to tell."""
        return self._shared.value.lighthouse

    @property
    def now(self) -> Instant:
        """The moment by the mock's clock."""
        return self._clock.now()

    def goes_together(self, notice: Notice) -> bool:
        """Whether the API answers 503 as long as the event of this message is under way."""
        return any(defined.id == f"{_TOGETHER}{notice.event}" for defined in self._shared.value.faults)

    async def announce(self, what: Announcement, *, with_api: bool = False) -> tuple[Notice, ...]:
        """Announce an event; returns its messages, those to come included.

        Args:
            with_api: the API answers 503 as long as it is under way.

        Raises:
            InvalidNotice: the order makes no sense.
        """
        now = self._clock.now()

        def step(shared: Shared) -> tuple[Shared, tuple[Notice, ...]]:
            board, said = shared.lighthouse.announce(what, now)
            shared = msgspec.structs.replace(shared, lighthouse=board)
            return (_together(shared, said) if with_api else shared), said

        return await self._said(step)

    async def end(self, event: int | None = None) -> tuple[Notice, ...]:
        """End an event (None: all that are under way), and what goes together with it in the API.

        Raises:
            InvalidNotice: there is nothing to end.
        """
        now = self._clock.now()

        def step(shared: Shared) -> tuple[Shared, tuple[Notice, ...]]:
            board, said = shared.lighthouse.end(event, now)
            ended = events_of(said) if event is None else {event}
            return msgspec.structs.replace(_alone(shared, ended), lighthouse=board), said

        return await self._said(step)

    async def correct(
        self,
        notice_id: str,
        *,
        title: str | None = None,
        text: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> Notice:
        """Publish the next version of a message.

        Raises:
            InvalidNotice: there is no such message, or the correction makes no sense.
        """
        now = self._clock.now()

        def step(shared: Shared) -> tuple[Shared, tuple[Notice, ...]]:
            board, said = shared.lighthouse.correct(
                notice_id, now, title=title, text=text, start=start, end=end
            )
            following = msgspec.structs.replace(shared, lighthouse=board)
            if self.goes_together(said[0]):
                following = _together(_alone(following, events_of(said)), said)
            return following, said

        return (await self._said(step))[0]

    async def withdraw(self) -> None:
        """Withdraw all messages, and what goes together with them in the API."""
        await self._shared.change_soon(
            lambda shared: msgspec.structs.replace(_alone(shared), lighthouse=shared.lighthouse.withdrawn())
        )

    async def break_down(self, how: Breakdown | None, *, slow: float = 0.0) -> None:
        """Let the lighthouse itself fail, or answer `slow` real seconds late, until told otherwise.

        Raises:
            InvalidNotice: `slow` is out of bounds.
        """
        if not 0 <= slow <= MAX_SLOW:
            raise InvalidNotice(wrong("slowSeconds", between(0, MAX_SLOW), slow))
        await self._shared.change_soon(
            lambda shared: msgspec.structs.replace(
                shared, lighthouse=msgspec.structs.replace(shared.lighthouse, breakdown=how, slow=slow)
            )
        )

    async def play(self, scenario: Scenario) -> tuple[Notice, ...]:
        """Begin a scenario now, in place of all that was announced; returns all of its messages."""
        now = whole_seconds(self._clock.now())

        def step(shared: Shared) -> tuple[Shared, tuple[Notice, ...]]:
            shared = msgspec.structs.replace(_alone(shared), lighthouse=shared.lighthouse.withdrawn())
            if scenario is Scenario.TEST_NOW:
                board = as_test_now()
                return msgspec.structs.replace(shared, lighthouse=board), board.notices
            if scenario is Scenario.ALL_CLEAR:
                board = msgspec.structs.replace(shared.lighthouse, breakdown=None, slow=0.0)
                return msgspec.structs.replace(shared, lighthouse=board), ()
            if scenario is Scenario.UNANNOUNCED:
                return _stopped(shared, _TOGETHER, now, now + _HOUR), ()
            said: tuple[Notice, ...] = ()
            for event in _PLAYED[scenario]:
                what = Announcement(event.category, now + event.begins, now + event.ends)
                board, more = shared.lighthouse.announce(what, now)
                shared = msgspec.structs.replace(shared, lighthouse=board)
                if event.together:
                    shared = _together(shared, more)
                said += more
            return shared, said

        return await self._said(step)

    async def _said(self, step: Callable[[Shared], tuple[Shared, tuple[Notice, ...]]]) -> tuple[Notice, ...]:
        said: tuple[Notice, ...] = ()

        def change(shared: Shared) -> Shared:
            nonlocal said
            following, said = step(shared)
            return following

        await self._shared.change_soon(change)
        return said


def _together(shared: Shared, said: tuple[Notice, ...]) -> Shared:
    # The dates of an event are those of its messages: the last one knows the end.
    return _stopped(shared, f"{_TOGETHER}{said[-1].event}", said[-1].start, said[-1].end)


def _stopped(shared: Shared, fault_id: str, since: Instant, until: Instant | None) -> Shared:
    if len(shared.faults) >= MAX_FAULTS:
        raise InvalidNotice(f"there are {MAX_FAULTS} faults already: remove some")
    fault = Fault(
        status=503, since=to_datetime(since), until=None if until is None else to_datetime(until)
    ).checked()
    return msgspec.structs.replace(shared, faults=(*shared.faults, DefinedFault(fault_id, fault)))


def _alone(shared: Shared, events: set[int] | None = None) -> Shared:
    """Without the faults that go along with these events; None: with any."""
    ids = None if events is None else {f"{_TOGETHER}{event}" for event in events}
    kept = tuple(
        defined
        for defined in shared.faults
        if not (defined.id.startswith(_TOGETHER) if ids is None else defined.id in ids)
    )
    return msgspec.structs.replace(shared, faults=kept)
