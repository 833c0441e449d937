"""The loop of optimistic changes, with somebody who is faster."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ksef_mock.clock import Clock
from ksef_mock.state import MemoryStore, Table
from ksef_mock.state.store import Index, Write
from ksef_mock.state.update import put, update


class Count(msgspec.Struct, frozen=True):
    number: int


COUNTS: Table[Count] = Table("count", Count)


class Overtaken(MemoryStore):
    """A store in which somebody else has always counted between the first look and the first commit."""

    async def commit(self, *writes: Write) -> bool:
        if not getattr(self, "overtaken", False):
            self.overtaken = True
            present = await self.get(COUNTS, "k")
            if present is None:
                await self.insert(COUNTS, "k", Count(100), None)
            else:
                await self.swap(COUNTS, "k", present, Count(present.number + 100), None)
        return await super().commit(*writes)


def plus_one(count: Count | None) -> Count:
    return Count(1 if count is None else count.number + 1)


@pytest.mark.parametrize("known", [None, Count(1)])
def test_an_update_looks_again_if_somebody_was_faster(known: Count | None) -> None:
    async def story() -> tuple[Count | None, Count | None]:
        store = Overtaken(Clock())
        await store.insert(COUNTS, "k", Count(1), None)
        return await update(store, COUNTS, "k", plus_one, known=known), await store.get(COUNTS, "k")

    assert asyncio.run(story()) == (Count(102), Count(102))


def test_an_update_of_nothing_is_none() -> None:
    assert asyncio.run(update(MemoryStore(Clock()), COUNTS, "k", plus_one)) is None


def test_a_put_adds_or_replaces_whatever_somebody_else_has_put_there() -> None:
    async def story() -> tuple[Count, Count, Count | None]:
        store = Overtaken(Clock())
        first = await put(store, COUNTS, "k", plus_one)
        return first, await put(store, COUNTS, "k", plus_one), await store.get(COUNTS, "k")

    assert asyncio.run(story()) == (Count(101), Count(102), Count(102))


def test_writes_that_follow_from_the_record_are_made_with_it_or_not_at_all() -> None:
    async def story() -> tuple[list[str], list[str]]:
        store = MemoryStore(Clock())
        await store.insert(COUNTS, "k", Count(1), None)

        def also(count: Count) -> list[Write]:
            return [Index("all", str(count.number), 1, None)]

        await update(store, COUNTS, "k", lambda count: count, also=also)
        before = [member for _, member in await store.newest("all", 9)]
        await update(store, COUNTS, "k", plus_one, also=also)
        return before, [member for _, member in await store.newest("all", 9)]

    assert asyncio.run(story()) == ([], ["2"])


def test_what_a_step_raises_ends_the_loop_and_changes_nothing() -> None:
    async def story() -> Count | None:
        store = MemoryStore(Clock())
        await store.insert(COUNTS, "k", Count(1), None)

        def refuse(_: Count) -> Count:
            raise LookupError

        with pytest.raises(LookupError):
            await update(store, COUNTS, "k", refuse)
        return await store.get(COUNTS, "k")

    assert asyncio.run(story()) == Count(1)
