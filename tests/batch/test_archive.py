"""The files of a package: whatever a stranger has packed, in bounded memory, each for itself."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.ksef.batch import archive
from ksef_mock.ksef.batch.archive import BadArchive, Entry, open_archive
from tests.batch.sender import tarred, zipped

FILES = {"faktura_1.xml": b"<a/>" * 100, "sub/faktura_2.xml": os.urandom(5_000), "ą.xml": b""}


def read(package: bytes, *, is_tar: bool, skip: int = 0, most: int = 10_000) -> list[Entry]:
    opened = open_archive(io.BytesIO(package), is_tar=is_tar, most_files=100)
    count = opened.count  # of a TAR it says whether that is whole
    entries = list(opened.entries(lambda place: place > skip, most))
    assert [place for place, _ in entries] == list(range(skip + 1, count + 1))
    return [entry for _, entry in entries]


@pytest.mark.parametrize(
    ("package", "is_tar"),
    [
        (zipped(FILES), False),
        (tarred(FILES), True),
        (tarred(FILES, tarfile.GNU_FORMAT), True),
        (tarred(FILES, tarfile.PAX_FORMAT), True),
    ],
)
def test_files_come_in_their_order(package: bytes, is_tar: bool) -> None:
    entries = read(package, is_tar=is_tar)
    assert [(each.name, each.octets, each.fault) for each in entries] == [
        (name, octets, "") for name, octets in FILES.items()
    ]
    assert [each.digest for each in entries] == [hashlib.sha256(each).digest() for each in FILES.values()]
    assert [each.name for each in read(package, is_tar=is_tar, skip=2)] == ["ą.xml"]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_a_tar_are_read_and_cut(form: int) -> None:
    name = "x" * 300 + ".xml"
    (entry,) = read(tarred({name: b"content"}, form), is_tar=True)
    assert (entry.name, entry.octets) == (name[:128], b"content")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_more_of_a_file_is_kept_than_was_asked_for(pack: object) -> None:
    large = os.urandom(1_000_000)
    package = pack({"large.xml": large, "small.xml": b"small"})  # type: ignore[operator]
    first, second = read(package, is_tar=pack is tarred, most=1_000)
    assert (first.octets, first.size) == (large[:1_000], len(large))
    assert first.digest == hashlib.sha256(large).digest()
    assert second.octets == b"small"


def test_memory_does_not_grow_with_the_files() -> None:
    """10 MB are unpacked; what is read at once is counted."""
    sizes: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            octets = super().read(size)
            sizes.append(len(octets))
            return octets

    files = {f"{number}.xml": os.urandom(2_000_000) for number in range(5)}
    for pack in (zipped, tarred):
        opened = open_archive(Counting(pack(files)), is_tar=pack is tarred, most_files=100)
        for _, entry in opened.entries(lambda _: True, 1_000):
            assert len(entry.octets) == 1_000
    assert max(sizes) <= 256 * 1024


# -- what is no file ----------------------------------------------------------------------------------------


def special_zip() -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as package:
        package.writestr("folder/", b"")
        link = zipfile.ZipInfo("link.xml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(link, "/etc/passwd")
        package.writestr("good.xml", b"good")
        package.writestr("lzma.xml", b"other", zipfile.ZIP_LZMA)
    return octets.getvalue()


def special_tar() -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w") as package:
        for name, kind in (
            ("folder", tarfile.DIRTYPE),
            ("link.xml", tarfile.SYMTYPE),
            ("hard.xml", tarfile.LNKTYPE),
            ("device", tarfile.CHRTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            package.addfile(member)
        good = tarfile.TarInfo("good.xml")
        good.size = 4
        package.addfile(good, io.BytesIO(b"good"))
    return gzip.compress(octets.getvalue())


def test_folders_links_and_devices_are_told_apart() -> None:
    faults = {each.name: each.fault for each in read(special_zip(), is_tar=False)}
    assert faults == {
        "folder/": "a folder is no invoice",
        "link.xml": "a link or device is no invoice",
        "good.xml": "",
        "lzma.xml": "compression method 14 of ZIP is not read, only deflate",
    }
    faults = {each.name: each.fault for each in read(special_tar(), is_tar=True)}
    assert faults == {
        "folder": "a folder is no invoice",
        "link.xml": "a link is no invoice",
        "hard.xml": "a link is no invoice",
        "device": "an entry of type '3' is no invoice",
        "good.xml": "",
    }


def test_a_damaged_file_of_a_zip_spoils_no_other() -> None:
    package = bytearray(zipped({"a.xml": b"a" * 1_000, "b.xml": b"b" * 1_000}))
    package[40] ^= 0xFF  # in the compressed octets of the first
    first, second = read(bytes(package), is_tar=False)
    assert first.fault.startswith("the file cannot be unpacked: ")
    assert (second.fault, second.octets) == ("", b"b" * 1_000)


def test_a_file_with_a_password_is_told_apart() -> None:
    package = bytearray(zipped({"a.xml": b"a"}))
    package[package.index(b"PK\1\2") + 8] |= 1
    package[6] |= 1
    (entry,) = read(bytes(package), is_tar=False)
    assert "password" in entry.fault


def test_names_can_always_be_shown() -> None:
    names = ["line\nfeed.xml", "nul\x00.xml", "../../etc/passwd", "ż\u202e.xml"]
    for package, is_tar in (
        (zipped(dict.fromkeys(names, b"x")), False),
        (tarred(dict.fromkeys(names, b"x"), tarfile.PAX_FORMAT), True),
    ):
        for entry in read(package, is_tar=is_tar):
            entry.name.encode()
            assert entry.name.isprintable()
    octets = bytearray(io.BytesIO(gzip.decompress(tarred({"abc.xml": b"x"}))).getvalue())
    octets[0] = 0xFF  # no UTF-8
    octets[148:156] = b"%06o\0 " % (sum(octets[:148]) + 8 * 32 + sum(octets[156:512]))
    (entry,) = read(gzip.compress(bytes(octets)), is_tar=True)
    assert entry.name.endswith("bc.xml")
    entry.name.encode()


def with_header(record: bytes) -> bytes:
    """A package with an extended header of these lines before its file."""
    whole = gzip.decompress(tarred({"a.xml": b"a"}))
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    return gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512) + whole)


@pytest.mark.parametrize(
    "record",
    [
        b"1111111 path=b\n",
        b"1" * 5_000,
        b"12 size=\xc2\xb2\n",
        b"12 size=1e5\n",
        b"0 a=b\n",
        b"-1 a=b\n",
        b"x",
        b"99 a=b\n",
    ],
)
def test_an_extended_header_that_makes_no_sense_is_damage(record: bytes) -> None:
    with pytest.raises(BadArchive):
        read(with_header(record), is_tar=True)


def test_the_lines_of_an_extended_header_are_read_once_each() -> None:
    names = b"".join(b"11 path=%c\n\n" % letter for letter in b"bcd")
    (entry,) = read(
        with_header(b"4 =\n" * 10_000 + names[:-1].replace(b"11 path=d\n", b"10 path=d\n")), is_tar=True
    )
    assert entry.name == "d"


# -- bombs and damage ---------------------------------------------------------------------------------------


@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_ALWAYS_ALLOWED", 1_000_000)


@pytest.mark.usefixtures("small_budget")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_bomb_is_not_unpacked(pack: object) -> None:
    package = pack({"bomb.xml": bytes(20_000_000)})  # type: ignore[operator]
    with pytest.raises(BadArchive, match="unpacks to more than"):
        read(package, is_tar=pack is tarred)


@pytest.mark.usefixtures("small_budget")
def test_a_bomb_behind_the_end_of_a_tar_is_not_unpacked() -> None:
    package = gzip.compress(gzip.decompress(tarred({"a.xml": b"a"})) + bytes(20_000_000))
    with pytest.raises(BadArchive, match="unpacks to more than"):
        read(package, is_tar=True)


@pytest.mark.usefixtures("small_budget")
def test_a_zip_that_lies_about_its_sizes_unpacks_to_no_more_than_it_says() -> None:
    package = bytearray(zipped({"bomb.xml": bytes(20_000_000)}))
    directory = package.index(b"PK\1\2")
    package[directory + 24 : directory + 28] = struct.pack("<L", 1_000)
    (entry,) = read(bytes(package), is_tar=False)
    assert entry.size == 0
    assert "more than the directory says" in entry.fault


def test_how_many_files_a_zip_has_is_known_before_it_is_read() -> None:
    package = bytearray(zipped({"a.xml": b"a"}))
    end = package.index(b"PK\5\6")
    package[end + 8 : end + 12] = struct.pack("<2H", 60_000, 60_000)
    assert open_archive(io.BytesIO(bytes(package)), is_tar=False, most_files=100).count == 60_000


def test_a_directory_of_many_megabytes_is_not_read() -> None:
    package = bytearray(zipped({"a.xml": b"a"}))
    end = package.index(b"PK\5\6")
    package[end + 12 : end + 16] = struct.pack("<L", 50_000_000)
    with pytest.raises(BadArchive, match="directory"):
        open_archive(io.BytesIO(bytes(package)), is_tar=False, most_files=100)


def test_a_long_record_of_a_tar_is_not_read() -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 2_000_000_000
    package = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(10_000))
    with pytest.raises(BadArchive, match="record"):
        read(package, is_tar=True)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_what_is_cut_off_is_no_package(pack: object) -> None:
    package: bytes = pack(FILES)  # type: ignore[operator]
    for end in (1, 30, len(package) // 2, len(package) - 1):
        with pytest.raises(BadArchive):
            read(package[:end], is_tar=pack is tarred)


def flipped(package: bytes, flips: list[tuple[int, int]]) -> bytes:
    octets = bytearray(package)
    for place, mask in flips:
        octets[place % len(octets)] ^= mask
    return bytes(octets)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=6))
def test_damage_is_told_and_nothing_else_happens(flips: list[tuple[int, int]]) -> None:
    inside = flipped(gzip.decompress(tarred(FILES, tarfile.PAX_FORMAT)), flips)
    for package, is_tar in (
        (flipped(zipped(FILES), flips), False),
        (flipped(tarred(FILES), flips), True),
        (gzip.compress(inside, 1), True),
    ):
        try:
            for entry in read(package, is_tar=is_tar):
                assert len(entry.octets) <= 10_000
                entry.name.encode()
        except BadArchive:
            continue


def test_the_judge_agrees_on_what_is_in_a_package() -> None:
    """zipfile and tarfile, which know of no bounds."""
    files = {f"{number}.xml": os.urandom(number * 37) for number in range(20)}
    opened: IO[bytes] = io.BytesIO(tarred(files))
    with tarfile.open(fileobj=opened) as judge:
        found = {each.name: judge.extractfile(each).read() for each in judge}  # type: ignore[union-attr]
    assert {each.name: each.octets for each in read(tarred(files), is_tar=True)} == found
    assert zlib.crc32(b"".join(found.values())) == zlib.crc32(b"".join(files.values()))


def test_headers_of_a_tar_are_read_as_tarfile_reads_them() -> None:
    def header(name: str = "a.xml", **members: object) -> bytes:
        info = tarfile.TarInfo(name)
        info.size = 3_000
        for member, value in members.items():
            setattr(info, member, value)
        return info.tobuf(tarfile.GNU_FORMAT)

    plain = header("ą.xml")
    signed = bytearray(header("\x80" * 9))
    signed[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(signed))[1]  # type: ignore[attr-defined]
    for octets in (plain, header(size=8**11 - 1), header(name="x" * 100), header(uid=8**7)):
        read, expected = archive._plain(octets), tarfile.TarInfo.frombuf(octets, "utf-8", "surrogateescape")
        assert read is not None
        assert (read.name, read.size, read.type) == (expected.name, expected.size, expected.type)
    for octets in (
        plain[:-1],
        bytes(signed),
        b"b" + plain[1:],
        header(size=8**11),  # in base 256
        header(type=tarfile.DIRTYPE),
        header(type=tarfile.SYMTYPE),
        header(type=tarfile.AREGTYPE),
    ):
        assert archive._plain(octets) is None
