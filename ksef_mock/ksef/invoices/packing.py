"""A package of an export as a stream: an archive, cut into parts, each encrypted and hashed as it grows.

Nothing here waits or knows a store: octets of invoices go in, ciphertext comes out, and no more than a few
invoices are held at a time, however large the package becomes. To be used in a thread.

Java reads the ZIP as a stream, so each local header tells the sizes; C# reads bare ustar.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tarfile
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Protocol, TypeAlias, cast

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ksef_mock.clock import SECOND, Instant, to_datetime

#: The file beside the invoices, with what the query for metadata answers (OpenAPI: POST /invoices/exports).
METADATA = "_metadata.json"

#: Octets up to which the metadata are kept in memory.
_IN_MEMORY = 1_048_576
#: Octets that zlib may hold back, at most, before it writes what it has compressed.
_HELD_BACK = 65_536


class Compression(StrEnum):
    """OpenAPI: CompressionType."""

    ZIP = "Zip"
    TAR_GZ = "TarGz"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The end of a part: what it was before its encryption."""

    size: int
    #: SHA-256 in Base64.
    hash: str


#: Ciphertext of the part at hand, or its end.
Step: TypeAlias = bytes | Sealed


class Packer:
    """Packs one package."""

    def __init__(
        self,
        compression: Compression,
        key: bytes,
        iv: bytes,
        made_at: Instant,
        *,
        most_octets: int,
        part_size: int,
    ) -> None:
        """
        Args:
            key: AES-256.
            made_at: what the archive says of its files; the same invoices give the same package.
            most_octets: of the archive, its metadata aside.
            part_size: octets of a part before its encryption.
        """
        self._sink = _Sink()
        self._archive: _Archive = _ARCHIVES[compression](self._sink, made_at)
        self._parts = _Parts(key, iv, part_size)
        self._most = most_octets
        self._metadata: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - see `close`
        #: Invoices in the package.
        self.count = 0
        #: Octets of the archive so far; of all of it after `finish`.
        self.size = 0
        #: Whether no further invoice has room.
        self.full = False

    def add(self, invoices: Iterable[tuple[str, bytes | None, bytes]]) -> list[Step]:
        """Pack invoices as far as there is room.

        Args:
            invoices: name and octets of the file (None: there is none, or none is wanted), metadata as JSON.
        """
        for name, octets, metadata in invoices:
            if octets is not None:
                # As many octets as before compression: it never takes more than there is room for.
                self.full = self.count > 0 and self._sink.place + len(octets) + _HELD_BACK > self._most
                if self.full:
                    break
                self._archive.add(name, io.BytesIO(octets), len(octets))
            self._metadata.write(b"," if self.count else b'{"invoices":[')
            self._metadata.write(metadata)
            self.count += 1
        return list(self._cut())

    def finish(self) -> Iterator[Step]:
        """The rest: the metadata, the ends of the archive and its last part. Nothing if it is empty."""
        if not self.count:
            return
        self._metadata.write(b"]}")
        length = self._metadata.tell()
        self._metadata.seek(0)
        self._archive.add(METADATA, self._metadata, length)
        self._archive.finish()
        yield from self._cut()
        self.size = self._sink.place
        yield from self._parts.seal()

    def close(self) -> None:
        """Let go of a temporary file, and of an archive that was begun and came to nothing."""
        self._metadata.close()
        if not self.size:
            # Else the archives would try to end themselves when they are collected, and complain.
            with contextlib.suppress(OSError, ValueError):
                self._archive.finish()

    def _cut(self) -> Iterator[Step]:
        return self._parts.take(self._sink.drained())


class _Sink(io.RawIOBase):
    """What an archive is written to: it can go back as far as what has not been drained."""

    def __init__(self) -> None:
        self._waiting = io.BytesIO()
        self._drained = 0

    @property
    def place(self) -> int:
        return self._drained + self._waiting.tell()

    def drained(self) -> bytes:
        octets = self._waiting.getvalue()
        self._drained += len(octets)
        self._waiting = io.BytesIO()
        return octets

    def write(self, octets) -> int:  # type: ignore[no-untyped-def]
        return self._waiting.write(octets)

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET
        return self._drained + self._waiting.seek(offset - self._drained)

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True


class _Archive(Protocol):
    def __init__(self, sink: _Sink, made_at: Instant) -> None: ...
    def add(self, name: str, file: IO[bytes], length: int) -> None: ...
    def finish(self) -> None: ...


class _Zip:
    def __init__(self, sink: _Sink, made_at: Instant) -> None:
        # With a sink that can go back to a file's local header, its sizes are written there.
        self._zip = zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED)
        moment = to_datetime(made_at)
        self._date = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)

    def add(self, name: str, file: IO[bytes], length: int) -> None:
        entry = zipfile.ZipInfo(name, self._date)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o100644 << 16
        entry.file_size = length
        with self._zip.open(entry, "w") as target:
            while octets := file.read(_IN_MEMORY):
                target.write(octets)

    def finish(self) -> None:
        self._zip.close()


class _TarGz:
    def __init__(self, sink: _Sink, made_at: Instant) -> None:
        self._moment = made_at // SECOND
        self._gzip = gzip.GzipFile("", "wb", fileobj=cast("IO[bytes]", sink), mtime=self._moment)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def add(self, name: str, file: IO[bytes], length: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime = length, self._moment
        self._tar.addfile(entry, file)

    def finish(self) -> None:
        self._tar.close()
        self._gzip.close()


_ARCHIVES: dict[Compression, type[_Archive]] = {Compression.ZIP: _Zip, Compression.TAR_GZ: _TarGz}


class _Parts:
    """Cuts a stream into parts; each is encrypted by itself, with the same key and IV, and padded."""

    def __init__(self, key: bytes, iv: bytes, size: int) -> None:
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
        self._most = size
        self._begin()

    def take(self, octets: bytes) -> Iterator[Step]:
        rest = memoryview(octets)
        while rest:
            if self._size == self._most:
                yield from self.seal()
            piece = rest[: self._most - self._size]
            rest = rest[len(piece) :]
            self._size += len(piece)
            self._digest.update(piece)
            sealed = self._encryptor.update(self._padder.update(bytes(piece)))
            if sealed:
                yield sealed

    def seal(self) -> Iterator[Step]:
        yield self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()
        yield Sealed(self._size, b64encode(self._digest.digest()).decode())
        self._begin()

    def _begin(self) -> None:
        self._size = 0
        self._digest = hashlib.sha256()
        self._padder = padding.PKCS7(128).padder()
        self._encryptor = self._cipher.encryptor()
