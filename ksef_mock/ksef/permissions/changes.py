"""An operation under /permissions as a state machine: accepted, then judged once its wait is over.

Functions here are pure: they take a record and return its successor; the caller swaps one for the other in
the store.
"""

from __future__ import annotations

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.codes import ChangeStatus
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.waiting import Wait
from ksef_mock.ksef.permissions.grants import Grant
from ksef_mock.ksef.permissions.rules import Judgement
from ksef_mock.state.store import Table


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that grants (`grants`) or revokes (`revokes`, the id of a grant)."""

    reference: str
    context: Identifier
    author: Identifier
    #: Those of the author's access token, and the KSeF token that was logged in with.
    permissions: tuple[str, ...]
    token: str | None = None
    grants: tuple[Grant, ...] = ()
    revokes: str | None = None
    #: Of the kind that DELETE /permissions/authorizations revokes, or of the others.
    authorizations: bool = False
    #: How it ends whatever it deserves: a fault.
    ends: ChangeStatus | None = None
    started_at: Instant
    #: It is carried out when this is over.
    wait: Wait
    #: ACCEPTED until it is carried out.
    status: ChangeStatus = ChangeStatus.ACCEPTED
    #: In English, for the journal.
    reason: str = ""


#: ACCEPTED --decide--> any other status of the documented table, by the judgement that it waits for.
_DECIDED = tuple(status for status in ChangeStatus if status is not ChangeStatus.ACCEPTED)
_TRANSITIONS: dict[ChangeStatus, tuple[ChangeStatus, ...]] = {ChangeStatus.ACCEPTED: _DECIDED}


def is_due(change: Change, now: Instant) -> bool:
    """Whether the operation is to be carried out now."""
    return change.status in _TRANSITIONS and change.wait.is_over(now)


def poll(change: Change, now: Instant) -> Change:
    """The operation after a status poll: one that finds it waiting uses up one of the wait's polls."""
    polled = change.wait.polled(now) if change.status in _TRANSITIONS else change.wait
    return change if polled is change.wait else msgspec.structs.replace(change, wait=polled)


def decide(change: Change, judgement: Judgement) -> Change:
    """The operation carried out, or refused."""
    assert judgement.status in _TRANSITIONS[change.status]
    return msgspec.structs.replace(change, status=judgement.status, reason=judgement.reason)


CHANGES: Table[Change] = Table("permissions-operation", Change)
