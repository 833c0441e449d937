"""The files of a package, ZIP or TarGz, one after the other; never more of one in memory than an invoice has.

A package comes from a stranger. So nothing in it is written anywhere, no name of it is used as a path, what
unpacks to more than `LARGEST_RATIO` times its size is not unpacked, and what is no file (a folder, a link) or
cannot be unpacked alone is told apart from the others and spoils none of them.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Protocol, TypeAlias

#: Octets read at once.
_PIECE = 64 * 1024
#: No package unpacks to more than so many times its own size, unless it is small.
LARGEST_RATIO = 200
_ALWAYS_ALLOWED = 1_000_000_000
#: Octets of a ZIP's directory for each file that the package may have: names are short.
_DIRECTORY_ENTRY = 1_024
_LONGEST_NAME = 128  # OpenAPI: invoiceFileName
#: Octets of a record that gives a file of a TAR a longer name, and of how long a line of it
#: says it is, with the blank behind.
_LONGEST_RECORD = 64 * 1024
_LONGEST_LENGTH = 6

_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")


class BadArchive(Exception):
    """The package cannot be unpacked; the message says why, in English."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the package."""

    #: As it may be shown.
    name: str
    #: The first octets, at most as many as were asked for.
    octets: bytes
    size: int
    #: SHA-256 of all.
    digest: bytes
    #: Why this is no invoice, whatever is in it, in English; empty if it may be one.
    fault: str = ""


#: Whether the entry at a place, from 1 on, is to be read.
Wanted: TypeAlias = Callable[[int], bool]


class Archive(Protocol):
    """An opened package."""

    @property
    def count(self) -> int:
        """Files, folders and whatever else is in it.

        Raises:
            BadArchive: it is damaged, or unpacks to too much.
        """

    def entries(self, wanted: Wanted, most: int) -> Iterator[tuple[int, Entry]]:
        """The entries that are wanted with their places, in order, with at most `most` octets of each.

        Raises:
            BadArchive: it is damaged.
        """


def open_archive(file: IO[bytes], *, is_tar: bool, most_files: int) -> Archive:
    """The package in a file. Of one with more than `most_files` files only their number may be known.

    Raises:
        BadArchive: it is no ZIP, or unpacks to too much.
    """
    if is_tar:
        return _TarGz(file)
    return _Zip(file, most_files)


def _budget(file: IO[bytes]) -> int:
    return max(_ALWAYS_ALLOWED, LARGEST_RATIO * file.seek(0, 2))


def _bomb(file: IO[bytes]) -> BadArchive:
    return BadArchive(f"the package of {file.seek(0, 2)} octets unpacks to more than {_budget(file)}")


def _taken(name: str, pieces: Iterator[bytes], most: int) -> Entry:
    """A file whose octets are read to the end, at most `most` of them kept."""
    octets = next(pieces, b"")
    digest, size = hashlib.sha256(octets), len(octets)
    if size > most:
        octets = octets[:most]
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        octets += piece[: most - len(octets)]
    return Entry(name, octets, size, digest.digest())


def _nothing(name: str, fault: str) -> Entry:
    return Entry(name, b"", 0, hashlib.sha256().digest(), fault)


def _shown(name: str) -> str:
    text = name.encode("utf-8", "replace").decode()[:_LONGEST_NAME]
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


# -- ZIP ----------------------------------------------------------------------------------------------------

#: What reading one file of a ZIP can fail by, though the others may be right.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)


