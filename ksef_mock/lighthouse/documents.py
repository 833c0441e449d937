"""The two documents of the lighthouse, as on the wire."""

from __future__ import annotations

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core.lighthouse import AVAILABLE, Board, Notice


class MessageBody(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A message, its members in the order of TEST's documents."""

    id: str
    category: str
    type: str
    title: str
    text: str
    start: str
    #: Absent, never null, while it is not over.
    end: str | None = None
    published: str
    event_id: int
    version: int

    @classmethod
    def of(cls, notice: Notice) -> MessageBody:
        return cls(
            id=notice.id,
            category=notice.category,
            type=notice.kind,
            title=notice.title,
            text=notice.text,
            start=iso(notice.start),
            end=None if notice.end is None else iso(notice.end),
            published=iso(notice.published),
            event_id=notice.event,
            version=notice.version,
        )


class StatusBody(msgspec.Struct, omit_defaults=True):
    """GET /status. `messages` is absent when all is well."""

    status: str
    messages: list[MessageBody] | None = None


def status_document(board: Board, now: Instant) -> StatusBody:
    """GET /status at the moment `now`."""
    status = board.status(now)
    if status == AVAILABLE:
        return StatusBody(status)
    return StatusBody(status, [MessageBody.of(notice) for notice in board.active(now)])


def messages_document(board: Board, now: Instant) -> list[MessageBody]:
    """GET /messages at the moment `now`."""
    return [MessageBody.of(notice) for notice in board.published(now)]
