"""Pages of an index of the store, newest first, linked by continuation tokens.

A continuation token is opaque to clients: it says where in the index the next page begins.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.validation import FORMAT
from ksef_mock.state.store import Newest, Store

T = TypeVar("T")

#: How many entries are read at once where all of them are wanted.
_CHUNK = 100

#: Position and member of an index entry.
_Cursor: TypeAlias = tuple[Instant, str]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page; `continuation` leads to the next and is None on the last one."""

    items: list[T]
    continuation: str | None


async def page(
    store: Store,
    index: str,
    size: int,
    continuation: str | None,
    shown: Callable[[str], Awaitable[T | None]],
) -> Page[T]:
    """Up to `size` items of the named index, newest first.

    Args:
        continuation: of the page before; None for the first page.
        shown: the item of an index member, or None to leave the member out.

    Raises:
        BadRequest: 21418, the continuation token is not one of ours.
    """
    cursor = last = _decoded(continuation)
    items: list[T] = []
    while True:
        entries = await store.newest(index, size + 1, before=cursor)
        for entry in entries:
            cursor = entry
            item = await shown(entry[1])
            if item is None:
                continue
            if last is not None and len(items) == size:
                return Page(items, _encoded(last))
            items.append(item)
            last = entry
        if len(entries) <= size:
            return Page(items, None)


async def members(store: Store, index: str) -> list[str]:
    """All members of the named index, newest first."""
    found: list[str] = []
    cursor: _Cursor | None = None
    while True:
        entries = await store.newest(index, _CHUNK, before=cursor)
        found += [member for _, member in entries]
        if len(entries) < _CHUNK:
            return found
        cursor = entries[-1]


def members_of(index: str) -> Newest:
    """What `members` reads first."""
    return Newest(index, _CHUNK)


def _encoded(cursor: _Cursor) -> str:
    return base64.b64encode(msgspec.json.encode(cursor)).decode()


def _decoded(continuation: str | None) -> _Cursor | None:
    if continuation is None:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(continuation, validate=True), type=tuple[Instant, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadRequest(
            Code.CONTINUATION_TOKEN,
            FORMAT.replace("{}", "continuationToken"),
            reason="the continuation token is not one of ours",
        ) from None
