"""A package of 10,000 small invoices, from its close to 200, against the floor: `python -m bench.batch`.

Method
- The mock is a process of its own (`ksef-mock serve`); the client sends the package, closes the session and
  asks for its status each 50 ms. Counted is from the close on: wall clock, and CPU time of the mock.
- The floor is a process of its own, too: it does what nobody can avoid with the same octets, one invoice
  after the other. Parts are hashed and decrypted, the package is hashed and opened, each file is read,
  hashed, parsed, and judged by libxml2 by the schema of FA(3). No state, no checks, no numbers.
- Meanwhile another process asks the mock for `GET /_mock/health`; before that it did so while the mock idled.
- `--memory` sends packages of 1, 4 and 16 parts as large as `--part` says, full of incompressible attachments
  (files that are no invoices), and reads the most memory that the mock and those that verify
  for it have ever held, after each.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from lxml import etree

from bench._process import ServerProcess, machine
from bench._sending import document
from ksef_client_min import KsefClient, Package, Policy
from ksef_client_min.operations import sending
from ksef_client_min.package import Compression
from ksef_mock.ksef.invoices.files import Encrypted, decrypt
from ksef_mock.ksef.invoices.forms import FA3
from ksef_mock.ksef.invoices.schemas import Schemas

NIP = "5265877635"
_AIM, _OTHERS = 1.5, 2.0
_KINDS: tuple[Compression, ...] = ("Zip", "TarGz")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.batch", description="Batch sessions.")
    parser.add_argument("--invoices", type=int, default=10_000, help="of a package (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="packages of each kind (default 3)")
    parser.add_argument("--memory", action="store_true", help="peak memory by size of the package instead")
    parser.add_argument("--part", type=int, default=25, help="MB of a part with --memory (default 25)")
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor is not None:
        _floor(options.floor)
        return
    print(machine())
    if options.memory:
        _memory(options.part)
        return
    for kind in _KINDS:
        _compare(kind, options.invoices, options.rounds)


# -- the floor ----------------------------------------------------------------------------------------------


def _floor(orders: Path) -> None:
    """Do it, and print the seconds that it took: wall clock, CPU."""
    said = json.loads(orders.read_text())
    schema = Schemas().of(FA3)
    assert schema is not None
    compiled = schema._compiled
    parts = [Path(each).read_bytes() for each in said["parts"]]
    key, iv = bytes.fromhex(said["key"]), bytes.fromhex(said["iv"])
    compiled.validate(etree.fromstring(document(NIP, 3_000)))
    wall, cpu = time.perf_counter(), time.process_time()
    package = io.BytesIO()
    for part in parts:
        hashlib.sha256(part).digest()
        package.write(decrypt(Encrypted(ciphertext=part, key=key, iv=iv)))
    hashlib.sha256(package.getbuffer()).digest()
    for octets in (_zipped if said["kind"] == "Zip" else _tarred)(package):
        hashlib.sha256(octets).digest()
        assert compiled.validate(etree.fromstring(octets))
    print(json.dumps((time.perf_counter() - wall, time.process_time() - cpu)))


def _zipped(package: io.BytesIO) -> Iterator[bytes]:
    with zipfile.ZipFile(package) as archive:
        for info in archive.infolist():
            yield archive.read(info)


def _tarred(package: io.BytesIO) -> Iterator[bytes]:
    package.seek(0)
    with gzip.GzipFile(fileobj=package) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            yield file.read()


# -- the comparison -----------------------------------------------------------------------------------------


def _compare(kind: Compression, number: int, rounds: int) -> None:
    template = document(NIP, 3_000)
    walls, cpus, idle, busy = [], [], [], []
    for turn in range(rounds):
        named = (
            (f"{each}.xml", template.replace(b"BENCH/0000000000", b"%06d/%09d" % (turn, each), 1))
            for each in range(number)
        )
        with Package(named, compression=kind) as package, ServerProcess(*_serve()) as mock:
            mock.line()
            with _client(mock) as client:
                session = client.open_batch(package)
                client.upload_parts(session, package)
                idle += _probed(mock.url, 2.0)
                probe = _probe(mock.url, 1.0)
                cpu, began = mock.cpu_seconds(), time.perf_counter()
                client.close_batch(session)
                while client.call(sending.status(session.reference_number)).status.code == 150:
                    time.sleep(0.05)
                wall, cpu = time.perf_counter() - began, mock.cpu_seconds() - cpu
                busy += json.loads(probe.communicate()[0])
                found = client.call(sending.status(session.reference_number))
                assert (found.status.code, found.successful_invoice_count) == (200, number), found
            floor_wall, floor_cpu = _floored(package)
        walls.append((wall, floor_wall))
        cpus.append((cpu, floor_cpu))
    by_wall, by_cpu = (median(mine / floor for mine, floor in each) for each in (walls, cpus))
    ratio = _p99(busy) / _p99(idle)
    print(
        f"{kind}: {number} invoices, from close to 200 in {median(each for each, _ in walls):.2f} s"
        f" ({median(each for each, _ in cpus):.2f} s CPU), floor {median(each for _, each in walls):.2f} s"
        f" ({median(each for _, each in cpus):.2f} s CPU): {by_wall:.2f}x by wall, {by_cpu:.2f}x by CPU;"
        f" aim {_AIM}x by wall: {'reached' if by_wall <= _AIM else 'missed'}"
    )
    print(
        f"  others' p50 and p99: idle {median(idle):.2f} {_p99(idle):.2f} ms, meanwhile {median(busy):.2f}"
        f" {_p99(busy):.2f} ms: {ratio:.1f}x; aim {_OTHERS}x: {'reached' if ratio <= _OTHERS else 'missed'}"
    )


def _serve() -> tuple[str, ...]:
    return ("-m", "ksef_mock.cli", "serve", "--port", "0", "--nip", NIP, "--log-level", "error")


def _client(mock: ServerProcess) -> KsefClient:
    client = KsefClient(mock.url, policy=Policy(processing_deadline=600))
    client.login_with_token(mock.line().split()[-1], nip=NIP)
    return client


def _floored(package: Package) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(part.ordinal_number) for part in package.parts]
        for path, part in zip(paths, package.parts, strict=True):
            path.write_bytes(package.octets(part))
        orders = Path(folder) / "orders.json"
        said: dict[str, Any] = {"kind": package.compression, "parts": [str(path) for path in paths]}
        said |= {"key": package.key.key.hex(), "iv": package.key.iv.hex()}
        orders.write_text(json.dumps(said))
        printed = subprocess.check_output([sys.executable, "-m", "bench.batch", "--floor", str(orders)])
    wall, cpu = json.loads(printed)
    return wall, cpu


def _probe(url: str, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bench._probe", url, f"{seconds}"], stdout=subprocess.PIPE)


def _probed(url: str, seconds: float) -> list[float]:
    found: list[float] = json.loads(_probe(url, seconds).communicate()[0])
    return found


def _p99(latencies: list[float]) -> float:
    return quantiles(latencies, n=100)[98]


# -- memory -------------------------------------------------------------------------------------------------


def _memory(megabytes: int) -> None:
    size = megabytes * 1_000_000
    for kind in _KINDS:
        for parts in (1, 4, 16):
            named = ((f"{each}.xml", os.urandom(900_000)) for each in range(parts * size // 900_000))
            with (
                Package(named, compression=kind, part_size=size) as package,
                ServerProcess(*_serve()) as mock,
            ):
                mock.line()
                with _client(mock) as client:
                    before = mock.most_resident()
                    session = client.send_batch(package)
                    client.await_session(session)
                    print(
                        f"{kind}: a package of {package.size / 1e6:.0f} MB: the mock held at most"
                        f" {mock.most_resident():.0f} MiB, {before:.0f} before",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
