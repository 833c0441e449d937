"""The authentication operation as an explicit state machine.

    IN_PROGRESS --succeed--> SUCCEEDED --redeem--> REDEEMED --revoke--> REVOKED
         |                       `-------------------revoke--------------^
         `------fail--> FAILED

The verdict is decided when the login is submitted; `settle` reveals it once the wait is over. Functions
here are pure: they take a record and return its successor; the caller swaps one for the other in the store.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.codes import STATUS_DESCRIPTIONS, Code, Status, StatusDetail, Verdict
from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.core.waiting import Wait
from ksef_mock.crypto.subject_name import SubjectAttributes, SubjectName
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

    SUCCEED = "succeed"
    FAIL = "fail"
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
    #: Its attributes as the certificate has them; after a login with a KSeF token those of its author.
    details: SubjectAttributes | None = None
    #: SHA-256 of the signed AuthTokenRequest as it was received, for a login with one.
    request_digest: bytes | None = None
    #: The roles of the context, as of the access token issued last.
    roles: tuple[str, ...] = ()
    verdict: Verdict
    #: The verdict shows when this is over.
    wait: Wait
    state: State = State.IN_PROGRESS
    redeemed_at: Instant | None = None
    refresh_expires_at: Instant | None = None
    refreshed_at: Instant | None = None


class Standing(NamedTuple):
    """What the subject of a login is in its context at a moment: claims of an access token."""

    permissions: tuple[str, ...] = ()
    #: Of the context (OpenAPI: EntityRoleType).
    roles: tuple[str, ...] = ()


OPERATIONS: Table[Operation] = Table(f"{ONCE}operation", Operation)

_TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.IN_PROGRESS, Event.SUCCEED): State.SUCCEEDED,
    (State.IN_PROGRESS, Event.FAIL): State.FAILED,
    (State.SUCCEEDED, Event.REDEEM): State.REDEEMED,
    (State.SUCCEEDED, Event.REVOKE): State.REVOKED,
    (State.REDEEMED, Event.REFRESH): State.REDEEMED,
    (State.REDEEMED, Event.REVOKE): State.REVOKED,
}


# As recorded on TEST in 2026: the two have different nouns.
NOT_REDEEMABLE = "Status uwierzytelniania ({}) nie pozwala na pobranie tokenów."
NOT_REFRESHABLE = "Status uwierzytelnienia ({}) nie pozwala na odświeżenie tokenu dostępowego."


class IllegalTransition(Exception):
    """The event cannot happen in this state."""


def settle(operation: Operation, now: Instant) -> Operation:
    """Reveal the verdict if its time has come; otherwise the operation as it was."""
    event = Event.SUCCEED if operation.verdict.status is Status.SUCCESS else Event.FAIL
    target = _TRANSITIONS.get((operation.state, event))
    if target is None or not operation.wait.is_over(now):
        return operation
    return msgspec.structs.replace(operation, state=target)


def poll(operation: Operation, now: Instant) -> Operation:
    """What a status poll sees. A poll answered with 100 uses up one of the polls of the wait."""
    settled = settle(operation, now)
    if settled.state is not State.IN_PROGRESS:
        return settled
    polled = settled.wait.polled(now)
    return settled if polled is settled.wait else msgspec.structs.replace(settled, wait=polled)


def redeem(operation: Operation, now: Instant, lifetimes: Lifetimes, standing: Standing) -> Operation:
    """The tokens are handed out, once, as the subject stands now.

    Their lifetimes have begun when the login succeeded, however late they are fetched (recorded on TEST for
    redemptions up to a second later; that a longer wait behaves so is inferred).

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
        state=_after(operation, Event.REDEEM, NOT_REDEEMABLE),
        redeemed_at=now,
        permissions=standing.permissions,
        roles=standing.roles,
        refresh_expires_at=operation.wait.ends_at + lifetimes.refresh_token * SECOND,
    )


def refresh(operation: Operation, now: Instant, standing: Standing) -> Operation:
    """A new access token is handed out, as the subject stands now; the refresh token stays the same.

    Raises:
        BadRequest: 21301 with the documented detail if the session was revoked.
    """
    state = _after(operation, Event.REFRESH, NOT_REFRESHABLE)
    return msgspec.structs.replace(
        operation, state=state, refreshed_at=now, permissions=standing.permissions, roles=standing.roles
    )


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
    detail = operation.verdict.detail
    if detail == StatusDetail.TOKEN_CONTEXT:
        context = operation.context
        detail = detail.format(contextIdentifier=f"{context.type.lower()}-{context.value}")
    return operation.verdict.status, detail


def description_of(status: Status) -> str:
    """The documented description of a status code."""
    return STATUS_DESCRIPTIONS[status]


def _after(operation: Operation, event: Event, refusal: str) -> State:
    target = _TRANSITIONS.get((operation.state, event))
    if target is None:
        status, _ = status_of(operation)
        raise BadRequest(Code.NOT_AUTHORIZED, refusal.format(int(status)))
    return target
