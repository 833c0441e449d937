"""The memory store beyond what every store does: what it costs to let go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import SECOND, Clock
from ksef_mock.state import MemoryStore, Table, memory
from ksef_mock.state.shards import Shards
from ksef_mock.state.store import Index, Unindex

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True):
    value: int


ROWS: Table[Row] = Table("rows", Row)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    return clock


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


def test_expired_records_leave_memory_when_others_come(store: MemoryStore, clock: Clock) -> None:
    for number in range(100):
        run(store.insert(ROWS, f"old {number}", Row(number), clock.now() + SECOND))
    run(store.commit(Index("list", "old", 1, clock.now() + SECOND)))
    assert len(store) == 101
    clock.advance(1)
    held = len(store)
    for number in range(30):
        run(store.insert(ROWS, f"new {number}", Row(0), None))
        assert held + 1 - len(store) <= 4  # nobody waits for all of them
        held = len(store)
    assert held == 30


def test_swap_can_move_the_expiry(store: MemoryStore, clock: Clock) -> None:
    early, late = clock.now() + SECOND, clock.now() + 60 * SECOND
    run(store.insert(ROWS, "prolonged", Row(1), early))
    run(store.swap(ROWS, "prolonged", Row(1), Row(2), late))
    run(store.insert(ROWS, "cut short", Row(1), late))
    run(store.swap(ROWS, "cut short", Row(1), Row(2), early))
    clock.advance(1)
    run(store.insert(ROWS, "new", Row(0), None))
    assert run(store.get(ROWS, "prolonged")) == Row(2)
    assert run(store.get(ROWS, "cut short")) is None
    assert len(store) == 2


def test_letting_go_never_looks_at_what_stays(store: MemoryStore, clock: Clock) -> None:
    far = clock.now() + 3_600 * SECOND
    for number in range(5_000):
        run(store.insert(ROWS, f"live {number}", Row(number), far))
    for number in range(3):
        run(store.insert(ROWS, f"due {number}", Row(number), clock.now() + SECOND))
    looked_at: list[object] = []
    rows = store._tables[ROWS.name]
    found = rows.get

    def watched(key: Any) -> Any:
        looked_at.append(key)
        return found(key)

    rows.get = watched
    clock.advance(1)
    run(store.insert(ROWS, "new", Row(0), None))
    assert len(looked_at) == 4  # the new one, and those that were due
    assert len(store) == 5_001


def test_index_members_expire(store: MemoryStore, clock: Clock) -> None:
    run(store.commit(Index("list", "a", 1, clock.now() + SECOND)))
    run(store.commit(Index("list", "b", 2, clock.now() + SECOND)))
    run(store.commit(Index("list", "b", 2, clock.now() + 5 * SECOND)))
    clock.advance(1)
    assert run(store.newest("list", 10)) == [(2, "b")]
    clock.advance(4)
    assert run(store.newest("list", 10)) == []
    assert len(store) == 0


def test_index_shrinks_when_its_members_go(store: MemoryStore) -> None:
    for number in range(1_000):
        run(store.commit(Index("list", str(number), number, None)))
    for number in range(999):
        run(store.commit(Unindex("list", str(number))))
    assert store._orders["list"]._runs == [[(999, "999")]]
    run(store.commit(Unindex("list", "999")))
    assert len(store._orders) == len(store) == 0


_MEMBERS, _POSITIONS = st.sampled_from("abcdefghijklmnop"), st.integers(0, 20)


@given(
    changes=st.lists(st.tuples(_MEMBERS, st.none() | _POSITIONS), max_size=120),
    cursors=st.lists(st.tuples(_POSITIONS, _MEMBERS), max_size=5),
)
def test_index_of_many_runs_agrees_with_a_sorted_list(
    changes: list[tuple[str, int | None]], cursors: list[tuple[int, str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_RUN", 3)
        store, model = MemoryStore(Clock()), dict[str, int]()
        for member, position in changes:
            if position is None:
                run(store.commit(Unindex("list", member)))
                model.pop(member, None)
            else:
                run(store.commit(Index("list", member, position, None)))
                model[member] = position
        ordered = sorted(((position, member) for member, position in model.items()), reverse=True)
        assert run(store.newest("list", 100)) == ordered
        assert run(store.newest("list", 4)) == ordered[:4]
        for cursor in cursors:
            assert run(store.newest("list", 100, before=cursor)) == [e for e in ordered if e < cursor]


@given(
    changes=st.lists(st.tuples(st.sampled_from(["set", "pop", "del", "clear"]), st.integers(0, 40))),
)
def test_shards_agree_with_a_dictionary(changes: list[tuple[str, int]]) -> None:
    shards, model = Shards[str, int](), dict[str, int]()
    for step, (what, number) in enumerate(changes):
        key = str(number)
        if what == "set":
            shards[key] = model[key] = step
        elif what == "pop":
            assert shards.pop(key) == model.pop(key, None)
        elif what == "clear" and number == 0:
            shards.clear()
            model.clear()
        elif what == "del" and key in model:
            del shards[key]
            del model[key]
        assert shards.get(key) == model.get(key)
        assert len(shards) == len(model)
    assert dict(shards.items()) == model
    assert sorted(shards) == sorted(model)
    assert all(shards[key] == value for key, value in model.items())
    with pytest.raises(KeyError):
        _ = shards["nothing"]


def test_an_index_of_many_that_move_and_go_is_as_one_of_few(store: MemoryStore, clock: Clock) -> None:
    chance = random.Random(1)
    kept: dict[str, int] = {}
    for number in range(12_000):
        member = str(chance.randrange(6_000 if number > 6_000 else 12))
        if chance.random() < 0.2 and member in kept:
            run(store.commit(Unindex("list", member)))
            del kept[member]
        else:
            kept[member] = chance.randrange(100)
            run(store.commit(Index("list", member, kept[member], None)))
    expected = sorted(((position, member) for member, position in kept.items()), reverse=True)
    assert run(store.newest("list", 20_000)) == expected
    assert len(store) == len(kept)
    assert [entry[:3] for entry in run(store.dump()).entries] == [("list", m, p) for p, m in expected]


def test_a_mapping_of_many_is_as_one_of_few() -> None:
    shards: Shards[int, int] = Shards()
    for key in range(10_000):
        shards[key] = -key
    for key in range(0, 10_000, 2):
        assert shards.pop(key) == -key
    assert dict(shards.items()) == {key: -key for key in range(1, 10_000, 2)}
    assert (shards.get(1), shards.get(2), shards[3], len(shards)) == (-1, None, -3, 5_000)
    shards.clear()
    assert list(shards) == []
