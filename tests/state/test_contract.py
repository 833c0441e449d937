"""What every store does, whatever it keeps the state in."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.clock import SECOND, Clock
from ksef_mock.ksef.limits.limits import Rate
from ksef_mock.state import Store, Table
from ksef_mock.state.store import Delete, Full, Index, Insert, Swap, Unindex, Write
from tests.state.conftest import Loop, MakeStore


class Row(msgspec.Struct, frozen=True):
    value: int
    text: str = "zażółć\0"


class Wider(msgspec.Struct, frozen=True):
    """What a later version has made of `Row`."""

    value: int
    text: str = "zażółć\0"
    more: int = 7


ROWS: Table[Row] = Table("rows", Row)
OTHERS: Table[Row] = Table("others", Row)
WIDER: Table[Wider] = Table("rows", Wider)

HOUR = 3_600


def test_insert_takes_a_free_key_only(store: Store, run: Loop) -> None:
    assert run(store.insert(ROWS, "a", Row(1), None))
    assert not run(store.insert(ROWS, "a", Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(1)
    assert run(store.get(ROWS, "b")) is None


def test_tables_are_apart(store: Store, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    assert run(store.get(OTHERS, "a")) is None
    assert run(store.insert(OTHERS, "a", Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(1)


def test_records_are_counted_by_table(store: Store, run: Loop) -> None:
    assert run(store.count(ROWS)) == 0
    for key in ("a", "b", "c"):
        run(store.insert(ROWS, key, Row(1), None))
    run(store.insert(OTHERS, "a", Row(1), None))
    run(store.delete(ROWS, "b"))
    assert [run(store.count(table)) for table in (ROWS, OTHERS)] == [2, 1]


def test_swap_needs_the_record_that_was_read(store: Store, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    assert not run(store.swap(ROWS, "a", Row(0), Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(1)
    assert run(store.swap(ROWS, "a", Row(1), Row(2), None))
    assert run(store.get(ROWS, "a")) == Row(2)
    assert not run(store.swap(ROWS, "missing", Row(1), Row(2), None))


def test_delete_tells_whether_there_was_something(store: Store, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    assert run(store.delete(ROWS, "a"))
    assert not run(store.delete(ROWS, "a"))
    assert run(store.get(ROWS, "a")) is None


def test_record_is_gone_from_the_moment_of_its_expiry_on(store: Store, clock: Clock, run: Loop) -> None:
    end = clock.now() + 10 * SECOND
    run(store.insert(ROWS, "a", Row(1), end))
    clock.advance(9.9999999)
    assert clock.now() == end - 100
    assert run(store.get(ROWS, "a")) == Row(1)
    assert not run(store.insert(ROWS, "a", Row(2), None))
    clock.advance(0.0000001)
    assert run(store.get(ROWS, "a")) is None
    assert not run(store.swap(ROWS, "a", Row(1), Row(2), None))
    assert not run(store.delete(ROWS, "a"))
    assert run(store.insert(ROWS, "a", Row(3), None))


def test_swap_can_move_the_expiry(store: Store, clock: Clock, run: Loop) -> None:
    early, late = clock.now() + SECOND, clock.now() + 60 * SECOND
    for key, old, new in (("longer", early, late), ("shorter", late, early), ("forever", early, None)):
        run(store.insert(ROWS, key, Row(1), old))
        run(store.swap(ROWS, key, Row(1), Row(2), new))
    clock.advance(1)
    for number in range(3):
        run(store.insert(OTHERS, str(number), Row(0), None))
    assert run(store.get(ROWS, "longer")) == Row(2)
    assert run(store.get(ROWS, "shorter")) is None
    clock.advance(100)
    run(store.insert(OTHERS, "new", Row(0), None))
    assert run(store.get(ROWS, "longer")) is None
    assert run(store.get(ROWS, "forever")) == Row(2)


def test_moments_before_1970_and_far_ahead(store: Store, clock: Clock, run: Loop) -> None:
    clock.advance(-100 * 366 * 86_400)
    run(store.insert(ROWS, "a", Row(1), clock.now() + SECOND))
    run(store.commit(Index("list", "old", clock.now(), None)))
    clock.advance(1)
    assert run(store.get(ROWS, "a")) is None
    clock.advance(200 * 366 * 86_400)
    run(store.insert(ROWS, "a", Row(2), clock.now() + SECOND))
    run(store.commit(Index("list", "new", clock.now(), None)))
    assert run(store.get(ROWS, "a")) == Row(2)
    assert [member for _, member in run(store.newest("list", 5))] == ["new", "old"]


def test_index_lists_the_newest_first_and_goes_on_below_a_cursor(store: Store, run: Loop) -> None:
    for position, member in ((2, "b"), (1, "a"), (3, "c"), (3, "d")):
        run(store.commit(Index("list", member, position, None)))
    run(store.commit(Index("list of others", "x", 2, None)))
    run(store.commit(Index("lis", "y", 2, None)))
    assert list(run(store.newest("list", 10))) == [(3, "d"), (3, "c"), (2, "b"), (1, "a")]
    assert list(run(store.newest("list", 2**63 - 1))) == [(3, "d"), (3, "c"), (2, "b"), (1, "a")]
    assert list(run(store.newest("list", 2))) == [(3, "d"), (3, "c")]
    assert list(run(store.newest("list", 2, before=(3, "c")))) == [(2, "b"), (1, "a")]
    assert list(run(store.newest("list", 2, before=(1, "a")))) == []
    for far in (2**63, 2**80):  # what a forged continuation token says
        assert list(run(store.newest("list", 1, before=(far, "x")))) == [(3, "d")]
        assert list(run(store.newest("list", 1, before=(-far, "x")))) == []
    assert list(run(store.newest("nothing", 2))) == []


def test_long_indexes(store: Store, clock: Clock, run: Loop) -> None:
    gone = clock.now() + SECOND
    for number in range(250):
        run(store.commit(Index("list", f"{number:03}", number, gone if number % 50 else None)))
    assert [position for position, _ in run(store.newest("list", 240))] == list(range(249, 9, -1))
    clock.advance(1)
    assert list(run(store.newest("list", 3))) == [(200, "200"), (150, "150"), (100, "100")]
    assert len(run(store.newest("list", 240))) == 5


def test_index_member_stands_where_it_was_put_last(store: Store, run: Loop) -> None:
    run(store.commit(Index("list", "a", 1, None)))
    run(store.commit(Index("list", "b", 2, None)))
    run(store.commit(Index("list", "a", 3, None)))
    run(store.commit(Index("list", "a", 1, None)))
    assert list(run(store.newest("list", 10))) == [(2, "b"), (1, "a")]
    run(store.commit(Unindex("list", "a")))
    run(store.commit(Unindex("list", "never there")))
    assert list(run(store.newest("list", 10))) == [(2, "b")]


def test_index_members_expire(store: Store, clock: Clock, run: Loop) -> None:
    run(store.commit(Index("list", "a", 1, clock.now() + SECOND)))
    run(store.commit(Index("list", "b", 2, clock.now() + SECOND)))
    run(store.commit(Index("list", "b", 2, clock.now() + 5 * SECOND)))
    clock.advance(1)
    assert list(run(store.newest("list", 10))) == [(2, "b")]
    clock.advance(4)
    assert list(run(store.newest("list", 10))) == []


def test_commit_is_all_or_nothing(store: Store, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    run(store.commit(Index("list", "x", 1, None)))
    assert run(
        store.commit(
            Swap(ROWS, "a", Row(1), Row(2), None),
            Insert(ROWS, "b", Row(3), None),
            Index("list", "y", 2, None),
            Unindex("list", "x"),
        )
    )
    assert [run(store.get(ROWS, key)) for key in "ab"] == [Row(2), Row(3)]
    assert list(run(store.newest("list", 9))) == [(2, "y")]
    impossible: list[Write] = [
        Insert(ROWS, "b", Row(9), None),
        Swap(ROWS, "b", Row(9), Row(8), None),
        Swap(ROWS, "missing", Row(9), Row(8), None),
        Delete(ROWS, "missing"),
    ]
    for write in impossible:
        for order in (1, -1):
            writes: list[Write] = [
                Insert(ROWS, "c", Row(4), None),
                Index("list", "z", 3, None),
                Delete(ROWS, "a"),
                write,
            ]
            assert not run(store.commit(*writes[::order]))
            assert [run(store.get(ROWS, key)) for key in "abc"] == [Row(2), Row(3), None]
            assert list(run(store.newest("list", 9))) == [(2, "y")]
    assert run(store.commit(Delete(ROWS, "a"), Delete(ROWS, "b")))
    assert [run(store.get(ROWS, key)) for key in "ab"] == [None, None]


def test_of_concurrent_changes_one_succeeds(store: Store, run: Loop) -> None:
    async def race() -> tuple[list[bool], list[bool]]:
        inserted = await asyncio.gather(*(store.insert(ROWS, "a", Row(n), None) for n in range(50)))
        first = await store.get(ROWS, "a")
        assert first is not None
        swapped = await asyncio.gather(*(store.swap(ROWS, "a", first, Row(100 + n), None) for n in range(50)))
        return inserted, swapped

    inserted, swapped = run(race())
    assert (sum(inserted), sum(swapped)) == (1, 1)
    assert run(store.get(ROWS, "a")) == Row(100 + swapped.index(True))


def test_clear_leaves_nothing_but_the_shared_record(store: Store, clock: Clock, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), clock.now() + SECOND))
    run(store.commit(Index("list", "a", 1, None)))
    run(store.log(b"entry", 10))
    assert run(store.admit("key", [(1, SECOND)])) is None
    store.swap_shared(None, "v1", b"record")
    run(store.clear())
    assert run(store.get(ROWS, "a")) is None
    assert list(run(store.newest("list", 1))) == []
    assert store.logged() == []
    assert run(store.admit("key", [(1, SECOND)])) is None
    assert store.load_shared() == ("v1", b"record")
    run(store.log(b"first again", 10))
    assert store.logged() == [(1, b"first again")]


def test_shared_record_changes_by_its_version(store: Store, run: Loop) -> None:
    assert run(store.shared_version()) is None
    assert store.load_shared() is None
    assert not store.swap_shared("v0", "v1", b"one")
    assert store.swap_shared(None, "v1", b"one\0\xff")
    assert not store.swap_shared(None, "v2", b"two")
    assert store.load_shared() == ("v1", b"one\0\xff")
    assert store.swap_shared("v1", "v2", b"two")
    assert not store.swap_shared("v1", "v3", b"three")
    assert run(store.shared_version()) == "v2"


def test_shared_record_is_changed_from_any_thread(store: Store, run: Loop) -> None:
    store.swap_shared(None, "0", b"")
    won: list[int] = []

    def work(number: int) -> None:
        if store.swap_shared("0", str(number), b"x"):
            won.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert run(store.shared_version()) == str(won[0])


def test_journal_is_numbered_and_capped(store: Store, run: Loop) -> None:
    assert store.last_logged() == 0
    for number in range(1, 8):
        run(store.log(f"{number}\0".encode(), 5))
    assert store.logged() == [(number, f"{number}\0".encode()) for number in range(3, 8)]
    assert [number for number, _ in store.logged(after=5)] == [6, 7]
    assert store.logged(after=7) == []
    assert store.last_logged() == 7


def test_a_journal_may_keep_nothing(store: Store, run: Loop) -> None:
    for keep in (3, 0, 0):
        run(store.log(b"entry", keep))
        assert len(store.logged()) == min(keep, 1)


@pytest.mark.parametrize("back", [0.5, 2 * HOUR])
def test_windows_and_a_clock_that_goes_back(store: Store, clock: Clock, run: Loop, back: float) -> None:
    windows = Rate(1, 1, 1).windows
    assert run(store.admit("key", windows)) is None
    clock.advance(-back)
    again = run(store.admit("key", windows))
    if back < 1:  # another process's clock, no change: the request still counts
        assert again == Full(HOUR * SECOND, 1, HOUR * SECOND)
    else:
        assert again is None
        assert run(store.admit("key", windows)) == Full(HOUR * SECOND, 1, HOUR * SECOND)


def test_windows_of_a_lowered_limit(store: Store, clock: Clock, run: Loop) -> None:
    for _ in range(5):
        assert run(store.admit("key", Rate(100, 100, 100).windows)) is None
        clock.advance(1)
    assert run(store.admit("key", Rate(100, 2, 100).windows)) == Full(58 * SECOND, 2, 60 * SECOND)
    assert run(store.admit("other key", Rate(100, 2, 100).windows)) is None
    clock.advance(58)
    assert run(store.admit("key", Rate(100, 2, 100).windows)) is None


def test_a_concurrent_rush_is_limited_exactly(store: Store, run: Loop) -> None:
    async def rush() -> list[Full | None]:
        return await asyncio.gather(*(store.admit("key", Rate(20, 100, 100).windows) for _ in range(60)))

    assert sum(full is None for full in run(rush())) == 20


def test_dump_holds_everything_that_lives(
    store: Store, make_store: MakeStore, clock: Clock, run: Loop
) -> None:
    end = clock.now() + 10 * SECOND
    run(store.insert(ROWS, "a", Row(1), None))
    run(store.insert(OTHERS, "a\n", Row(2), end))
    run(store.insert(OTHERS, "gone", Row(3), clock.now() + SECOND))
    run(store.commit(Index("list", "x", 5, end)))
    run(store.commit(Index("list", "y", -6, None)))
    run(store.commit(Index("other", "gone", 7, clock.now() + SECOND)))
    clock.advance(1)
    dump = run(store.dump())
    assert sorted((row.table, row.key, row.expires_at) for row in dump.rows) == [
        ("others", "a\n", end),
        ("rows", "a", None),
    ]
    assert sorted(dump.entries) == [("list", "x", 5, end), ("list", "y", -6, None)]

    other = make_store(clock)
    run(other.insert(ROWS, "b", Row(9), None))
    run(other.commit(Index("list", "z", 1, None)))
    run(other.restore(dump))
    assert run(other.get(ROWS, "b")) is None
    again = run(other.dump())
    assert sorted(again.rows, key=msgspec.structs.astuple) == sorted(dump.rows, key=msgspec.structs.astuple)
    assert sorted(again.entries) == sorted(dump.entries)
    assert run(other.swap(ROWS, "a", Row(1), Row(4), None))
    assert not run(other.insert(OTHERS, "a\n", Row(9), None))
    assert list(run(other.newest("list", 5))) == [(5, "x"), (-6, "y")]
    clock.advance(9)
    assert run(other.get(OTHERS, "a\n")) is None
    assert list(run(other.newest("list", 5))) == [(-6, "y")]


def test_dump_survives_json(store: Store, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    run(store.commit(Index("list", "x", 5, None)))
    dump = run(store.dump())
    assert msgspec.json.decode(msgspec.json.encode(dump), type=type(dump)) == dump


def test_records_of_an_older_version_can_be_changed(store: Store, run: Loop) -> None:
    run(store.insert(ROWS, "a", Row(1), None))
    run(store.restore(run(store.dump())))  # also in memory it is read afresh
    read = run(store.get(WIDER, "a"))
    assert read == Wider(1)
    assert run(store.swap(WIDER, "a", read, Wider(2, more=8), None))
    assert run(store.get(WIDER, "a")) == Wider(2, more=8)


KEYS = st.sampled_from("abc")
LIVES = st.none() | st.integers(1, 5)
VALUES = st.integers(0, 2)
CHANGES = st.one_of(
    st.tuples(st.just("insert"), KEYS, VALUES, LIVES),
    st.tuples(st.just("swap"), KEYS, VALUES, VALUES, LIVES),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("index"), KEYS, st.integers(0, 3), LIVES),
    st.tuples(st.just("unindex"), KEYS),
)
STEPS = st.one_of(
    st.lists(
        CHANGES, min_size=1, max_size=4, unique_by=lambda change: (change[0][-5:] == "index", change[1])
    ),
    st.integers(1, 3),  # seconds
    st.just("restore"),
)


class Model:
    """A store that is obviously right."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, int | None]] = {}
        self.entries: dict[str, tuple[int, int | None]] = {}

    def expire(self, now: int) -> None:
        for part in (self.rows, self.entries):
            for key in [key for key, (_, end) in part.items() if end is not None and end <= now]:
                del part[key]

    def commit(self, changes: list[tuple[Any, ...]], now: int) -> bool:
        rows, entries = dict(self.rows), dict(self.entries)
        for change in changes:
            match change:
                case "insert", key, value, life:
                    if key in self.rows:
                        return False
                    rows[key] = (value, _end(now, life))
                case "swap", key, old, new, life:
                    if self.rows.get(key, (None, None))[0] != old:
                        return False
                    rows[key] = (new, _end(now, life))
                case "delete", key:
                    if key not in self.rows:
                        return False
                    del rows[key]
                case "index", key, position, life:
                    entries[key] = (position, _end(now, life))
                case "unindex", key:
                    entries.pop(key, None)
        self.rows, self.entries = rows, entries
        return True


