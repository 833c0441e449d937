"""What a call of each store costs: `python -m bench.stores [--rounds N]`.

µs of one call in an event loop that does nothing else, the median of several rounds; and for SQLite the same
in a thread, which an event loop could hand it to.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench._process import machine
from bench.workers import redis_server
from ksef_mock.clock import SECOND, Clock
from ksef_mock.state import Store, Table, open_store

_CALLS = 300


class Record(msgspec.Struct, frozen=True):
    """About as large as an authentication operation."""

    number: int
    text: str = "x" * 250


RECORDS: Table[Record] = Table("record", Record)
Call = Callable[[int], Awaitable[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description="Costs of store calls.")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each call (default 7)")
    rounds: int = parser.parse_args().rounds
    print(f"{machine()}; µs a call")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        specs = ["memory", f"sqlite:{directory / 'file'}"]
        if shutil.which("redis-server"):
            stack.enter_context(redis_server(directory))
            specs.append(f"unix://{directory / 'redis'}")
        for spec in specs:
            asyncio.run(_measure(spec, rounds))


async def _measure(spec: str, rounds: int) -> None:
    clock = Clock()
    store = open_store(spec, clock)
    name = spec.partition(":")[0].replace("unix", "redis")
    costs: dict[str, list[float]] = {}
    for round_number in range(rounds):
        for what, call in _calls(store, clock, round_number).items():
            costs.setdefault(what, []).append(await _time(call))
            if name == "sqlite" and what in ("get", "insert"):
                costs.setdefault(f"{what}, in a thread", []).append(
                    await _time(_threaded(store, what, clock))
                )
    for what, measured in costs.items():
        print(f"{name:8} {what:22} {median(measured) * 1e6:8.1f}")
    await store.close()


def _calls(store: Store, clock: Clock, round_number: int) -> dict[str, Call]:
    end = clock.now() + 3_600 * SECOND
    return {
        "insert": lambda n: store.insert(RECORDS, f"{round_number} {n}", Record(n), end),
        "get": lambda n: store.get(RECORDS, f"{round_number} {n}"),
        "swap": lambda n: store.swap(RECORDS, f"{round_number} {n}", Record(n), Record(-n), end),
        "version of shared": lambda _: store.shared_version(),
        "journal entry": lambda _: store.log(b"x" * 500, 1_000),
    }


def _threaded(store: Store, what: str, clock: Clock) -> Call:
    end = clock.now() + 3_600 * SECOND

    def work(n: int) -> None:
        # The calls of this store never wait: a thread can run them without an event loop.
        call = (
            store.get(RECORDS, str(n))
            if what == "get"
            else store.insert(RECORDS, f"{time.perf_counter_ns()} {n}", Record(n), end)
        )
        try:
            call.send(None)
        except StopIteration:
            return

    return lambda n: asyncio.to_thread(work, n)


async def _time(call: Call) -> float:
    begin = time.perf_counter()
    for number in range(_CALLS):
        await call(number)
    return (time.perf_counter() - begin) / _CALLS


if __name__ == "__main__":
    main()
