"""Exports against the floor: `python -m bench.exports [--invoices N] [--rounds N]`.

Method
- The mock (`ksef-mock serve`) is sent so many invoices of 3 KB. Then, as ZIP and as TarGz by turns, an export
  of all of them is ordered and its status asked for every 20 ms, until it is 200: that is the mock's time.
- The floor (`bench._packing`) is a process of its own that has the same documents in memory and does in a
  straight line what no server can avoid: compress each, SHA-256 of the archive, AES-256-CBC, SHA-256 of the
  ciphertext, into a file. Both in rounds by turns; the result is the median of the rounds' ratios.
- Meanwhile another process asks the mock for `GET /_mock/health`; how long that waits is compared with how
  long it waits of the same mock when it has nothing to do and the floor packs beside it.
- `--large N` then exports N invoices of 909 KB that hardly compress and reads the most memory that the
  process has ever held: what a package of ten times the size adds to it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

import msgspec

from bench._http import Connection, request
from bench._process import ServerProcess, machine
from bench._sending import Sender, document
from bench.invoices import NIP, _start_mock

_AIM, _AIM_OTHERS = 1.5, 2.0
_POLL = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.exports", description="Exports.")
    parser.add_argument("--invoices", type=int, default=10_000, help="in the package (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="of each archive (default 3)")
    parser.add_argument("--large", type=int, default=200, help="invoices of 909 KB (default 200; 0: none)")
    options = parser.parse_args()
    print(machine())
    asyncio.run(_run(options.invoices, options.rounds))
    if options.large:
        asyncio.run(_watch_memory(options.large))


async def _run(invoices: int, rounds: int) -> None:
    with ExitStack() as stack:
        mock, sender = await _start_mock(stack)
        template = document(NIP, 3_000)
        await _fill(mock, sender, template, invoices)
        floor = stack.enter_context(_Floor([template] * invoices))
        print(f"{invoices} invoices of {len(template)} octets")
        for compression in ("Zip", "TarGz"):
            taken: list[float] = []
            least: list[float] = []
            waits: list[float] = []
            quiet: list[float] = []
            for _ in range(rounds):
                least.append(floor.pack(compression))
                taken.append((await _export(mock, sender, compression))[0])
            for _ in range(rounds):
                probe = _probe(mock, median(least))
                floor.pack(compression)
                quiet += json.loads(probe.communicate()[0])
                probe = _probe(mock, median(taken))
                await _export(mock, sender, compression)
                waits += json.loads(probe.communicate()[0])
            ratio = median(mine / floors for mine, floors in zip(taken, least, strict=True))
            p99, p99_quiet = (quantiles(each, n=100)[98] for each in (waits, quiet))
            print(
                f"{compression:6} mock {median(taken):.2f} s, floor {median(least):.2f} s: {ratio:.2f} times"
                f" (aim {_AIM}: {'reached' if ratio <= _AIM else 'missed'}); others' p99 {p99:.1f} ms,"
                f" {p99_quiet:.1f} ms without: {p99 / p99_quiet:.1f} times"
                f" (aim {_AIM_OTHERS}: {'reached' if p99 <= _AIM_OTHERS * p99_quiet else 'missed'})"
            )


async def _watch_memory(invoices: int) -> None:
    with ExitStack() as stack:
        mock, sender = await _start_mock(stack)
        noise = b"<!--" + os.urandom(450_000).hex().encode() + b"-->"
        template, held = document(NIP, 3_000).replace(b"</Faktura>", noise + b"</Faktura>"), []
        for part in (invoices // 10, invoices - invoices // 10):
            await _fill(mock, sender, template, part)
            before = mock.resident()
            _, size = await _export(mock, sender, "TarGz")
            held.append((size, before, mock.most_resident()))
    for size, before, most in held:
        print(f"a package of {size / 1e6:.1f} MB: {before:.0f} MiB before, at most {most:.0f} MiB ever")


async def _fill(mock: ServerProcess, sender: Sender, template: bytes, invoices: int) -> None:
    async def send(count: int) -> None:
        async with await Connection.open(mock.url) as connection:
            for _ in range(count):
                await sender.send(connection, template)

    async with await Connection.open(mock.url) as connection:
        await sender.open(connection)
    async with asyncio.TaskGroup() as group:
        for place in range(4):
            group.create_task(send(invoices // 4 + (place < invoices % 4)))


async def _export(mock: ServerProcess, sender: Sender, compression: str) -> tuple[float, int]:
    """Seconds from the order until it is there, and the octets of the package."""
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    body = {
        "encryption": {
            "encryptedSymmetricKey": sender.wrapped_key,
            "initializationVector": base64.b64encode(sender.iv).decode(),
            "publicKeyId": sender.public_key_id,
        },
        "filters": {
            "subjectType": "Subject1",
            "dateRange": {"dateType": "PermanentStorage", "from": yesterday},
        },
        "compressionType": compression,
    }
    started = time.perf_counter()
    async with await Connection.open(mock.url) as connection:
        ordered = await _json(connection, "POST", "/v2/invoices/exports", sender, msgspec.json.encode(body))
        path = f"/v2/invoices/exports/{ordered['referenceNumber']}"
        while (found := await _json(connection, "GET", path, sender))["status"]["code"] == 100:
            await asyncio.sleep(_POLL)
        taken = time.perf_counter() - started
    package = found["package"]
    if package["invoiceCount"] < 1 or package["isTruncated"]:
        raise RuntimeError(f"not all of them are in it: {found}")
    return taken, package["size"]


async def _json(connection: Connection, method: str, path: str, sender: Sender, body: bytes = b"") -> Any:
    status, answer = await connection.send(request(method, path, body, bearer=sender.access))
    if status not in (200, 201):
        raise RuntimeError(f"{method} {path}: {status} {answer!r}")
    return msgspec.json.decode(answer)


def _probe(server: ServerProcess, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench._probe", server.url, f"{seconds}"], stdout=subprocess.PIPE
    )


class _Floor:
    """The process that packs in a straight line."""

    def __init__(self, invoices: list[bytes]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench._packing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(f"{len(invoices)}\n".encode())
        for octets in invoices:
            self._process.stdin.write(len(octets).to_bytes(4, "big") + octets)
        self._process.stdin.flush()
        self._line()

    def pack(self, compression: str) -> float:
        """Seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{compression}\n".encode())
        self._process.stdin.flush()
        return float(self._line().split()[0])

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode()

    def __enter__(self) -> _Floor:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


if __name__ == "__main__":
    main()
