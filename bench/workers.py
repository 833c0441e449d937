"""Logins a second by store and number of processes: `python -m bench.workers [--seconds N] [--key rsa|ec]`.

The mock with its state in memory, in an SQLite file (1 and 2 processes) and in a Redis on this machine (1, 2
and 4 processes), beside the floor of `bench.login`: one process of a bare app that does nothing but the
cryptography of a login. All run at the same time and take turns under load, in rounds; the result is the
median of the rounds. CPU is that of all processes of the mock together; Redis' own stands beside it.

The load generator takes most of a core, Redis a part of one: on a machine with 2 cores, more processes have
nothing to run on, and the figures for 2 and 4 show what sharing costs, not what it gains.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench._http import Connection
from bench._load import Client, Transcript, hammer, replay
from bench._process import ServerProcess, cpu_seconds, machine
from bench.login import start_bare

NIP = "5265877635"
_SLICE = 1.0


@dataclass(frozen=True)
class Run:
    """A server under load."""

    server: ServerProcess
    once: Callable[[Connection], Any]
    #: Process id of the Redis that keeps its state.
    redis: int | None = None


@dataclass(frozen=True)
class Cost:
    """Logins a second, and ms of CPU a login."""

    rate: float
    cpu: float
    redis: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description="Logins by store.")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long to measure (default 40)")
    parser.add_argument("--key", choices=["rsa", "ec"], default="rsa", help="key of the token encryption")
    parser.add_argument("--connections", type=int, default=16, help="clients at once (default 16)")
    options = parser.parse_args()
    print(f"{machine()}, {options.connections} connections, {options.key} key")
    asyncio.run(_compare(options.key, options.seconds, options.connections))


async def _compare(key: str, seconds: float, connections: int) -> None:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setups: list[tuple[str, int, str, int | None]] = [
            ("memory", 1, "memory", None),
            ("sqlite", 1, f"sqlite:{directory / 'one'}", None),
            ("sqlite", 2, f"sqlite:{directory / 'two'}", None),
        ]
        if shutil.which("redis-server"):
            pid = stack.enter_context(redis_server(directory))
            url = f"unix://{directory / 'redis'}?prefix="
            setups += [("redis", number, f"{url}{number}", pid) for number in (1, 2, 4)]
        runs: dict[str, Run] = {}
        for name, number, store, redis in setups:
            options = ["--token-key", key, "--store", store, "--workers", str(number)]
            server = stack.enter_context(
                ServerProcess("-m", "ksef_mock.cli", "serve", "--port", "0", "--nip", NIP, *options)
            )
            server.line()
            client = await Client.of(server.url, NIP, server.line().split()[-1])
            runs[f"{name}, {number} process{'es' if number > 1 else ''}"] = Run(server, client.log_in, redis)
            if name == "memory":
                transcript = Transcript()
                async with await Connection.open(server.url) as connection:
                    await client.log_in(connection, transcript)
                bare = start_bare(stack, transcript, key)
                runs["floor, 1 process"] = Run(bare, partial(replay, requests=transcript.requests))
        for run in runs.values():
            await _measure(run, connections, 0.3)  # warm up
        costs: dict[str, list[Cost]] = {name: [] for name in runs}
        for _ in range(max(3, round(seconds / (len(runs) * _SLICE)))):
            for name, run in runs.items():
                costs[name].append(await _measure(run, connections, _SLICE))
    floor = median(cost.rate for cost in costs["floor, 1 process"])
    print(f"{'':20} {'logins/s':>9} {'of the floor':>12} {'CPU ms':>7} {'Redis CPU ms':>13}")
    for name, measured in costs.items():
        rate, cpu, redis = (
            median(getattr(cost, part) for cost in measured) for part in ("rate", "cpu", "redis")
        )
        print(f"{name:20} {rate:9.0f} {rate / floor:12.1%} {cpu:7.3f} {redis:13.3f}")


async def _measure(run: Run, connections: int, seconds: float) -> Cost:
    before, redis = run.server.cpu_seconds(), cpu_seconds(run.redis) if run.redis else 0.0
    done, wall = await hammer(run.server.url, run.once, connections=connections, seconds=seconds)
    cpu = run.server.cpu_seconds() - before
    redis = (cpu_seconds(run.redis) if run.redis else 0.0) - redis
    return Cost(done / wall, cpu * 1_000 / done, redis * 1_000 / done)


@contextmanager
def redis_server(directory: Path) -> Iterator[int]:
    """A Redis on the Unix socket `redis` in the directory; gives its process id."""
    socket = directory / "redis"
    where = ["--port", "0", "--unixsocket", str(socket), "--dir", str(directory), "--save", ""]
    process = subprocess.Popen(["redis-server", *where], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
