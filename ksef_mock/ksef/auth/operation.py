"""The authentication operation as an explicit state machine.

    IN_PROGRESS --settle--> SUCCEEDED --redeem--> REDEEMED --revoke--> REVOKED
         |                      `-------------------revoke--------------^
         `------settle--> FAILED

The verdict is decided when the login is submitted; `settle` reveals it once the delay has passed. Functions
here are pure: they take a record and return its successor; the caller swaps one for the other in the store.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.codes import STATUS_DESCRIPTIONS, Code, Status, StatusDetail, Verdict
from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.state.store import ONCE, Table


class State(StrEnum):
    """Where an authentication operation stands."""

    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REDEEMED = "redeemed"
    REVOKED = "revoked"


class Event(StrEnum):
    """What can happen to it."""

    SETTLE = "settle"
    REDEEM = "redeem"
    REFRESH = "refresh"
    REVOKE = "revoke"


class Operation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One login: who, where, how, and what has become of it."""

    reference: str
    started_at: Instant
    method: AuthenticationMethod
    context: Identifier
    #: Who acts: the author of the KSeF token, or the signer.
    subject: Identifier
    permissions: tuple[str, ...] = ()
    #: Reference number of the KSeF token, for a token login.
    token: str | None = None
    allowed_ips: AllowedIps | None = None
    #: The subject of the signing certificate, for a login with one.
    signer: SubjectName | None = None
    verdict: Verdict
    #: The verdict shows from this moment on ...
    ready_at: Instant
    #: ... and after this many more polls answered with 100.
    polls_left: int = 0
    state: State = State.IN_PROGRESS
    redeemed_at: Instant | None = None
    refresh_expires_at: Instant | None = None
    refreshed_at: Instant | None = None


OPERATIONS: Table[Operation] = Table(f"{ONCE}operation", Operation)

_TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.SUCCEEDED, Event.REDEEM): State.REDEEMED,
    (State.SUCCEEDED, Event.REVOKE): State.REVOKED,
    (State.REDEEMED, Event.REFRESH): State.REDEEMED,
    (State.REDEEMED, Event.REVOKE): State.REVOKED,
}


class IllegalTransition(Exception):
    """The event cannot happen in this state."""


def ready_from(started_at: Instant, delay: float) -> Instant:
    """The moment from which the verdict may show, after `delay` seconds."""
    return started_at + round(delay * SECOND)


def settle(operation: Operation, now: Instant) -> Operation:
    """Reveal the verdict if its time has come; otherwise the operation as it was."""
    if operation.state is not State.IN_PROGRESS or operation.polls_left > 0 or now < operation.ready_at:
        return operation
    succeeded = operation.verdict.status is Status.SUCCESS
    return msgspec.structs.replace(operation, state=State.SUCCEEDED if succeeded else State.FAILED)


def poll(operation: Operation, now: Instant) -> Operation:
    """What a status poll sees. A poll answered with 100 uses up one of the polls of the delay."""
    settled = settle(operation, now)
    if settled.state is State.IN_PROGRESS and settled.polls_left > 0:
        return msgspec.structs.replace(settled, polls_left=settled.polls_left - 1)
    return settled


def redeem(
    operation: Operation, now: Instant, lifetimes: Lifetimes, permissions: tuple[str, ...]
) -> Operation:
    """The tokens are handed out, once, with `permissions`. The refresh token's lifetime starts here.

    Raises:
        BadRequest: 21301 with the documented detail: not (or no longer) successful, or redeemed before.
    """
    if operation.state is State.REDEEMED:
        raise BadRequest(
            Code.NOT_AUTHORIZED,
            f"Tokeny dla operacji uwierzytelniania {operation.reference} zostały już pobrane.",
        )
    return msgspec.structs.replace(
        operation,
        state=_after(operation, Event.REDEEM, "pobranie tokenów"),
        redeemed_at=now,
        permissions=permissions,
        refresh_expires_at=(now // SECOND + lifetimes.refresh_token) * SECOND,
    )


def refresh(operation: Operation, now: Instant, permissions: tuple[str, ...]) -> Operation:
    """A new access token is handed out, with `permissions`; the refresh token stays the same.

    Raises:
        BadRequest: 21301 with the documented detail if the session was revoked.
    """
    state = _after(operation, Event.REFRESH, "odświeżenie tokenu dostępowego")
    return msgspec.structs.replace(operation, state=state, refreshed_at=now, permissions=permissions)


def revoke(operation: Operation) -> Operation:
    """The session ends: its refresh token is dead, live access tokens last until they expire.

    Raises:
        IllegalTransition: the login has not succeeded, or the session has ended before.
    """
    target = _TRANSITIONS.get((operation.state, Event.REVOKE))
    if target is None:
        raise IllegalTransition(f"an operation that is {operation.state} cannot be revoked")
    return msgspec.structs.replace(operation, state=target)


def status_of(operation: Operation) -> tuple[Status, str | None]:
    """The status code that a client sees, and its detail."""
    if operation.state is State.IN_PROGRESS:
        return Status.IN_PROGRESS, None
    if operation.state is State.REVOKED:
        return Status.REVOKED, StatusDetail.REVOKED
    return operation.verdict.status, operation.verdict.detail


def description_of(status: Status) -> str:
    """The documented description of a status code."""
    return STATUS_DESCRIPTIONS[status]


def _after(operation: Operation, event: Event, purpose: str) -> State:
    target = _TRANSITIONS.get((operation.state, event))
    if target is None:
        status, _ = status_of(operation)
        raise BadRequest(
            Code.NOT_AUTHORIZED, f"Status uwierzytelniania ({int(status)}) nie pozwala na {purpose}."
        )
    return target
