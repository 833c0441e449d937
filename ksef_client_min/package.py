"""A package of invoices for a batch session: packed, cut into parts, each of them encrypted.

All of it lies in temporary files, so that packages may be larger than memory.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Literal, Self, TypeAlias

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from ksef_client_min.invoice_cipher import SessionKey

Compression: TypeAlias = Literal["Zip", "TarGz"]

#: Octets of a part before it is encrypted, at most.
LARGEST_PART = 100_000_000
_PIECE = 1_048_576


@dataclass(frozen=True, slots=True)
class PackagePart:
    """A part of a package, encrypted."""

    ordinal_number: int
    size: int
    #: SHA-256.
    digest: bytes
    #: Where it begins in the file of all parts.
    start: int


class Package:
    """Invoices, ready to be sent. Close it afterwards, or use it in a `with`."""

    def __init__(
        self,
        invoices: Iterable[tuple[str, bytes]],
        *,
        compression: Compression = "Zip",
        part_size: int = LARGEST_PART,
    ) -> None:
        """
        Args:
            invoices: name and XML of each file, taken one after the other.
            part_size: octets of a part before it is encrypted, at most 100,000,000.

        Raises:
            ValueError: `part_size` is less than 1 or more than that.
            OSError: a temporary file cannot be written.
        """
        if not 1 <= part_size <= LARGEST_PART:
            raise ValueError(f"a part has 1 to {LARGEST_PART} octets")
        self.compression: Compression = compression
        self.key = SessionKey.generate()
        self.size = 0
        self.digest = b""
        self.parts: list[PackagePart] = []
        self._sealed: IO[bytes] = tempfile.TemporaryFile(prefix="ksef-")  # noqa: SIM115 - closed by close()
        try:
            with tempfile.TemporaryFile(prefix="ksef-") as packed:
                (_zip if compression == "Zip" else _tar)(invoices, packed)
                packed.seek(0)
                self._cut(packed, part_size)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files."""
        self._sealed.close()

    def octets(self, part: PackagePart) -> bytes:
        """A part, encrypted: what is uploaded."""
        self._sealed.seek(part.start)
        return self._sealed.read(part.size)

    def _cut(self, packed: IO[bytes], part_size: int) -> None:
        digest = hashlib.sha256()
        start = 0
        while piece := packed.read(min(_PIECE, part_size)):
            sealed, size = hashlib.sha256(), 0
            padder = PKCS7(128).padder()
            encryptor = Cipher(algorithms.AES(self.key.key), modes.CBC(self.key.iv)).encryptor()
            left = part_size
            while piece:
                left -= len(piece)
                self.size += len(piece)
                digest.update(piece)
                size += self._put(encryptor.update(padder.update(piece)), sealed)
                piece = packed.read(min(_PIECE, left)) if left else b""
            size += self._put(encryptor.update(padder.finalize()) + encryptor.finalize(), sealed)
            self.parts.append(PackagePart(len(self.parts) + 1, size, sealed.digest(), start))
            start += size
        self.digest = digest.digest()

    def _put(self, octets: bytes, digest: hashlib._Hash) -> int:
        digest.update(octets)
        return self._sealed.write(octets)

    def declared(self) -> dict[str, object]:
        """`batchFile` of the request that opens the session."""
        return {
            "fileSize": self.size,
            "fileHash": base64.b64encode(self.digest).decode(),
            "compressionType": self.compression,
            "fileParts": [
                {
                    "ordinalNumber": part.ordinal_number,
                    "fileSize": part.size,
                    "fileHash": base64.b64encode(part.digest).decode(),
                }
                for part in self.parts
            ],
        }


def _zip(invoices: Iterable[tuple[str, bytes]], file: IO[bytes]) -> None:
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in invoices:
            archive.writestr(name, content)


def _tar(invoices: Iterable[tuple[str, bytes]], file: IO[bytes]) -> None:
    import gzip
    import tarfile

    with (
        gzip.GzipFile(fileobj=file, mode="wb") as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in invoices:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
