"""What tests hold of a running mock: its faults and its lighthouse, to be used from any thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from ksef_mock.clock import from_datetime
from ksef_mock.core.expected import chosen
from ksef_mock.core.fault import DefinedFault, Fault, Hold, Named, Outcome, named
from ksef_mock.core.lighthouse import Announcement, Breakdown, Category, Notice, Scenario
from ksef_mock.system.lighthouse import Lighthouse as LighthouseEngine
from ksef_mock.trail.faults import Faults as FaultEngine
from ksef_mock.trail.faults import FaultState


class Faults:
    """The faults of a mock, for tests: `mock.faults.add(path="/auth/*", status=503)`."""

    def __init__(self, engine: FaultEngine, call: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._engine = engine
        self._call = call

    def add(
        self,
        *,
        path: str = "*",
        method: str | None = None,
        times: int | None = None,
        every: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        status: int | None = None,
        code: int | str | None = None,
        retry_after: int | None = None,
        delay_seconds: float | None = None,
        cut: bool = False,
        rate_limit: int | None = None,
        outcome: Outcome | int | None = None,
        hold: Hold | None = None,
        ocsp_down: bool = False,
        name: Named | str | None = None,
    ) -> str:
        """Act from now on; returns the fault's id. Exactly one effect out of those below is needed.

        Args:
            path: pattern without the prefix of the API; `*` stands for any characters.
            times: the next N matching requests; until removed if None.
            every: each N-th matching request only.
            since, until: between these moments of the mock's clock only (naive means UTC).
            status: effect: this HTTP status, with `code` (400: exception code, 403: reasonCode) and
                `retry_after` (whole seconds).
            delay_seconds: effect: the answer comes so many seconds of real time later.
            cut: effect: the connection is closed without an answer.
            rate_limit: effect: 429 with this Retry-After, in whole seconds.
            outcome: effect: what the request starts (by the path: a login, a change of permissions, an
                export, an invoice, a package) ends in this status (and detail).
            hold: effect: it stays unfinished for longer.
            ocsp_down: effect: issuers of qualified certificates do not tell their status.
            name: effect: an answer that KSeF is known to give: `firewall`, `waf-redirect`,
                `unexpected-error` or `session-maintenance`.

        Raises:
            InvalidFault: it makes no sense; the message names the argument.
        """
        fault = Fault(
            path=path,
            method=method,
            times=times,
            every=every,
            since=since,
            until=until,
            status=status,
            code=code,
            retry_after=retry_after,
            delay_seconds=delay_seconds,
            cut=cut,
            rate_limit=rate_limit,
            outcome=Outcome(outcome) if isinstance(outcome, int) else outcome,
            hold=hold,
            ocsp_down=ocsp_down,
            name=None if name is None else named(name),
        )
        defined: DefinedFault = self._call(self._engine.add(fault))
        return defined.id

    def remove(self, fault_id: str) -> bool:
        """Act no more; False if there is no such fault."""
        done: bool = self._call(self._engine.remove(fault_id))
        return done

    def clear(self) -> None:
        """No faults any more."""
        self._call(self._engine.clear())

    def states(self) -> list[FaultState]:
        """All faults in the order in which they were added, with how often each has `acted`."""
        states: list[FaultState] = self._call(self._engine.states())
        return states


class Lighthouse:
    """The lighthouse of a mock (Latarnia), for tests: `mock.lighthouse.announce("FAILURE")`.

    Moments are of the mock's clock; a naive datetime means UTC. All that is not possible raises
    `ksef_mock.core.lighthouse.InvalidNotice`, a ValueError.
    """

    def __init__(
        self, engine: LighthouseEngine, call: Callable[[Coroutine[Any, Any, Any]], Any], url: str
    ) -> None:
        self._engine = engine
        self._call = call
        #: Clients add /status and /messages.
        self.url = url

    def announce(
        self,
        category: Category | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        title: str | None = None,
        text: str | None = None,
        with_api: bool = False,
    ) -> int:
        """Announce a FAILURE, a TOTAL_FAILURE or a MAINTENANCE; returns the number of the event.

        Args:
            start: now if None.
            end: when it ends by itself; a MAINTENANCE must say.
            with_api: the API answers 503 as long as it is under way.
        """
        what = Announcement(chosen(Category, category), _instant(start), _instant(end), title, text)
        said: tuple[Notice, ...] = self._call(self._engine.announce(what, with_api=with_api))
        return said[0].event

    def end(self, event: int | None = None) -> None:
        """End an event, or all that are under way; what has not begun is withdrawn."""
        self._call(self._engine.end(event))

    def correct(
        self,
        notice_id: str,
        *,
        title: str | None = None,
        text: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Notice:
        """Publish the next version of a message, given by its id (`K/2026/AWR/01`)."""
        corrected: Notice = self._call(
            self._engine.correct(notice_id, title=title, text=text, start=_instant(start), end=_instant(end))
        )
        return corrected

    def withdraw(self) -> None:
        """Withdraw all messages."""
        self._call(self._engine.withdraw())

    def break_down(self, how: Breakdown | str | None = None, *, slow_seconds: float = 0.0) -> None:
        """Let it fail itself: `502`, `504`, `access-denied`, `firewall`; None: it works, perhaps slowly."""
        name = None if how is None else chosen(Breakdown, how)
        self._call(self._engine.break_down(name, slow=slow_seconds))

    def play(self, scenario: Scenario | str) -> None:
        """Begin a course of events: `outage`, `test-now`, … (`ksef_mock.core.lighthouse.Scenario`)."""
        self._call(self._engine.play(chosen(Scenario, scenario)))


def _instant(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)
