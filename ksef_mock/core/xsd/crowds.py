"""What keeps a document that is faulty in thousands of places from taking seconds.

With each fault lxml asks libxml2 for the path of the element, which counts the siblings before it: 10,000
faulty lines cost 10^8 steps. So where an element has that many alike children, some are looked at first.
If there is anything wrong with those, the faults are counted in a way that knows no paths, and the document
is judged up to where there are enough of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain, islice
from typing import Any

from lxml import etree

#: So many children of one element are a crowd.
_CROWD = 1_000
#: Octets of a document in which it costs less to count tags than to look at the tree.
_SMALL = 65_536
#: So many of them are looked at. Whoever has 1 faulty line in 32 gets away with it once in three times, for
#: 1/32 of the cost.
_SAMPLE = 32
#: Children at either end of a crowd that are looked at for others among them: more than any schema allows.
_EDGE = 128
#: Octets that are fed at once.
_PIECE = 16_384

_BEYOND = etree.XPath(f"/descendant-or-self::*/*[{_CROWD + 1}]")


def may_have_crowds(octets: bytes) -> bool:
    """Whether a document parsed from these octets may have a crowd in it: cheap, never a false no."""
    return len(octets) > _SMALL or octets.count(b"<") > _CROWD


def without_crowds(element: etree._Element) -> etree._Element | None:
    """A copy with some children only of each crowd, chosen at random; None if there are no crowds."""
    beyond: Any = _BEYOND(element)
    around = {ancestor for child in beyond for ancestor in child.iterancestors()}
    return _thinned(element, around) if element in around else None


def _thinned(element: etree._Element, around: set[etree._Element]) -> etree._Element:
    namespaces: Any = element.nsmap
    copy = etree.Element(element.tag, {str(k): str(v) for k, v in element.attrib.items()}, nsmap=namespaces)
    copy.text = element.text
    for child in _some_children(element, around):
        if isinstance(child.tag, str):
            copy.append(_thinned(child, around) if child in around else deepcopy(child))
    return copy


def _some_children(element: etree._Element, around: set[etree._Element]) -> Iterable[etree._Element]:
    """All children of an element, or those that stand out of the crowd and some that do not."""
    count = len(element)
    if count <= _CROWD:
        return element
    sample = [element[place] for place in sorted(random.sample(range(_EDGE, count - _EDGE), _SAMPLE))]
    alike = {child.tag for child in sample}

    def others(edge: list[etree._Element]) -> list[etree._Element]:
        return [child for child in edge if child.tag not in alike or child in around]

    children: Any = element  # the stubs do not know slices
    return chain(others(children[:_EDGE]), sample, others(children[-_EDGE:]))


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
