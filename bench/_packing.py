"""What no server of exports can avoid, as a program: it reads invoices from stdin and makes a package.

Input: their number on a line; for each invoice four octets with its length, big-endian, then its octets.
`ready` is printed when all is read; then, for each line that comes, a package is made, a ZIP or a TarGz as it
says, and how long it took is printed, in seconds of wall time and of CPU. Each file is compressed, the
archive hashed, encrypted with AES-256-CBC, hashed again and written to a file.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tarfile
import tempfile
import time
import zipfile
from typing import IO, cast

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class _Sealing(io.RawIOBase):
    """Hashes, encrypts, hashes, writes."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._plain, self._sealed = hashlib.sha256(), hashlib.sha256()
        self._encryptor = Cipher(algorithms.AES(bytes(32)), modes.CBC(bytes(16))).encryptor()

    def writable(self) -> bool:
        return True

    def write(self, octets) -> int:  # type: ignore[no-untyped-def]
        self._plain.update(octets)
        sealed = self._encryptor.update(octets)
        self._sealed.update(sealed)
        self._target.write(sealed)
        return len(octets)


def pack(invoices: list[bytes], compression: str) -> None:
    with tempfile.TemporaryFile() as file:
        buffered = cast("IO[bytes]", io.BufferedWriter(_Sealing(file), 65_536))
        if compression == "Zip":
            with zipfile.ZipFile(buffered, "w", zipfile.ZIP_DEFLATED) as zipped:
                for number, octets in enumerate(invoices):
                    zipped.writestr(f"{number:035}.xml", octets)
        else:
            with (
                gzip.GzipFile("", "wb", fileobj=buffered) as zipped_,
                tarfile.open(fileobj=zipped_, mode="w", format=tarfile.USTAR_FORMAT) as tar,
            ):
                for number, octets in enumerate(invoices):
                    entry = tarfile.TarInfo(f"{number:035}.xml")
                    entry.size = len(octets)
                    tar.addfile(entry, io.BytesIO(octets))
        buffered.flush()


def main() -> None:
    source = sys.stdin.buffer
    (count,) = (int(source.readline()),)
    invoices = [source.read(int.from_bytes(source.read(4), "big")) for _ in range(count)]
    print("ready", flush=True)
    for line in source:
        started, used = time.perf_counter(), sum(os.times()[:2])
        pack(invoices, line.decode().strip())
        print(time.perf_counter() - started, sum(os.times()[:2]) - used, flush=True)


if __name__ == "__main__":
    main()
