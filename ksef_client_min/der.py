"""DER (X.690) as far as certificates and PKCS#12 files need it: elements inside elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

NULL, SEQUENCE = 0x05, 0x30


class Element(NamedTuple):
    """One element: its tag, what is in it, and its octets as they stand."""

    tag: int
    content: bytes
    octets: bytes

    def members(self) -> list[Element]:
        """
        Raises:
            ValueError: the content is no row of elements.
        """
        members, at = [], 0
        while at < len(self.content):
            members.append(element(self.content[at:]))
            at += len(members[-1].octets)
        return members


def element(octets: bytes) -> Element:
    """The element that the octets begin with.

    Raises:
        ValueError: there is none, or it is not DER: cut short, or of indefinite length.
    """
    if len(octets) < 2 or octets[1] == 0x80:
        raise ValueError("no element in DER")
    size, begin = octets[1], 2
    if size > 0x80:
        begin += size - 0x80
        size = int.from_bytes(octets[2:begin], "big")
    if begin + size > len(octets):
        raise ValueError("an element that is cut short")
    return Element(octets[0], octets[begin : begin + size], octets[: begin + size])


def sequence(members: Iterable[bytes]) -> bytes:
    """The SEQUENCE of these elements."""
    content = b"".join(members)
    size = len(content)
    if size < 0x80:
        return bytes((SEQUENCE, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((SEQUENCE, 0x80 | len(length))) + length + content
