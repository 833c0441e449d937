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
C = TypeVar("C", bound=tuple[object, ...])

#: How many entries are read at once where all of them are wanted.
_CHUNK = 100

#: Position and member of an index entry.
_Cursor: TypeAlias = tuple[Instant, str]
#: Makes the answer to a continuation token that is not one of ours.
Refusal: TypeAlias = Callable[[], BadRequest]


def _malformed() -> BadRequest:
    return BadRequest(
        Code.CONTINUATION_TOKEN,
        FORMAT.replace("{}", "continuationToken"),
        reason="the continuation token is not one of ours",
    )


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
    *,
    span: tuple[Instant, Instant] | None = None,
    refusal: Refusal = _malformed,
) -> Page[T]:
    """Up to `size` items of the named index, newest first.

    Args:
        continuation: of the page before; None for the first page.
        shown: the item of an index member, or None to leave the member out.
        span: the first and the last position looked at; None: all.
        refusal: what a continuation token that is not one of ours is answered with.

    Raises:
        BadRequest: 21418, as `refusal` words it.
    """
    start = last = cursor(continuation, tuple[Instant, str], refusal)
    if span is not None:
        top = (span[1] + 1, "")
        start = top if start is None else min(start, top)
    items: list[T] = []
    while True:
        entries = await store.newest(index, size + 1, before=start)
        for entry in entries:
            if span is not None and entry[0] < span[0]:
                return Page(items, None)
            start = entry
            item = await shown(entry[1])
            if item is None:
                continue
            if last is not None and len(items) == size:
                return Page(items, token(last))
            items.append(item)
            last = entry
        if len(entries) <= size:
            return Page(items, None)


async def members(store: Store, index: str) -> list[str]:
    """All members of the named index, newest first."""
    found: list[str] = []
    last: _Cursor | None = None
    while True:
        entries = await store.newest(index, _CHUNK, before=last)
        found += [member for _, member in entries]
        if len(entries) < _CHUNK:
            return found
        last = entries[-1]


def members_of(index: str) -> Newest:
    """What `members` reads first."""
    return Newest(index, _CHUNK)


def token(last: tuple[Instant | str, str]) -> str:
    """The continuation token of a page that ended there."""
    return base64.b64encode(msgspec.json.encode(last)).decode()


def cursor(continuation: str | None, kind: type[C], refusal: Refusal = _malformed) -> C | None:
    """Where the page before has ended; None: there was none.

    Raises:
        BadRequest: 21418, as `refusal` words it: not one of ours, of this kind.
    """
    if continuation is None:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(continuation, validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise refusal() from None
