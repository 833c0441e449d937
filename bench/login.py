"""Logins a second, against the floor: `python -m bench.login [--seconds N] [--key rsa|ec]`.

Method
- Three servers on the same uvicorn configuration, each a process: the mock (`ksef-mock serve`); a bare
  Starlette app that answers the four requests of a login (challenge, ksef-token, status, redeem) with the
  bodies that the mock gave, byte for byte; and the same bare app doing in each request the cryptography that
  no server can avoid there: one decryption (RSA-2048-OAEP, or ECDH and AES-GCM), three JWTs issued, one
  verified.
- That last one is the floor: no state, no checks, no journal. Beside it stands the sum of the plain bare app
  and of the same cryptography timed in a tight loop; it is lower, since a loop keeps the caches warm as no
  server can, and the ratio against it is printed too.
- The load generator, in a process of its own, speaks HTTP/1.1 over a few keep-alive connections. Against the
  mock it encrypts the token genuinely for each challenge; to the bare apps it sends the recorded requests.
- The servers take turns, in rounds of about a second: what slows the machine down slows all of them. The
  result is the median of the rounds.
- The CPU ratio counts the CPU time of the server process alone (/proc/PID/stat), which the load generator on
  the neighbouring core does not disturb; the wall ratio is that of throughputs under load.

`--crypto` compares decryption in the event loop (what the mock does) with decryption in a thread pool:
throughput, server CPU, and the latency that another client's `GET /_mock/health` sees meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from typing import Any

from bench._crypto import LoginCrypto
from bench._http import Connection
from bench._load import Client, Transcript, hammer, replay
from bench._process import ServerProcess, machine

NIP = "5265877635"
#: Seconds of each measurement within a round, and of the crypto between them.
_SLICE = 1.0
_CRYPTO_SLICE = 0.2
_AIM = 0.80


@dataclass(frozen=True)
class Cost:
    """What one login costs, in ms."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.login", description="Logins a second.")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure (default 20)")
    parser.add_argument("--key", choices=["rsa", "ec"], default="rsa", help="key of the token encryption")
    parser.add_argument("--connections", type=int, default=8, help="clients at once (default 8)")
    parser.add_argument("--crypto", action="store_true", help="compare decryption inline and in threads")
    options = parser.parse_args()
    print(f"{machine()}, {options.connections} connections, {options.key} key")
    run = _compare_crypto if options.crypto else _compare_with_floor
    asyncio.run(run(options.key, options.seconds, options.connections))


async def _compare_with_floor(key: str, seconds: float, connections: int) -> None:
    with ExitStack() as stack:
        mock, client = await _start_mock(stack, "ksef_mock.cli", key)
        transcript = Transcript()
        async with await Connection.open(mock.url) as connection:
            await client.log_in(connection, transcript)
        replayed = partial(replay, requests=transcript.requests)
        runs: dict[str, tuple[ServerProcess, Callable[[Connection], Any]]] = {
            "mock": (mock, client.log_in),
            "floor": (start_bare(stack, transcript, key), replayed),
            "bare app": (start_bare(stack, transcript, None), replayed),
        }
        crypto = LoginCrypto(key, transcript.tokens())
        costs: dict[str, list[Cost]] = {name: [] for name in runs}
        loops: list[Cost] = []
        for server, once in runs.values():
            await _measure(server, once, connections, 0.5)  # warm up
        for _ in range(max(3, round(seconds / (3 * _SLICE + _CRYPTO_SLICE)))):
            for name, (server, once) in runs.items():
                costs[name].append(await _measure(server, once, connections, _SLICE))
            loops.append(_time(crypto.once, _CRYPTO_SLICE))

    for name, measured in costs.items():
        rates = sorted(1_000 / cost.wall for cost in measured)
        print(
            f"{name:9} {median(rates):7.0f} logins/s"
            f" ({rates[0]:.0f} to {rates[-1]:.0f} in {len(rates)} rounds),"
            f" {_median(measured).cpu:.3f} ms of server CPU a login"
        )
    print(f"crypto    {_median(loops).wall:7.3f} ms a login in a tight loop")
    mocked, floor = costs["mock"], costs["floor"]
    _print_ratio("CPU", [f.cpu / m.cpu for m, f in zip(mocked, floor, strict=True)])
    _print_ratio("wall", [f.wall / m.wall for m, f in zip(mocked, floor, strict=True)])
    added = [Cost(b.wall + c.wall, b.cpu + c.cpu) for b, c in zip(costs["bare app"], loops, strict=True)]
    against_loop = median(a.cpu / m.cpu for m, a in zip(mocked, added, strict=True))
    print(f"          {against_loop:7.1%} CPU against the bare app and the tight loop")


