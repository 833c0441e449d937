"""Invoices a second, against the floor: `python -m bench.invoices [--seconds N] [--memory N]`.

Method
- Two servers on the same uvicorn configuration, each a process: the mock (`ksef-mock serve`) and a bare
  Starlette app (`bench._sending`) that does for each send what no server can avoid: it decodes the JSON and
  the Base64, decrypts, hashes ciphertext and document, parses, and has libxml2 judge by the schema of FA(3).
- The load generator, in a process of its own, encrypts for each send a valid invoice with its own number,
  for both servers alike. Sizes: 3, 24, 213 and 909 KB (1, 100, 1,000 and 4,500 lines or so).
- The servers take turns, in rounds of about a second. The result is the median of the rounds; the CPU ratio
  counts the CPU time of the server process alone, the wall ratio is that of throughputs under load.
- What either does above 64 KB it does in a thread. Meanwhile another process asks each server for
  `GET /_mock/health`: how long that waits is the last column.
- Prism, where Node.js, npm and the official document are at hand, is sent the same: what it answers is shown,
  to an invoice that is good and to one that nobody could read. It is not measured, since it does none of it.
- `--memory N` then sends so many invoices of 3 KB and reads the resident memory of the mock after each tenth
  of them. Files lie apart from records (`bulky` tables), so only records count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median, quantiles
from typing import Any

from bench._http import Connection, request
from bench._load import Client, hammer
from bench._process import ServerProcess, machine
from bench._sending import Sender, document
from bench.login import Cost
from tests import openapi
from tests.third_party.prism_server import prism

NIP = "5265877635"
#: KB of an invoice.
SIZES = (3, 24, 213, 909)
_SLICE = 1.0
_AIM = 0.70


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.invoices", description="Invoices a second.")
    parser.add_argument("--seconds", type=float, default=24.0, help="how long to measure (default 24)")
    parser.add_argument("--connections", type=int, default=4, help="clients at once (default 4)")
    parser.add_argument(
        "--memory", type=int, default=100_000, help="invoices of 3 KB (default 100000; 0: none)"
    )
    options = parser.parse_args()
    print(f"{machine()}, {options.connections} connections")
    asyncio.run(_run(options.seconds, options.connections, options.memory))


async def _run(seconds: float, connections: int, invoices: int) -> None:
    with ExitStack() as stack:
        mock, sender = await _start_mock(stack)
        async with await Connection.open(mock.url) as connection:
            await sender.open(connection)
            await sender.send(connection, document(NIP, 3_000))
        floor = stack.enter_context(ServerProcess("-m", "bench._sending", stdin=sender.orders()))
        print(
            f"{'':8} {'mock/s':>8} {'floor/s':>8} {'mock CPU ms':>12} {'floor CPU ms':>13}"
            f" {'CPU':>7} {'wall':>7}  others' p50 and p99 in ms: mock, floor"
        )
        for size in SIZES:
            once = partial(sender.send, template=document(NIP, size * 1_000))
            await _compare(f"{size} KB", mock, floor, sender, once, seconds / len(SIZES), connections)
        await _ask_prism(sender)
        if invoices:
            await _watch_memory(invoices, connections)


async def _start_mock(stack: ExitStack) -> tuple[ServerProcess, Sender]:
    server = stack.enter_context(
        ServerProcess("-m", "ksef_mock.cli", "serve", "--port", "0", "--nip", NIP, "--log-level", "error")
    )
    server.line()  # the NIP
    client = await Client.of(server.url, NIP, server.line().split()[-1])
    return server, await Sender.of(server.url, client)


async def _compare(
    name: str,
    mock: ServerProcess,
    floor: ServerProcess,
    sender: Sender,
    once: Callable[[Connection], Any],
    seconds: float,
    connections: int,
) -> None:
    costs: dict[ServerProcess, list[Cost]] = {mock: [], floor: []}
    waits: dict[ServerProcess, list[float]] = {mock: [], floor: []}
    async with await Connection.open(mock.url) as connection:
        await sender.open(connection)
    for server in costs:
        await hammer(server.url, once, connections=connections, seconds=0.3)  # warm up
    for _ in range(max(3, round(seconds / (2 * _SLICE)))):
        async with await Connection.open(mock.url) as connection:
            await sender.open(connection)
        for server, measured in costs.items():
            probe = subprocess.Popen(
                [sys.executable, "-m", "bench._probe", server.url, f"{_SLICE}"], stdout=subprocess.PIPE
            )
            used = server.cpu_seconds()
            done, took = await hammer(server.url, once, connections=connections, seconds=_SLICE)
            cpu = server.cpu_seconds() - used
            measured.append(Cost(took / done * 1_000, cpu / done * 1_000))
            waits[server] += json.loads(probe.communicate()[0])
    walls, cpus = (
        [[getattr(cost, part) for cost in costs[server]] for server in (mock, floor)]
        for part in ("wall", "cpu")
    )
    ratios = [median(f / m for m, f in zip(*pair, strict=True)) for pair in (cpus, walls)]
    verdict = "reached" if ratios[0] >= _AIM else "missed"
    others = ", ".join(_percentiles(waits[server]) for server in (mock, floor))
    print(
        f"{name:8} {1_000 / median(walls[0]):8.0f} {1_000 / median(walls[1]):8.0f}"
        f" {median(cpus[0]):12.2f} {median(cpus[1]):13.2f} {ratios[0]:7.1%} {ratios[1]:7.1%}"
        f"  {others}; aim {_AIM:.0%}: {verdict}"
    )


async def _ask_prism(sender: Sender) -> None:
    if shutil.which("npm") is None or not openapi.available():
        print("Prism: npm or the official document is not at hand")
        return
    good = document(NIP, 3_000)
    with prism() as other:
        for what, octets in (("a good invoice", good), ("octets that are no invoice", b"nothing")):
            async with await Connection.open(other.url) as connection:
                message = sender.request(octets).replace(b" /v2/", b" /", 1)
                status, answer = await connection.send(message)
                reference = json.loads(answer).get("referenceNumber") if status == 202 else None
                path = f"/sessions/{sender.reference}/invoices/{reference or sender.reference}"
                _, found = await connection.send(request("GET", path, bearer=sender.access))
            shown = json.loads(found)
            print(
                f"Prism, sent {what}: {status}, number {reference}; asked what became of it:"
                f" {shown.get('status', shown)}, hash {shown.get('invoiceHash')}"
            )


def _percentiles(latencies: list[float]) -> str:
    percentiles = quantiles(latencies, n=100)
    return f"{percentiles[49]:.1f} {percentiles[98]:.1f}"


async def _watch_memory(invoices: int, connections: int) -> None:
    with ExitStack() as stack:
        mock, sender = await _start_mock(stack)
        template, part = document(NIP, 3_000), -(-invoices // (10 * connections))
        resident = [mock.resident()]

        async def send() -> None:
            async with await Connection.open(mock.url) as connection:
                for _ in range(part):
                    if sender.needs_session:
                        await sender.open(connection)
                    await sender.send(connection, template)

        for _ in range(10):
            async with asyncio.TaskGroup() as group:
                for _ in range(connections):
                    group.create_task(send())
            resident.append(mock.resident())
        sent = 10 * part * connections
        grown = (resident[-1] - resident[1]) * 1_048_576 / (sent * 0.9)
        print(
            f"memory after each tenth of {sent} invoices, MiB: "
            + " ".join(f"{each:.0f}" for each in resident)
            + f"; {grown:.0f} octets an invoice of {len(template)}"
        )


if __name__ == "__main__":
    main()
