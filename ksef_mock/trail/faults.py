"""Faults: what goes wrong on purpose, so that a client can be seen to survive it.

A fault says which requests it is about (a pattern for the path without the prefix of the API, a method), how
often it acts (the next N, each N-th, between two moments, or until it is removed) and what happens then. Four
kinds of effects:

- on any request: a status, a delay, a cut connection, an exceeded rate limit;
- on what a request starts, a login, a change of permissions, an export, an invoice, a package: it ends in a
  given status, or stays unfinished for longer;
- on an invoice that is sent in an open session by somebody who may: the session is under maintenance;
- on the question to the issuer of a qualified certificate: no answer.

A fault of what is started counts what its path starts, not the requests that were refused at once; the
issuer's fault counts the questions. Faults act in the order in which they were added; whatever ends a request
keeps it from the faults behind.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from http import HTTPStatus

import msgspec

from ksef_mock.core.codes import Code, Reason
from ksef_mock.core.errors import (
    BadRequest,
    Blocked,
    ConnectionCut,
    Forbidden,
    Gone,
    InternalError,
    KsefError,
    NotFound,
    SentBack,
    Simulated,
    TooManyRequests,
    Unauthorized,
)
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.fault import DefinedFault, Fault, Hold, InvalidFault, Named, Outcome, Started
from ksef_mock.core.paths import api_path
from ksef_mock.state.shared import Shared, SharedState
from ksef_mock.state.store import Store, Table
from ksef_mock.state.update import put
from ksef_mock.trail.metrics import Metrics

#: Faults at a time; if one more is added, the oldest that can act no more makes room.
MAX_FAULTS = 100


class FaultCount(msgspec.Struct, frozen=True, gc=False):
    """How often a fault has met a matching request, and how often it has acted."""

    seen: int = 0
    acted: int = 0


class FaultState(msgspec.Struct, frozen=True):
    """A fault that was added, and what it has done so far."""

    id: str
    fault: Fault
    seen: int
    acted: int
    #: The moment until which it acts has passed.
    over: bool = False

    @property
    def is_spent(self) -> bool:
        """Whether it can act no more."""
        return self.over or (self.fault.times is not None and self.acted >= self.fault.times)


COUNTS: Table[FaultCount] = Table("fault-count", FaultCount)


class Faults:
    """The faults of one mock. Its processes share them, and agree on which request is the N-th."""

    def __init__(self, store: Store, shared: SharedState, metrics: Metrics) -> None:
        self._store = store
        self._shared = shared
        self._metrics = metrics

    @property
    def defined(self) -> tuple[DefinedFault, ...]:
        """In the order in which they were added. Empty: requests are not looked at."""
        return self._shared.value.faults

    async def add(self, fault: Fault) -> DefinedFault:
        """Act from now on.

        Raises:
            InvalidFault: it makes no sense, or there are too many that can still act.
        """
        added = DefinedFault(secrets.token_hex(4), fault.checked())
        spent: list[str] = []
        if len(self.defined) >= MAX_FAULTS:
            spent = [state.id for state in await self.states() if state.is_spent]

        def step(shared: Shared) -> Shared:
            faults = shared.faults
            if len(faults) >= MAX_FAULTS:
                oldest = next((defined for defined in faults if defined.id in spent), None)
                if oldest is None:
                    raise InvalidFault(f"there are {MAX_FAULTS} faults already: remove some")
                faults = tuple(defined for defined in faults if defined is not oldest)
            return msgspec.structs.replace(shared, faults=(*faults, added))

        await self._shared.change_soon(step)
        return added

    async def remove(self, fault_id: str) -> bool:
        """Act no more; False if there is no such fault."""
        if all(defined.id != fault_id for defined in self.defined):
            return False
        await self._keep(lambda defined: defined.id != fault_id)
        await self._store.delete(COUNTS, fault_id)
        return True

    async def clear(self) -> None:
        """No faults any more."""
        cleared = self.defined
        await self._keep(lambda _: False)
        for defined in cleared:
            await self._store.delete(COUNTS, defined.id)

    async def states(self) -> list[FaultState]:
        """All faults with their counts, in the order in which they were added."""
        states: list[FaultState] = []
        now = self._shared.value.clock.now()
        for defined in self.defined:
            count = await self._store.get(COUNTS, defined.id) or FaultCount()
            until = defined.fault.window[1]
            over = until is not None and until <= now
            states.append(FaultState(defined.id, defined.fault, count.seen, count.acted, over))
        return states

    async def on_request(self, exchange: Exchange) -> None:
        """Let a request of the API meet the faults in front of it; returns if it may go on.

        Raises:
            KsefError: the answer that it gets instead.
            ConnectionCut: it gets none.
        """
        for defined in self._matching(exchange):
            fault = defined.fault
            if fault.acts_inside or not await self._acts(defined, exchange):
                continue
            if fault.delay_seconds is not None:
                await asyncio.sleep(fault.delay_seconds)
            elif fault.cut:
                raise ConnectionCut(f"fault {defined.id}: the connection was cut")
            else:
                raise _answer(fault, exchange, f"fault {defined.id}: {fault.describe()}")

    async def on_start(self, started: Started, exchange: Exchange) -> tuple[Outcome | None, Hold]:
        """How what a request starts ends, whatever it deserves, and how much later; None: as it deserves.

        Each fault that acts on it is counted.
        """
        ends: Outcome | None = None
        hold = Hold()
        if self.defined:
            for defined in self._matching(exchange):
                fault = defined.fault
                if not fault.ends_later or fault.started is not started:
                    continue
                if not await self._acts(defined, exchange):
                    continue
                if fault.outcome is not None:
                    ends = fault.outcome
                elif fault.hold is not None:
                    hold = Hold(hold.polls + fault.hold.polls, hold.seconds + fault.hold.seconds)
        return ends, hold

    async def on_sending(self, session: str, exchange: Exchange) -> None:
        """Let an invoice that is sent in an open session meet the faults; returns if it may go on.

        Raises:
            BadRequest: 21184, the session is under maintenance.
        """
        if self.defined:
            for defined in self._matching(exchange):
                if defined.fault.name is Named.SESSION_MAINTENANCE and await self._acts(defined, exchange):
                    raise BadRequest(
                        Code.SESSION_UNAVAILABLE,
                        f"Trwają prace serwisowe i sesja {session} jest tymczasowo niedostępna. Spróbuj "
                        "ponownie później lub otwórz nową sesję, aby wysłać kolejne faktury.",
                        reason=f"fault {defined.id}: {defined.fault.describe()}",
                    )

    async def issuer_answers(self, exchange: Exchange) -> bool:
        """Whether the issuer of a qualified certificate tells its status."""
        answers = True
        if self.defined:
            for defined in self._matching(exchange):
                if defined.fault.ocsp_down and await self._acts(defined, exchange):
                    answers = False
        return answers

    async def _keep(self, wanted: Callable[[DefinedFault], bool]) -> None:
        await self._shared.change_soon(
            lambda shared: msgspec.structs.replace(shared, faults=tuple(filter(wanted, shared.faults)))
        )

    def _matching(self, exchange: Exchange) -> Iterator[DefinedFault]:
        path = api_path(exchange.path)
        if path is not None:
            for defined in self.defined:
                if defined.fault.is_in_time(exchange.started_at) and defined.fault.matches(
                    exchange.method, path
                ):
                    yield defined

    async def _acts(self, defined: DefinedFault, exchange: Exchange) -> bool:
        """Count a matching request: whether the fault acts on it. The journal says so."""
        fault = defined.fault
        acts = False

        def counted(known: FaultCount | None) -> FaultCount:
            nonlocal acts
            count = known or FaultCount()
            acts = False
            if known is not None and fault.times is not None and count.acted >= fault.times:
                return known
            seen = count.seen + 1
            acts = seen % (fault.every or 1) == 0
            return FaultCount(seen, count.acted + acts)

        await put(self._store, COUNTS, defined.id, counted)
        if acts:
            self._metrics.fault(fault.effect)
            exchange.noted("fault", f"{defined.id}: {fault.describe()}")
            exchange.facts.faults = [*(exchange.facts.faults or ()), defined.id]
        return acts


def _answer(fault: Fault, exchange: Exchange, reason: str) -> KsefError:
    match fault.name:
        case Named.FIREWALL:
            return Blocked(exchange.client_ip, reason=reason)
        case Named.WAF_REDIRECT:
            return SentBack(reason=reason)
        case Named.UNEXPECTED_ERROR:
            return InternalError(reason=reason)
    if fault.rate_limit is not None:
        return _too_many(fault.rate_limit, reason)
    status = fault.status
    assert status is not None
    match status:
        case 400:
            return BadRequest(Code.VALIDATION if fault.code is None else Code(int(fault.code)), reason=reason)
        case 401:
            return Unauthorized(reason=reason)
        case 403:
            code = Reason.SECURITY_SERVICE_BLOCKED if fault.code is None else Reason(str(fault.code))
            return Forbidden(code, reason=reason, security=_security(code, exchange))
        case 404:
            return NotFound(reason=reason)
        case 410:
            return Gone(reason=reason)
        case 500:
            return InternalError(reason=reason)
        case 429:
            return _too_many(1 if fault.retry_after is None else fault.retry_after, reason)
        case _:
            return Simulated(HTTPStatus(status), fault.retry_after, reason=reason)


def _too_many(retry_after: int, reason: str) -> TooManyRequests:
    # The wording of the OpenAPI document's example.
    return TooManyRequests(
        f"Przekroczono limit 20 żądań na minutę. Spróbuj ponownie po {retry_after} sekundach.",
        retry_after,
        reason=reason,
    )


def _security(code: Reason, exchange: Exchange) -> dict[str, object] | None:
    # OpenAPI: ForbiddenProblemDetails, the members of `security` by reason code.
    members: dict[Reason, dict[str, object]] = {
        Reason.MISSING_PERMISSIONS: {"requiredAnyOfPermissions": ["InvoiceRead"], "presentPermissions": []},
        Reason.IP_NOT_ALLOWED: {"clientIp": exchange.client_ip},
        Reason.AUTH_METHOD_NOT_ALLOWED: {"authenticationMethodCategory": "Token"},
        Reason.SECURITY_SERVICE_BLOCKED: {"incidentId": exchange.trace_id, "clientIp": exchange.client_ip},
        Reason.CONTEXT_TYPE_NOT_ALLOWED: {"contextIdentifierType": "Nip"},
    }
    return members.get(code)
