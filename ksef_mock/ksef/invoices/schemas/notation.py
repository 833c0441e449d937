r"""Schemas in a notation of our own, a line for each element or type, turned into XML Schema.

    namespace urn:x                       of the names without a prefix
    namespace p urn:y                     of those with this one

    element Root                          a global element; what is indented below it is its content
      Name Text                           an element of a type; types of XML Schema begin with xs:
      Amount? xs:decimal minInclusive=0   an element of a nameless type, restricted by facets,
      Kind xs:string : A | B              by enumerated values,
      Country Text nameless               by nothing,
      Code Text fixed=X                   or to one value
      Party                               a nameless type of content, a sequence of what is below it
        @id xs:string                     a required attribute
        (choice)?                         a choice or a sequence in it
          Nip p:Nip
          Other{0,10} Text

    complex Address                       a named type of content
    simple Text xs:token maxLength=256
    simple p:Nip xs:string pattern=[0-9]{10}
    simple Number union                   of the nameless types below it

How often: once, `?` never or once, `*` any number of times, `{least,most}`. Patterns, fixed and enumerated
values take the rest of their line. A line that ends in ` \` goes on in the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from lxml import etree

from ksef_mock.core.xsd.grammar import XS, xs

_LINE = re.compile(
    r"(?P<indent> *)(?P<name>\([a-z]+\)|@?[\w:]+)(?P<occurs>[?*]|\{\d+,\d+\})?(?: (?P<rest>.*))?"
)
_OCCURS = {None: ("1", "1"), "?": ("0", "1"), "*": ("0", "unbounded")}
_GOES_ON = re.compile(r" \\\n *")
_RESTRICTION = re.compile(
    r"(?P<facets>(?: (?!pattern=)\w+=\S+)*)(?: pattern=(?P<pattern>.+)| : (?P<values>.+)| nameless)?"
)


class _Line(msgspec.Struct):
    """One line, and those that are indented below it."""

    name: str
    least: str
    most: str
    rest: str
    below: list[_Line]


def schemas(text: str) -> dict[str, bytes]:
    """The schema documents that a text in the notation stands for, by namespace, the first one's first.

    Each imports the others by their namespaces as addresses.

    Raises:
        ValueError: a line is not in the notation.
    """
    lines = _read(text)
    names = {}
    for line in lines:
        if line.name == "namespace":
            prefix, _, uri = line.rest.rpartition(" ")
            names[prefix] = uri
    documents = {prefix: _document(prefix, names) for prefix in names}
    for line in lines:
        if line.name == "namespace":
            continue
        name, _, rest = line.rest.partition(" ")
        prefix, _, local = name.rpartition(":")
        schema = documents.get(prefix)
        if schema is None:
            raise ValueError(
                f"not understood: {line.name} {line.rest}: no namespace has the prefix {prefix!r}"
            )
        if line.name == "element":
            _content(etree.SubElement(schema, xs("element"), name=local), line.below)
        elif line.name == "complex":
            _content(schema, line.below).set("name", local)
        elif line.name == "simple":
            _simple(schema, rest, line.below).set("name", local)
        else:
            raise ValueError(f"not understood: {line.name} {line.rest}: neither an element nor a type")
    return {names[prefix]: etree.tostring(document) for prefix, document in documents.items()}


def _read(text: str) -> list[_Line]:
    """The lines that are not indented, each with what is below it."""
    top: list[_Line] = []
    levels = [top]
    for written in _GOES_ON.sub(" ", text).splitlines():
        if not written.strip() or written.startswith("#"):
            continue
        match = _LINE.fullmatch(written)
        if match is None or len(match["indent"]) // 2 >= len(levels):
            raise ValueError(f"not understood: {written}")
        occurs = match["occurs"]
        least, most = _OCCURS[occurs] if occurs in _OCCURS else occurs[1:-1].split(",")
        line = _Line(match["name"], least, most, match["rest"] or "", [])
        del levels[len(match["indent"]) // 2 + 1 :]
        levels[-1].append(line)
        levels.append(line.below)
    return top


def _document(prefix: str, names: dict[str, str]) -> etree._Element:
    nsmap: Any = {"xs": XS} | {name or None: uri for name, uri in names.items()}
    schema = etree.Element(
        xs("schema"), {"targetNamespace": names[prefix], "elementFormDefault": "qualified"}, nsmap=nsmap
    )
    for other in names:
        if other != prefix:
            etree.SubElement(schema, xs("import"), namespace=names[other], schemaLocation=names[other])
    return schema


def _content(parent: etree._Element, lines: Iterable[_Line]) -> etree._Element:
    """A type of content below `parent`."""
    complex_type = etree.SubElement(parent, xs("complexType"))
    sequence = etree.SubElement(complex_type, xs("sequence"))
    for line in lines:
        if line.name.startswith("@"):
            _attribute(complex_type, line)
        else:
            _particle(sequence, line)
    return complex_type


def _particle(parent: etree._Element, line: _Line) -> None:
    occurs = {"minOccurs": line.least, "maxOccurs": line.most}
    if line.name.startswith("("):
        group = etree.SubElement(parent, xs(line.name[1:-1]), occurs)
        for below in line.below:
            _particle(group, below)
        return
    element = etree.SubElement(parent, xs("element"), {"name": line.name} | occurs)
    if not line.rest:
        _content(element, line.below)
    elif line.below:
        content = etree.SubElement(etree.SubElement(element, xs("complexType")), xs("simpleContent"))
        extension = etree.SubElement(content, xs("extension"), base=line.rest)
        for below in line.below:
            _attribute(extension, below)
    else:
        _typed(element, line.rest)


def _attribute(parent: etree._Element, line: _Line) -> None:
    _typed(etree.SubElement(parent, xs("attribute"), name=line.name[1:], use="required"), line.rest)


def _typed(node: etree._Element, rest: str) -> None:
    """Give an element or attribute its type: a named one, perhaps with a fixed value, or a nameless one."""
    name, space, restriction = rest.partition(" ")
    if not space or restriction.startswith("fixed="):
        node.set("type", name)
        if restriction:
            node.set("fixed", restriction.removeprefix("fixed="))
    else:
        _simple(node, rest, [])


def _simple(parent: etree._Element, rest: str, members: list[_Line]) -> etree._Element:
    """A simple type below `parent`."""
    simple = etree.SubElement(parent, xs("simpleType"))
    base, _, _ = rest.partition(" ")
    if base == "union":
        union = etree.SubElement(simple, xs("union"))
        for member in members:
            _simple(union, f"{member.name} {member.rest}", [])
        return simple
    match = _RESTRICTION.fullmatch(rest[len(base) :])
    if match is None:
        raise ValueError(f"not understood: {rest}")
    restriction = etree.SubElement(simple, xs("restriction"), base=base)
    for facet in match["facets"].split():
        name, _, value = facet.partition("=")
        etree.SubElement(restriction, xs(name), value=value)
    if match["pattern"]:
        etree.SubElement(restriction, xs("pattern"), value=match["pattern"])
    for value in match["values"].split(" | ") if match["values"] else ():
        etree.SubElement(restriction, xs("enumeration"), value=value)
    return simple