def _end(now: int, life: int | None) -> int | None:
    return None if life is None else now + life * SECOND


def _write(change: tuple[Any, ...], now: int) -> Write:
    match change:
        case "insert", key, value, life:
            return Insert(ROWS, key, Row(value), _end(now, life))
        case "swap", key, old, new, life:
            return Swap(ROWS, key, Row(old), Row(new), _end(now, life))
        case "delete", key:
            return Delete(ROWS, key)
        case "index", key, position, life:
            return Index("list", key, position, _end(now, life))
        case _, key:
            return Unindex("list", key)
    raise AssertionError(change)


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=60)
def test_it_agrees_with_a_simple_model(make_store: MakeStore, run: Loop, steps: list[Any]) -> None:
    clock = Clock()
    clock.freeze()
    store, model = make_store(clock), Model()

    async def scenario() -> None:
        for step in steps:
            if isinstance(step, int):
                clock.advance(step)
            elif step == "restore":
                await store.restore(await store.dump())
            now = clock.now()
            model.expire(now)
            if isinstance(step, list):
                done = await store.commit(*(_write(change, now) for change in step))
                assert done is model.commit(step, now)
            for key in "abc":
                row = model.rows.get(key)
                assert await store.get(ROWS, key) == (None if row is None else Row(row[0]))
            listed = sorted(((position, key) for key, (position, _) in model.entries.items()), reverse=True)
            assert list(await store.newest("list", 10)) == listed
            assert list(await store.newest("list", 10, before=(2, "b"))) == [
                entry for entry in listed if entry < (2, "b")
            ]

    run(scenario())


@given(
    rate=st.builds(Rate, *[st.integers(1, 6)] * 3),
    pauses=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.0, 59.9, 60.0, 1_000.0, 3_600.0]), max_size=30),
)
@settings(max_examples=40)
def test_windows_agree_with_a_model_that_remembers_every_request(
    make_store: MakeStore, run: Loop, rate: Rate, pauses: list[float]
) -> None:
    clock = Clock()
    clock.freeze()
    store = make_store(clock)
    admitted: list[int] = []
    for pause in pauses:
        clock.advance(pause)
        now = clock.now()
        waits = [
            Full(within[-limit] + length - now, limit, length)
            for limit, length in rate.windows
            if len(within := [moment for moment in admitted if moment > now - length]) >= limit
        ]
        assert run(store.admit("key", rate.windows)) == max(waits, default=None)
        if not waits:
            admitted.append(now)
