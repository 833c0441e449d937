"""A challenge from the mock, from the floor and from Prism: `python -m bench.prism [--seconds N]`.

Prism (npm @stoplight/prism-cli) is what else there is to run against the official document: it answers with
the document's examples. Compared is POST /auth/challenge, the one request of a login that it can answer as
well as anybody. The floor is the bare Starlette app that gives a canned answer. The three take turns, in
rounds of a
second, under a few keep-alive connections of a load generator in a process of its own.

Needs Node.js, npm and the official document; the tests need the same for their run on Prism.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median

from bench._http import Connection, request
from bench._load import Client, Transcript, hammer
from bench._process import ServerProcess, cpu_seconds, machine
from bench.login import NIP, start_bare
from tests import openapi
from tests.third_party.prism_server import prism


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.prism", description="Challenges a second.")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to measure (default 15)")
    parser.add_argument("--connections", type=int, default=4, help="clients at once (default 4)")
    options = parser.parse_args()
    if not openapi.available():
        parser.error(openapi.MISSING)
    print(f"{machine()}, {options.connections} connections, POST /auth/challenge")
    asyncio.run(_compare(options.seconds, options.connections))


async def _compare(seconds: float, connections: int) -> None:
    with ExitStack() as stack:
        mock = stack.enter_context(ServerProcess("-m", "ksef_mock.cli", "serve", "--port", "0", "--nip", NIP))
        mock.line()  # the NIP
        client = await Client.of(mock.url, NIP, mock.line().split()[-1])
        transcript = Transcript()
        async with await Connection.open(mock.url) as connection:
            await client.log_in(connection, transcript)
        bare = start_bare(stack, transcript, None)
        other = stack.enter_context(prism())
        servers: dict[str, tuple[str, str, Callable[[], float]]] = {
            "mock": (mock.url, "/v2", mock.cpu_seconds),
            "bare app": (bare.url, "/v2", bare.cpu_seconds),
            "Prism": (other.url, "", partial(cpu_seconds, other.pid)),
        }
        walls: dict[str, list[float]] = {name: [] for name in servers}
        cpus: dict[str, list[float]] = {name: [] for name in servers}
        for position in range(max(3, round(seconds / len(servers))) + 1):
            for name, (url, prefix, used) in servers.items():
                before = used()
                done, took = await hammer(
                    url,
                    partial(_ask, message=request("POST", f"{prefix}/auth/challenge")),
                    connections=connections,
                    seconds=1.0,
                )
                if position:  # the first round warms up
                    walls[name].append(done / took)
                    cpus[name].append((used() - before) / done * 1_000)
    for name in servers:
        print(f"{name:9} {median(walls[name]):7.0f} challenges/s, {median(cpus[name]):.3f} ms of server CPU")
    for name in ("bare app", "Prism"):
        ratio = median(theirs / ours for theirs, ours in zip(cpus[name], cpus["mock"], strict=True))
        print(f"CPU of {name} to the mock's: {ratio:.2f}")


async def _ask(connection: Connection, message: bytes) -> None:
    status, body = await connection.send(message)
    if status != 200:
        raise RuntimeError(f"{status} instead of 200: {body!r}")


if __name__ == "__main__":
    main()