class _Zip:
    def __init__(self, file: IO[bytes], most_files: int) -> None:
        self.count, directory = _announced(file)
        self._file = file
        self._files: list[zipfile.ZipInfo] = []
        if self.count > most_files:
            return  # that many are too many; how they look does not matter any more
        if directory > (most_files + 1) * _DIRECTORY_ENTRY:
            raise BadArchive(f"the directory of the ZIP has {directory} octets")
        try:
            self._files = zipfile.ZipFile(file).infolist()
        except (*_DAMAGE, NotImplementedError, struct.error) as error:
            raise BadArchive(f"no ZIP: {error}") from None
        self.count = len(self._files)
        if sum(info.file_size for info in self._files) > _budget(file):
            raise _bomb(file)

    def entries(self, wanted: Wanted, most: int) -> Iterator[tuple[int, Entry]]:
        for place, info in enumerate(self._files, 1):
            if wanted(place):
                yield place, self._entry(info, most)

    def _entry(self, info: zipfile.ZipInfo, most: int) -> Entry:
        name = _shown(info.filename)
        mode = info.external_attr >> 16
        if info.filename.endswith("/") or stat.S_ISDIR(mode):
            return _nothing(name, "a folder is no invoice")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return _nothing(name, "a link or device is no invoice")
        if info.flag_bits & 1:
            return _nothing(name, "the file is encrypted within the ZIP, by a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return _nothing(name, f"compression method {info.compress_type} of ZIP is not read, only deflate")
        try:
            return _taken(name, _unzipped(self._file, info), most)
        except _DAMAGE as error:
            return _nothing(name, f"the file cannot be unpacked: {error}")


def _unzipped(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The octets of a stored or deflated file. `zipfile` takes three times as long for a small one.

    Raises:
        BadZipFile, zlib.error, OSError: it is damaged, or has more octets than the directory says.
    """
    file.seek(info.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) != _LOCAL.size or header[:4] != b"PK\3\4":
        raise zipfile.BadZipFile("it is not where the directory says")
    *_, name, extra = _LOCAL.unpack(header)
    file.seek(name + extra, 1)
    stored = _pieces_at(file, file.tell(), info.compress_size)
    pieces = stored if info.compress_type == zipfile.ZIP_STORED else _inflated(stored)
    checksum, size = 0, 0
    for piece in pieces:
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
        if size > info.file_size:
            raise zipfile.BadZipFile("it unpacks to more than the directory says")
        yield piece
    if size != info.file_size or checksum != info.CRC:
        raise zipfile.BadZipFile("its size or checksum is not what the directory says")


def _pieces_at(file: IO[bytes], place: int, left: int) -> Iterator[bytes]:
    while left:
        file.seek(place)  # between pieces others may read
        piece = file.read(min(_PIECE, left))
        if not piece:
            raise zipfile.BadZipFile("the package ends in the middle of it")
        place, left = place + len(piece), left - len(piece)
        yield piece


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in pieces:
        while piece:
            if octets := inflater.decompress(piece, _PIECE):
                yield octets
            piece = inflater.unconsumed_tail
    if octets := inflater.flush():
        yield octets
    if not inflater.eof:
        raise zipfile.BadZipFile("its compressed octets end too early")


def _announced(file: IO[bytes]) -> tuple[int, int]:
    """Number of files and octets of the directory, as the end of the ZIP says; nothing else is read.

    Raises:
        BadArchive: it has no such end.
    """
    size = file.seek(0, 2)
    start = max(0, size - _END.size - 65_535)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + _END.size:
        raise BadArchive("no ZIP: it has no directory at its end")
    _, _, _, _, files, directory, _, _ = _END.unpack_from(tail, place)
    if files != 0xFFFF and directory != 0xFFFFFFFF:
        return files, directory
    locator = start + place - _END64_LOCATOR.size
    if locator < 0:
        return files, directory
    file.seek(locator)
    magic, _, offset, _ = _END64_LOCATOR.unpack(file.read(_END64_LOCATOR.size))
    if magic != b"PK\6\7" or offset + _END64.size > size:
        return files, directory
    file.seek(offset)
    found = _END64.unpack(file.read(_END64.size))
    if found[0] != b"PK\6\6":
        raise BadArchive("no ZIP: its 64-bit directory is not where it should be")
    return found[7], found[8]


# -- TarGz --------------------------------------------------------------------------------------------------

_BLOCK = tarfile.BLOCKSIZE
#: Of a header: name, size, checksum, type, prefix of the name (POSIX.1-1988, ustar).
_HEADER = struct.Struct("100s24x12s12x8sc188x155s12x")
#: How names are read: any octets.
_NAMES = ("utf-8", "surrogateescape")
#: Records that say something of the file after them.
_LONG_NAME, _PAX, _PAX_GLOBAL, _LONG_LINK = b"L", b"x", b"g", b"K"


class _TarGz:
    """A stream: who wants to know how many files there are has to unpack it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    @cached_property
    def count(self) -> int:
        return sum(1 for _ in self._walk())

    def entries(self, wanted: Wanted, most: int) -> Iterator[tuple[int, Entry]]:
        for place, (name, fault, content) in enumerate(self._walk(), 1):
            if wanted(place):
                yield place, _nothing(name, fault) if fault else _taken(name, content.pieces(), most)

    def _walk(self) -> Iterator[tuple[str, str, _Content]]:
        self._file.seek(0)
        try:
            with gzip.GzipFile(fileobj=self._file, mode="rb") as stream:
                yield from _walk(_Bounded(stream, self._file))
        except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
            raise BadArchive(f"no TarGz: {error}") from None


class _Bounded:
    """Reads a stream, as far as a package may unpack."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, file: IO[bytes]) -> None:
        self._stream = stream
        self._file = file
        place = file.tell()
        self._left = _budget(file)
        file.seek(place)

    def read(self, size: int) -> bytes:
        octets = self._stream.read(size)
        self._left -= len(octets)
        if self._left < 0:
            raise _bomb(self._file)
        return octets

    def exactly(self, size: int) -> bytes:
        octets = self.read(size)
        if len(octets) != size:
            raise BadArchive("the TAR ends in the middle of a file")
        return octets


def _walk(stream: _Bounded) -> Iterator[tuple[str, str, _Content]]:
    """Name, fault and octets of each file; what is not read of them is skipped."""
    name: str | None = None
    size: int | None = None
    while True:
        header = stream.read(_BLOCK)
        if not header or header == bytes(_BLOCK):
            break
        info = _plain(header) or tarfile.TarInfo.frombuf(header, *_NAMES)
        if info.type in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
            if not 0 <= info.size <= _LONGEST_RECORD:
                raise BadArchive(f"a record of {info.size} octets in the TAR")
            record = stream.exactly(-(-info.size // _BLOCK) * _BLOCK)[: info.size]
            if info.type == _LONG_NAME:
                name = record.rstrip(b"\0").decode("utf-8", "replace")
            elif info.type == _PAX:
                said = _pax(record)
                name, size = said.get("path", name), int(said["size"]) if "size" in said else size
            continue
        length = info.size if size is None else size
        content = _Content(stream, length if length > 0 and info.type not in _EMPTY else 0)
        yield _shown(info.name if name is None else name), _fault(info), content
        content.skip()
        name = size = None
    while stream.read(_PIECE):  # to the checksum of gzip
        pass


def _plain(header: bytes) -> tarfile.TarInfo | None:
    """What the header of an ordinary file says, in a third of the time; None: `tarfile` has to look at it."""
    if len(header) != _BLOCK:
        return None
    name, size, checksum, kind, prefix = _HEADER.unpack(header)
    # The checksum is made as if there were blanks in its place.
    if kind != tarfile.REGTYPE or prefix[0] or _octal(checksum) != sum(header) - sum(checksum) + 8 * 32:
        return None
    length = _octal(size)
    if length is None:
        return None
    info = tarfile.TarInfo(name.partition(b"\0")[0].decode(*_NAMES))
    info.size = length
    return info


def _octal(field: bytes) -> int | None:
    digits = field.rstrip(b" \0")
    return int(digits, 8) if digits.isdigit() and not digits.strip(b"01234567") else None


#: Links, devices and folders have no content, whatever their size says.
_EMPTY = (b"1", b"2", b"3", b"4", b"5", b"6")


def _fault(info: tarfile.TarInfo) -> str:
    if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return ""
    if info.isdir():
        return "a folder is no invoice"
    if info.issym() or info.islnk():
        return "a link is no invoice"
    return f"an entry of type {info.type.decode('ascii', 'replace')!r} is no invoice"


class _Content:
    """The octets of one file, and the rest of its last block."""

    def __init__(self, stream: _Bounded, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % _BLOCK

    def pieces(self) -> Iterator[bytes]:
        while self._left:
            wanted = min(_PIECE, self._left)
            self._left -= wanted
            yield self._stream.exactly(wanted)

    def skip(self) -> None:
        for _ in self.pieces():
            pass
        if self._padding:
            self._stream.exactly(self._padding)


def _pax(record: bytes) -> dict[str, str]:
    """The members of an extended header: `LENGTH NAME=VALUE` lines (POSIX.1-2001, pax)."""
    said, begin = {}, 0
    while begin < len(record):
        length, blank, _ = record[begin : begin + _LONGEST_LENGTH].partition(b" ")
        end = begin + int(length) if blank and length.isdigit() else 0
        if not begin + len(length) + 1 < end <= len(record):
            raise BadArchive("an extended header of the TAR cannot be read")
        name, _, value = record[begin + len(length) + 1 : end].rstrip(b"\n").partition(b"=")
        said[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        begin = end
    if not re.fullmatch("[0-9]{1,20}", said.get("size", "0")):
        raise BadArchive("an extended header of the TAR cannot be read")
    return said