def _print_ratio(name: str, ratios: list[float]) -> None:
    middle = median(ratios)
    verdict = "reached" if middle >= _AIM else "missed"
    print(
        f"ratio     {middle:7.1%} {name} ({min(ratios):.0%} to {max(ratios):.0%}), aim {_AIM:.0%}: {verdict}"
    )


async def _compare_crypto(key: str, seconds: float, connections: int) -> None:
    print(
        f"{'decryption':14} {'clients':>7} {'logins/s':>9} {'CPU ms':>7} {'health p50 ms':>14} {'p99 ms':>7}"
    )
    with ExitStack() as stack:
        servers = {
            name: await _start_mock(stack, module, key)
            for name, module in (("in event loop", "ksef_mock.cli"), ("in threads", "bench._threaded"))
        }
        for clients in (1, connections):
            costs: dict[str, list[Cost]] = {name: [] for name in servers}
            latencies: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(max(2, round(seconds / 8))):
                for name, (server, client) in servers.items():
                    probe = subprocess.Popen(
                        [sys.executable, "-m", "bench._probe", server.url, "2.0"], stdout=subprocess.PIPE
                    )
                    costs[name].append(await _measure(server, client.log_in, clients, 2.0))
                    latencies[name] += json.loads(probe.communicate()[0])
            for name in servers:
                cost, percentiles = _median(costs[name]), quantiles(latencies[name], n=100)
                print(
                    f"{name:14} {clients:7} {clients_rate(cost):9.0f} {cost.cpu:7.3f}"
                    f" {percentiles[49]:14.2f} {percentiles[98]:7.2f}"
                )
    print(f"hop to a thread and back: {await _hop():.3f} ms")


def clients_rate(cost: Cost) -> float:
    """Logins a second at this cost."""
    return 1_000 / cost.wall


async def _hop() -> float:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for _ in range(2_000):
        await loop.run_in_executor(None, int)
    return (time.perf_counter() - started) / 2_000 * 1_000


async def _start_mock(stack: ExitStack, module: str, key: str) -> tuple[ServerProcess, Client]:
    arguments = ("-m", module, "serve", "--port", "0", "--token-key", key, "--nip", NIP)
    server = stack.enter_context(ServerProcess(*arguments))
    server.line()  # the NIP
    token = server.line().split()[-1]
    return server, await Client.of(server.url, NIP, token)


def start_bare(stack: ExitStack, transcript: Transcript, crypto: str | None) -> ServerProcess:
    orders = {"bodies": [answer.decode() for answer in transcript.answers], "crypto": crypto}
    return stack.enter_context(ServerProcess("-m", "bench._bare", stdin=json.dumps(orders).encode()))


async def _measure(
    server: ServerProcess, once: Callable[[Connection], Any], connections: int, seconds: float
) -> Cost:
    used = server.cpu_seconds()
    done, took = await hammer(server.url, once, connections=connections, seconds=seconds)
    return Cost(took / done * 1_000, (server.cpu_seconds() - used) / done * 1_000)


def _time(once: Callable[[], None], seconds: float) -> Cost:
    started, used, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < seconds:
        for _ in range(10):
            once()
        done += 10
    return Cost((time.perf_counter() - started) / done * 1_000, (time.process_time() - used) / done * 1_000)


def _median(costs: list[Cost]) -> Cost:
    return Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))


if __name__ == "__main__":
    main()
