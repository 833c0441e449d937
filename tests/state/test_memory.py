"""The memory store: what is there, what is gone, and what it costs to let go."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.clock import SECOND, Clock
from ksef_mock.state import MemoryStore, Table

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True):
    value: int


ROWS: Table[Row] = Table("rows", Row)
OTHERS: Table[Row] = Table("others", Row)


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


def test_insert_takes_a_free_key_only(store: MemoryStore) -> None:
    assert run(store.insert(ROWS, "a", Row(1), None))
    assert not run(store.insert(ROWS, "a", Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(1)
    assert run(store.get(ROWS, "b")) is None


def test_tables_are_apart(store: MemoryStore) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    assert run(store.get(OTHERS, "a")) is None
    assert run(store.insert(OTHERS, "a", Row(2), None))


def test_swap_needs_the_record_that_was_read(store: MemoryStore) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    assert not run(store.swap(ROWS, "a", Row(0), Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(1)
    assert run(store.swap(ROWS, "a", Row(1), Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(2)
    assert not run(store.swap(ROWS, "missing", Row(1), Row(2), None))


def test_delete_tells_whether_there_was_something(store: MemoryStore) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    assert run(store.delete(ROWS, "a"))
    assert not run(store.delete(ROWS, "a"))
    assert run(store.get(ROWS, "a")) is None


def test_record_is_gone_from_the_moment_of_its_expiry_on(store: MemoryStore, clock: Clock) -> None:
    run(store.insert(ROWS, "a", Row(1), clock.now() + 10 * SECOND))
    clock.advance(9.9)
    assert run(store.get(ROWS, "a")) == Row(1)
    clock.advance(0.1)
    assert run(store.get(ROWS, "a")) is None
    assert not run(store.swap(ROWS, "a", Row(1), Row(2), None))
    assert not run(store.delete(ROWS, "a"))
    assert run(store.insert(ROWS, "a", Row(3), None))


def test_expired_records_leave_memory_when_others_come(store: MemoryStore, clock: Clock) -> None:
    for number in range(100):
        run(store.insert(ROWS, f"old {number}", Row(number), clock.now() + SECOND))
    run(store.index("list", "old", 1, clock.now() + SECOND))
    assert len(store) == 101
    clock.advance(1)
    run(store.insert(ROWS, "new", Row(0), None))
    assert len(store) == 1


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

    class Watched(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            looked_at.append(key)
            return super().get(key, default)

    store._rows = Watched(store._rows)
    clock.advance(1)
    run(store.insert(ROWS, "new", Row(0), None))
    assert len(looked_at) == 3
    assert len(store) == 5_001


def test_index_lists_the_newest_first_and_goes_on_below_a_cursor(store: MemoryStore) -> None:
    for position, member in ((2, "b"), (1, "a"), (3, "c"), (3, "d")):
        run(store.index("list", member, position, None))
    assert run(store.newest("list", 10)) == [(3, "d"), (3, "c"), (2, "b"), (1, "a")]
    assert run(store.newest("list", 2)) == [(3, "d"), (3, "c")]
    assert run(store.newest("list", 2, before=(3, "c"))) == [(2, "b"), (1, "a")]
    assert run(store.newest("list", 2, before=(1, "a"))) == []
    assert run(store.newest("nothing", 2)) == []


def test_index_member_stands_where_it_was_put_last(store: MemoryStore) -> None:
    run(store.index("list", "a", 1, None))
    run(store.index("list", "b", 2, None))
    run(store.index("list", "a", 3, None))
    run(store.index("list", "a", 1, None))
    assert run(store.newest("list", 10)) == [(2, "b"), (1, "a")]
    run(store.unindex("list", "a"))
    run(store.unindex("list", "never there"))
    assert run(store.newest("list", 10)) == [(2, "b")]


def test_index_members_expire(store: MemoryStore, clock: Clock) -> None:
    run(store.index("list", "a", 1, clock.now() + SECOND))
    run(store.index("list", "b", 2, clock.now() + SECOND))
    run(store.index("list", "b", 2, clock.now() + 5 * SECOND))
    clock.advance(1)
    assert run(store.newest("list", 10)) == [(2, "b")]
    clock.advance(4)
    assert run(store.newest("list", 10)) == []
    assert len(store) == 0


def test_index_shrinks_when_its_members_go(store: MemoryStore) -> None:
    for number in range(1_000):
        run(store.index("list", str(number), number, None))
    for number in range(999):
        run(store.unindex("list", str(number)))
    assert len(store._indexes["list"]._entries) < 40
    run(store.unindex("list", "999"))
    assert not store._indexes


def test_clear_forgets_everything(store: MemoryStore, clock: Clock) -> None:
    run(store.insert(ROWS, "a", Row(1), clock.now() + SECOND))
    run(store.index("list", "a", 1, None))
    run(store.clear())
    assert len(store) == 0
    assert run(store.get(ROWS, "a")) is None


KEYS = st.sampled_from("abc")
LIVES = st.none() | st.integers(1, 5)
STEPS = st.one_of(
    st.tuples(st.just("insert"), KEYS, st.integers(0, 2), LIVES),
    st.tuples(st.just("swap"), KEYS, st.integers(0, 2), st.integers(0, 2), LIVES),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("advance"), st.integers(1, 3)),
)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=150, deadline=None)
def test_it_behaves_like_a_dictionary_with_deadlines(steps: list[tuple[Any, ...]]) -> None:
    clock = Clock()
    clock.freeze()
    store = MemoryStore(clock)
    model: dict[str, tuple[Row, int | None]] = {}

    def deadline(life: int | None) -> int | None:
        return None if life is None else clock.now() + life * SECOND

    async def scenario() -> None:
        for step in steps:
            now = clock.now()
            for key in [key for key, (_, end) in model.items() if end is not None and end <= now]:
                del model[key]
            match step:
                case "insert", key, value, life:
                    assert await store.insert(ROWS, key, Row(value), deadline(life)) == (key not in model)
                    model.setdefault(key, (Row(value), deadline(life)))
                case "swap", key, old, new, life:
                    fits = key in model and model[key][0] == Row(old)
                    assert await store.swap(ROWS, key, Row(old), Row(new), deadline(life)) == fits
                    if fits:
                        model[key] = (Row(new), deadline(life))
                case "delete", key:
                    assert await store.delete(ROWS, key) == (model.pop(key, None) is not None)
                case "advance", seconds:
                    clock.advance(seconds)
            for key in "abc":
                row = model.get(key)
                live = row is not None and (row[1] is None or row[1] > clock.now())
                assert await store.get(ROWS, key) == (row[0] if live and row else None)

    run(scenario())
