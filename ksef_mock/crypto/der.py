"""DER (X.690) where no library reads what is needed: elements in a row, and how one is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NULL, OBJECT_IDENTIFIER, SEQUENCE = 0x05, 0x06, 0x30


class Element(NamedTuple):
    """One element: its tag, its contents, and its octets as they stand."""

    tag: int
    contents: bytes
    octets: bytes


def elements(der: bytes) -> Iterator[Element]:
    """Each element in a row of them.

    Raises:
        ValueError: it is no such row.
    """
    at = 0
    while at < len(der):
        header = der[at : at + 2]
        if len(header) < 2 or header[1] == 0x80:
            raise ValueError("no element in DER")
        tag, length = header
        begin = at + 2
        if length > 0x80:
            begin += length - 0x80
            length = int.from_bytes(der[at + 2 : begin])
        end = begin + length
        if end > len(der):
            raise ValueError("truncated element")
        yield Element(tag, der[begin:end], der[at:end])
        at = end


def tlv(tag: int, contents: bytes) -> bytes:
    """One element."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + contents
