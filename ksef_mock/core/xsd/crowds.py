"""What keeps a document that is faulty in thousands of places from taking seconds.

With each fault lxml asks libxml2 for the path of the element, which counts the siblings before it: 10,000
faulty lines cost 10^8 steps. So where an element has that many alike children, some are looked at first.
If there is anything wrong with those, the faults are counted in a way that knows no paths, and the document
is judged up to where there are enough of them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from copy import deepcopy
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from lxml import etree

#: So many alike children of one element are a crowd.
_CROWD = 1_000
#: So many of them are looked at. Whoever has 1 faulty line in 256 gets away with it once in three times, for
#: 1/256 of the cost.
_SAMPLE = 256
#: Octets that are fed at once.
_PIECE = 16_384

#: Children that are looked at for a sample: more than any schema allows (FaWiersz: 10,000).
_LOOKED_AT = 20_000

_IN_CROWDS = etree.XPath(f"//*[{_CROWD + 1}]/ancestor::*")


def without_crowds(element: etree._Element) -> etree._Element | None:
    """A copy with some children only of each crowd, chosen at random; None if there are no crowds."""
    found: Any = _IN_CROWDS(element)
    around: set[etree._Element] = set(found)
    return _thinned(element, around) if element in around else None


def _thinned(element: etree._Element, around: set[etree._Element]) -> etree._Element:
    namespaces: Any = element.nsmap
    copy = etree.Element(element.tag, {str(k): str(v) for k, v in element.attrib.items()}, nsmap=namespaces)
    copy.text = element.text
    alike: dict[str | Any, list[tuple[int, etree._Element]]] = defaultdict(list)
    for place, child in enumerate(islice(element.iterchildren("*"), _LOOKED_AT)):
        alike[child.tag].append((place, child))
    chosen = (random.sample(some, _SAMPLE) if len(some) > _CROWD else some for some in alike.values())
    for _, child in sorted(chain.from_iterable(chosen), key=itemgetter(0)):
        copy.append(_thinned(child, around) if child in around else deepcopy(child))
    return copy


def beginning(element: etree._Element, schema: etree.XMLSchema, most: int) -> etree._Element:
    """A copy that ends where libxml2 has found `most` things wrong with the document, or the document."""
    octets = etree.tostring(element)
    parser = etree.XMLPullParser((), schema=schema)
    for end in range(_PIECE, len(octets) + _PIECE, _PIECE):
        try:
            parser.feed(octets[end - _PIECE : end])
        except etree.XMLSyntaxError:
            break
        if len(parser.feed_error_log) >= most:
            return _cut(element, _started(octets[:end]))
    return element


def _started(octets: bytes) -> int:
    """How many elements have begun."""
    parser = etree.XMLPullParser(("start",))
    parser.feed(octets)
    return sum(1 for _ in parser.read_events())


def _cut(element: etree._Element, count: int) -> etree._Element:
    """A copy with its first `count` elements, in the order of the document."""
    root = deepcopy(element)
    node = next(islice(root.iter("*"), count - 1, None), None)
    if node is None:
        return root
    del node[:]
    while (parent := node.getparent()) is not None:
        del parent[parent.index(node) + 1 :]
        node = parent
    return root
