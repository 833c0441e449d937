"""Documents with one thing wrong, made of a good one: the same ones each time."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from lxml import etree

#: Values at the borders of the types of invoices.
VALUES = (
    "", " ", "x", "a  b", "\n1\n", "0", "1", "2", "-1", "3", "20", "21", "300", "1.2", "1.23", "1.234", ".5",
    "1.", "+1", "01", "1e3", "0.123456", "0.1234567", "0.12345678", "0.123456789", "100", "100.000001",
    "9" * 13, "9" * 14, "9" * 15, "9" * 16, "9" * 17, "9" * 19, "9" * 23, "2005-12-31", "2006-01-01",
    "1989-12-31", "1990-01-01", "2016-06-30", "2016-07-01", "2050-01-01", "2050-01-02", "2025-02-30",
    "2025-09-01Z", "2025-08-31T23:59:59Z", "2025-09-01T00:00:00Z", "2025-09-01T01:59:59+02:00",
    "2021-09-30T23:59:59Z", "2021-10-01T00:00:00Z", "2050-01-01T23:59:59Z", "2050-01-02T00:00:00Z",
    "2025-09-01T25:00:00Z", "true", "PL", "XX", "XI", "PLN", "VAT", " VAT ", "KOR", "zw", "np I", "GTU_13",
    "5265877635", "0265877635", "5265877635-12345", "a@b", "x" * 2, "x" * 9, "x" * 10, "x" * 13, "x" * 14,
    "x" * 16, "x" * 17, "x" * 20, "x" * 21, "x" * 32, "x" * 33, "x" * 34, "x" * 35, "x" * 50, "x" * 51,
    "x" * 255, "x" * 256, "x" * 257, "x" * 512, "x" * 513, "x" * 3500, "x" * 3501, "zażółć", "٣",
    "5265877635-20250826-0100001AF629-AF", "http://a.pl/?IPKSeF=123abcdefghij", "123abcdefghij",
)  # fmt: skip


def mutations(document: bytes, values: tuple[str, ...] = VALUES) -> Iterator[bytes]:
    """The document itself, and every one with one element dropped, repeated, moved, renamed, filled …"""
    root = etree.fromstring(document)
    namespace = etree.QName(root).namespace
    yield document
    for place, original in enumerate(root.iter("*")):

        def changed(place: int = place) -> tuple[etree._Element, etree._Element]:
            copied = copy.deepcopy(root)
            return copied, next(e for position, e in enumerate(copied.iter("*")) if position == place)

        if place:
            yield from _moved(changed, f"{{{namespace}}}Other")
        for child in (f"{{{namespace}}}Other", "{urn:other}Other"):
            tree, element = changed()
            element.insert(0 if child.startswith("{urn") else len(element), etree.Element(child))
            yield etree.tostring(tree)
        for attribute in ("other", "{urn:other}other", *original.attrib):
            tree, element = changed()
            element.set(attribute, "other")
            yield etree.tostring(tree)
            if attribute in original.attrib:
                tree, element = changed()
                del element.attrib[attribute]
                yield etree.tostring(tree)
        if len(original):
            tree, element = changed()
            element.text = "text"
            yield etree.tostring(tree)
            tree, element = changed()
            element[:] = []
            yield etree.tostring(tree)
        else:
            for value in values:
                tree, element = changed()
                element.text = value
                yield etree.tostring(tree)


def _moved(changed: object, other: str) -> Iterator[bytes]:
    assert callable(changed)
    tree, element = changed()
    element.getparent().remove(element)
    yield etree.tostring(tree)
    tree, element = changed()
    element.addnext(copy.deepcopy(element))
    yield etree.tostring(tree)
    for tag in (other, etree.QName(element).localname):
        tree, element = changed()
        element.tag = tag
        yield etree.tostring(tree)
    tree, element = changed()
    if element.getnext() is not None:
        element.getnext().addnext(element)
        yield etree.tostring(tree)
