"""A package of invoices that KSeF has exported: fetched part by part, decrypted, verified, unpacked.

All of it lies in a temporary file, so that packages may be larger than memory. What comes out of the archive
is bounded by what KSeF promises of it: nothing else is taken for a package.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from ksef_client_min.errors import KsefProtocolError
from ksef_client_min.invoice_cipher import SessionKey
from ksef_client_min.models import ExportPart, InvoicePackageInfo

METADATA = "_metadata.json"

#: Of the dates of one export; KSeF allows 100 days.
_LONGEST_RANGE = timedelta(days=99)

#: Octets of a file in a package that is read; an invoice has 3 MB at most, the metadata of 10,000 a few more.
_LARGEST_FILE = 100_000_000


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was ordered, and what its package is encrypted with."""

    reference_number: str
    key: SessionKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExportedInvoice:
    """An invoice of a package."""

    ksef_number: str
    #: As POST /invoices/query/metadata tells them, by their names there.
    metadata: dict[str, Any]
    #: XML, as it was sent; None where only the metadata were ordered.
    document: bytes | None


class ExportedPackage:
    """An exported package. Close it afterwards, or use it in a `with`."""

    def __init__(self, info: InvoicePackageInfo) -> None:
        """
        Raises:
            OSError: a temporary file cannot be made.
        """
        #: What the status says of it.
        self.info = info
        self._archive: IO[bytes] = tempfile.TemporaryFile(prefix="ksef-")  # noqa: SIM115 - closed by close()
        self._metadata: list[dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file."""
        self._archive.close()

    @property
    def is_truncated(self) -> bool:
        """Whether not all invoices had room."""
        return self.info.is_truncated

    def receiving(self, part: ExportPart, key: SessionKey) -> PartReceiver:
        """What takes the ciphertext of a part, from its beginning; of a part that broke off, a new one."""
        start = sum(each.part_size for each in self.info.parts if each.ordinal_number < part.ordinal_number)
        return PartReceiver(part, key, self._archive, start)

    @property
    def metadata(self) -> list[dict[str, Any]]:
        """The metadata of its invoices, in their order.

        Raises:
            KsefProtocolError: the package is none.
        """
        if self._metadata is None:
            self._metadata = []
            for name, octets in self._files():
                if name == METADATA:
                    self._metadata = _invoices(octets)
        return self._metadata

    def invoices(self) -> Iterator[ExportedInvoice]:
        """Its invoices, one after the other, in no particular order.

        Raises:
            KsefProtocolError: the package is none, or a document is not the one that the metadata tell of.
        """
        told = {each["ksefNumber"]: each for each in self.metadata}
        for name, octets in self._files():
            if name == METADATA:
                continue
            number = name.removesuffix(".xml")
            metadata = told.pop(number, None)
            if metadata is None or name == number:
                raise KsefProtocolError(f"the package has a file {name!r} that its metadata do not name")
            digest = base64.b64encode(hashlib.sha256(octets).digest()).decode()
            if metadata.get("invoiceHash") != digest:
                raise KsefProtocolError(f"the hash of {name!r} is not the one in its metadata")
            yield ExportedInvoice(number, metadata, octets)
        for number, metadata in told.items():
            yield ExportedInvoice(number, metadata, None)

    def extract(self, folder: Path) -> list[Path]:
        """Write its documents and `_metadata.json` into a folder, which is made; the paths of the documents.

        Raises:
            KsefProtocolError: as `invoices`.
            OSError: a file cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for invoice in self.invoices():
            if invoice.document is not None:
                written.append(folder / f"{invoice.ksef_number}.xml")
                written[-1].write_bytes(invoice.document)
        told = json.dumps({"invoices": self.metadata}, indent=2, ensure_ascii=False)
        (folder / METADATA).write_text(f"{told}\n", "utf-8")
        return written

    def _files(self) -> Iterator[tuple[str, bytes]]:
        if not self.info.parts:
            return
        # Imported here: most clients open no archive.
        import tarfile
        import zipfile
        import zlib

        self._archive.seek(0)
        try:
            if self.info.compression_type == "TarGz":
                yield from _of_tar(self._archive)
            else:
                yield from _of_zip(self._archive)
        except (
            zipfile.BadZipFile,
            tarfile.TarError,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
        ) as error:
            raise KsefProtocolError(f"the package is no {self.info.compression_type}: {error}") from None


class PartReceiver:
    """Takes the ciphertext of one part as it comes: decrypts, hashes, writes."""

    def __init__(self, part: ExportPart, key: SessionKey, target: IO[bytes], start: int) -> None:
        self._part = part
        self._target = target
        self._sealed, self._plain = hashlib.sha256(), hashlib.sha256()
        self._sealed_size = self._size = 0
        self._decryptor = Cipher(algorithms.AES(key.key), modes.CBC(key.iv)).decryptor()
        self._unpadder = PKCS7(128).unpadder()
        target.seek(start)

    def add(self, octets: bytes) -> None:
        """
        Raises:
            KsefProtocolError: the part is larger than was said.
        """
        self._sealed_size += len(octets)
        if self._sealed_size > self._part.encrypted_part_size:
            raise KsefProtocolError(f"{self._name} is larger than {self._part.encrypted_part_size} octets")
        self._sealed.update(octets)
        self._put(self._unpadder.update(self._decryptor.update(octets)))

    def finish(self) -> None:
        """
        Raises:
            KsefProtocolError: size or hash, encrypted or not, is another than was said; or padding is wrong.
        """
        part = self._part
        self._require("encrypted size", self._sealed_size, part.encrypted_part_size)
        self._require("encrypted hash", self._sealed.digest(), part.encrypted_part_hash)
        try:
            self._put(self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize())
        except ValueError:
            raise KsefProtocolError(f"{self._name} cannot be decrypted with the key of the order") from None
        self._require("size", self._size, part.part_size)
        self._require("hash", self._plain.digest(), part.part_hash)

    @property
    def _name(self) -> str:
        return f"part {self._part.ordinal_number}"

    def _put(self, octets: bytes) -> None:
        self._size += len(octets)
        self._plain.update(octets)
        self._target.write(octets)

    def _require(self, what: str, received: object, expected: object) -> None:
        if received != expected:
            raise KsefProtocolError(f"the {what} of {self._name} is another than the status says")


def _of_zip(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    import zipfile

    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            _require_plain(entry.filename, entry.file_size)
            yield entry.filename, archive.read(entry)


def _of_tar(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    import tarfile

    with tarfile.open(fileobj=file, mode="r:gz") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            if content is None:
                raise KsefProtocolError(f"the package has {entry.name!r}, which is no file")
            _require_plain(entry.name, entry.size)
            yield entry.name, content.read()


def _require_plain(name: str, size: int) -> None:
    """
    Raises:
        KsefProtocolError: the name leads elsewhere, or the file is too large.
    """
    if not name or name in (".", "..") or any(sign in name for sign in "/\\:\0"):
        raise KsefProtocolError(f"the package has a file {name!r}, which is no plain name")
    if size > _LARGEST_FILE:
        raise KsefProtocolError(f"the package has a file of {size} octets")


def _invoices(octets: bytes) -> list[dict[str, Any]]:
    try:
        said = msgspec.json.decode(octets, type=dict[str, list[dict[str, Any]]])
        found = said["invoices"]
        if all(isinstance(each.get("ksefNumber"), str) for each in found):
            return found
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        pass
    raise KsefProtocolError(f"{METADATA} is not what is documented")


# -- from package to package ------------------------------------------------------------------------------


class Checkpoint(msgspec.Struct, frozen=True, rename="camel"):
    """Up to where somebody has the invoices of a context, in one part that it plays; to be kept as JSON."""

    #: ISO 8601, as KSeF writes it: its digits are finer than a datetime's.
    since: str
    #: KSeF numbers of what was taken at that very moment, and comes again.
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retrieved:
    """One package of an incremental retrieval. Use it in a `with`, which closes the package."""

    package: ExportedPackage
    #: From here the next one goes on; to be kept once these invoices are.
    checkpoint: Checkpoint
    #: Whether there is more at once.
    has_more: bool
    #: What was retrieved before.
    known: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.package.close()

    def invoices(self) -> Iterator[ExportedInvoice]:
        """The invoices that were not retrieved before."""
        return (each for each in self.package.invoices() if each.ksef_number not in self.known)


def window_end(since: str) -> str | None:
    """The end of the longest range that begins there; None if the present is in it."""
    end = datetime.fromisoformat(since) + _LONGEST_RANGE
    return end.isoformat() if end < datetime.now(UTC) else None


def retrieved(package: ExportedPackage, checkpoint: Checkpoint, until: str | None) -> Retrieved:
    """What has been got with a package of the invoices from a checkpoint on, and where the next begins.

    Args:
        until: the end of its range; None: the present.

    Raises:
        KsefProtocolError: the package does not say where to go on, or leads nowhere.
    """
    info, known = package.info, frozenset(checkpoint.seen)
    since = info.last_permanent_storage_date if info.is_truncated else info.permanent_storage_hwm_date
    if since is None:
        raise KsefProtocolError("the package does not say where the next one goes on")
    try:
        moment = datetime.fromisoformat(since)
        at_the_end = {
            each["ksefNumber"]
            for each in package.metadata
            if datetime.fromisoformat(each["permanentStorageDate"]) >= moment
        }
    except (KeyError, TypeError, ValueError):
        raise KsefProtocolError("the package has a date that is none") from None
    if since == checkpoint.since:
        at_the_end |= known
    following = Checkpoint(since, tuple(sorted(at_the_end)))
    if info.is_truncated and following == checkpoint:
        raise KsefProtocolError("more invoices were stored at one moment than a package holds")
    # A window that ended before the present goes on at its end.
    has_more = info.is_truncated or (until is not None and moment >= datetime.fromisoformat(until))
    return Retrieved(package, following, has_more, known)
