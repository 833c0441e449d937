"""The one loop of optimistic changes: look, say what follows, commit; look again if somebody was faster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.state.store import Insert, Store, Swap, Table, Write

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")

#: When a record is forgotten; None: never.
Expiry: TypeAlias = Callable[[R], Instant | None]


def never(_: object) -> None:
    """The expiry of records that stay."""


async def committed(store: Store, attempt: Callable[[], Awaitable[tuple[T, Sequence[Write]]]]) -> T:
    """What `attempt` makes of the state, once its writes have been made in one step.

    Args:
        attempt: looks at the state and gives a result with the writes that it consists in. Each attempt looks
            anew; without writes its result stands as it is. Whatever it raises ends the loop.
    """
    while True:
        result, writes = await attempt()
        if not writes or await store.commit(*writes):
            return result


async def update(
    store: Store,
    table: Table[R],
    key: str,
    step: Callable[[R], R],
    *,
    known: R | None = None,
    expires_at: Expiry[R] = never,
    also: Callable[[R], Iterable[Write]] = lambda _: (),
) -> R | None:
    """Replace a record by what `step` makes of it; None if there is no such record (any more).

    Args:
        step: must be pure, since it may be called again; giving its argument back changes nothing.
        known: the record, if it has just been read.
        also: further writes that follow from the new record and are made with it.
    """
    found = known

    async def attempt() -> tuple[R | None, Sequence[Write]]:
        nonlocal found
        present, found = found, None  # what was known counts once
        if present is None:
            present = await store.get(table, key)
        if present is None:
            return None, ()
        following = step(present)
        if following is present:
            return present, ()
        return following, (Swap(table, key, present, following, expires_at(following)), *also(following))

    return await committed(store, attempt)


async def put(
    store: Store,
    table: Table[R],
    key: str,
    step: Callable[[R | None], R],
    *,
    expires_at: Expiry[R] = never,
) -> R:
    """Add a record, or replace the one that is there: `step` makes it of what it finds, or of None.

    A step that gives its argument back changes nothing.
    """

    async def attempt() -> tuple[R, Sequence[Write]]:
        present = await store.get(table, key)
        following = step(present)
        return following, () if following is present else (
            placed(table, key, present, following, expires_at(following)),
        )

    return await committed(store, attempt)


def placed(table: Table[R], key: str, present: R | None, following: R, expires_at: Instant | None) -> Write:
    """The write that puts `following` where `present` (None: nothing) was found."""
    if present is None:
        return Insert(table, key, following, expires_at)
    return Swap(table, key, present, following, expires_at)
