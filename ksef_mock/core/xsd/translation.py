"""libxml2's errors in .NET's sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any

from lxml import etree

from ksef_mock.core.xsd.faults import (
    BLANK_TOKEN,
    CONSTRAINTS,
    NIL,
    Fault,
    Kind,
    dotnet,
    expectation,
    in_namespace,
    missing_attribute,
    no_qname,
    other_than_fixed,
    split,
    undeclared_root,
)
from ksef_mock.core.xsd.grammar import MOMENTS, XS, Element, Grammar, Part, SimpleType, expected_after, xs

XSI = "http://www.w3.org/2001/XMLSchema-instance"
#: Enumerated values that a fault names, at most.
_MOST_VALUES = 10
_STEP = re.compile(r"(?:(?P<prefix>[^:]+):)?(?P<name>[^\[]+)(?:\[(?P<place>\d+)\])?")
_ATTRIBUTE = re.compile(r"Element '[^']*'(?:, attribute|: The attribute) '([^']*)'")


class Translation:
    """libxml2's log of one document, told again as .NET would."""

    def __init__(
        self, grammar: Grammar, root: etree._Element, raw: Mapping[etree._Element, str] | None = None
    ) -> None:
        """`raw`: the texts of those elements that are shorter here than in the document."""
        self._grammar = grammar
        self._root = root
        self._raw = raw or {}

    def faults(self, entries: list[Any]) -> Iterator[Fault]:
        """The entries of libxml2's log in .NET's sentences, in document order."""
        for (path, attribute), group in groupby(entries, key=_place):
            same = list(group)
            yield from self._of(_find(self._root, path), attribute, same)

    def _of(self, node: etree._Element, attribute: str | None, entries: list[Any]) -> Iterator[Fault]:
        codes = {entry.type_name.removeprefix("SCHEMAV_"): entry for entry in entries}
        where = {"path": _path_of(node, self._root), "line": entries[0].line}
        if attribute is not None:
            where["path"] += f"/@{split(attribute)[1]}"
        for code, entry in codes.items():
            if code in _OF_VALUES:
                continue
            tell = _TELLERS.get(code)
            if tell is None:
                yield Fault(kind=Kind.OTHER, message=entry.message, **where)
            else:
                yield tell(self, node, attribute, entry, where)
        if any(code in _OF_VALUES for code in codes):
            fault = self._invalid_value(node, attribute, set(codes), where)
            if fault is not None:
                yield fault

    def blank_tokens(self, leaves: list[etree._Element]) -> list[Fault]:
        """Of these elements with nothing but white space those that .NET refuses for it, unlike libxml2."""
        told = (
            self._invalid_value(
                leaf, None, set(), {"path": _path_of(leaf, self._root), "line": leaf.sourceline}
            )
            for leaf in leaves
            if (declaration := self._declaration(leaf)) is not None
            and self._grammar.simple_type(declaration).builtin == "token"
        )
        return [fault for fault in told if fault is not None]

    # -- content ----------------------------------------------------------------------------------------

    def _undeclared_root(self, node: etree._Element, _: Any, __: Any, where: dict[str, Any]) -> Fault:
        message = undeclared_root(_name(node), self._grammar.namespaces)
        return Fault(kind=Kind.UNDECLARED_ROOT, message=message, **where)

    def _content(self, node: etree._Element, _: Any, entry: Any, where: dict[str, Any]) -> Fault:
        # One code for both: the element in question is the parent where something is missing at its end.
        if "Missing child element" in entry.message:
            names = [_name(child) for child in node.iterchildren("*")]
            listed, expected = self._expected(node, names)
            message = f"The element {in_namespace(_name(node))} has incomplete content.{listed}"
            return Fault(kind=Kind.INCOMPLETE_CONTENT, message=message, expected=expected, **where)
        parent = node.getparent()
        assert parent is not None
        before = [_name(child) for child in node.itersiblings("*", preceding=True)][::-1]
        listed, expected = self._expected(parent, before)
        message = (
            f"The element {in_namespace(_name(parent))} has invalid child element"
            f" {in_namespace(_name(node))}.{listed}"
        )
        return Fault(kind=Kind.UNEXPECTED_ELEMENT, message=message, expected=expected, **where)

    def _text(self, node: etree._Element, _: Any, __: Any, where: dict[str, Any]) -> Fault:
        before = []
        text = node.text
        for child in node:
            if text is not None and text.strip():
                break
            if isinstance(child.tag, str):
                before.append(_name(child))
            text = child.tail
        listed, expected = self._expected(node, before)
        message = f"The element {in_namespace(_name(node))} cannot contain text.{listed}"
        return Fault(kind=Kind.UNEXPECTED_TEXT, message=message, expected=expected, **where)

    def _not_empty(self, node: etree._Element, _: Any, __: Any, where: dict[str, Any]) -> Fault:
        child = next(node.iterchildren("*"), None)
        if child is None:
            message = "The element cannot contain text. Content model is empty."
            return Fault(kind=Kind.UNEXPECTED_TEXT, message=message, **where)
        return self._forbidden_child(node, child, "empty", where)

    def _text_only(self, node: etree._Element, _: Any, __: Any, where: dict[str, Any]) -> Fault:
        child = next(node.iterchildren("*"))
        return self._forbidden_child(node, child, "text only", where)

    @staticmethod
    def _forbidden_child(
        node: etree._Element, child: etree._Element, model: str, where: dict[str, Any]
    ) -> Fault:
        message = (
            f"The element '{dotnet(_name(node))}' cannot contain child element '{dotnet(_name(child))}'"
            f" because the parent element's content model is {model}."
        )
        return Fault(kind=Kind.UNEXPECTED_ELEMENT, message=message, **where)

    def _expected(self, parent: etree._Element, before: list[str]) -> tuple[str, tuple[str, ...]]:
        declaration = self._declaration(parent)
        if declaration is None:
            return "", ()
        leaves = expected_after(self._grammar.content(declaration), before)
        return expectation(leaves), tuple(
            split(leaf.qname)[1] for leaf in leaves if isinstance(leaf, Element)
        )

    # -- attributes and values --------------------------------------------------------------------------

    def _missing_attribute(self, _: Any, attribute: str | None, __: Any, where: dict[str, Any]) -> Fault:
        return Fault(kind=Kind.MISSING_ATTRIBUTE, message=missing_attribute(attribute or ""), **where)

    def _undeclared_attribute(self, _: Any, attribute: str | None, __: Any, where: dict[str, Any]) -> Fault:
        name = attribute or ""
        if split(name)[0] == XSI:
            message = (
                f"The attribute '{dotnet(name)}' does not match one of the four allowed attributes"
                " in the 'xsi' namespace."
            )
        else:
            message = f"The '{dotnet(name)}' attribute is not declared."
        return Fault(kind=Kind.UNDECLARED_ATTRIBUTE, message=message, **where)

    def _nil(self, _: Any, __: Any, ___: Any, where: dict[str, Any]) -> Fault:
        return Fault(kind=Kind.NIL, message=NIL, **where)

    def _unknown_type(self, node: etree._Element, _: Any, __: Any, where: dict[str, Any]) -> Fault:
        message = f"This is an invalid xsi:type '{_type_named(node)}'."
        return Fault(kind=Kind.XSI_TYPE, message=message, **where)

    def _other_type(self, node: etree._Element, _: Any, __: Any, where: dict[str, Any]) -> Fault:
        message = (
            f"The xsi:type attribute value '{_type_named(node)}' is not valid for the element"
            f" '{dotnet(_name(node))}', either because it is not a type validly derived from the type in the"
            " schema, or because it has xsi:type derivation blocked."
        )
        return Fault(kind=Kind.XSI_TYPE, message=message, **where)

    def _fixed(self, node: etree._Element, attribute: str | None, _: Any, where: dict[str, Any]) -> Fault:
        declaration, value = self._valued(node, attribute)
        what, name = ("element", _name(node)) if attribute is None else ("attribute", attribute)
        return Fault(
            kind=Kind.FIXED_VALUE,
            message=other_than_fixed(name, what),
            value=value,
            limit=declaration.node.get("fixed") if declaration is not None else None,
            **where,
        )

    def _invalid_value(
        self, node: etree._Element, attribute: str | None, codes: set[str], where: dict[str, Any]
    ) -> Fault | None:
        declaration, value = self._valued(node, attribute)
        if attribute == _NIL:
            return self._nil(node, attribute, None, where)
        if attribute == _TYPE:
            return Fault(kind=Kind.XSI_TYPE, message=no_qname(value), value=value, **where)
        simple = (
            SimpleType(None, "anyType") if declaration is None else self._grammar.simple_type(declaration)
        )
        failed = {_FACETS[code] for code in codes if code in _FACETS}
        if simple.builtin in MOMENTS:
            broken = _broken_by_moment(simple, value)
            if broken is not None:
                if not broken:
                    return None
                failed = broken
        facet, why = _reason(simple, value, failed)
        what, name = ("element", _name(node)) if attribute is None else ("attribute", attribute)
        type_name = dotnet(simple.name) if simple.name else _code(simple.builtin)
        return Fault(
            kind=Kind.INVALID_VALUE,
            message=(
                f"The '{dotnet(name)}' {what} is invalid - The value '{value}' is invalid"
                f" according to its datatype '{type_name}' - {why}"
            ),
            value=value,
            type=type_name,
            facet=facet,
            limit=" | ".join(simple.facets(facet)[:_MOST_VALUES]) or None,
            **where,
        )

    def _valued(self, node: etree._Element, attribute: str | None) -> tuple[Part | None, str]:
        declaration = self._declaration(node)
        if attribute is None:
            text = self._raw.get(node, node.text or "")
            return declaration, text + "".join(child.tail or "" for child in node)
        value = str(node.get(attribute, ""))
        return (None if declaration is None else self._grammar.attributes(declaration).get(attribute)), value

    def _declaration(self, node: etree._Element) -> Part | None:
        """The declaration of an element of the document."""
        lineage = [node]
        while lineage[-1] is not self._root:
            parent = lineage[-1].getparent()
            if parent is None:
                return None
            lineage.append(parent)
        declaration = self._grammar.root(_name(lineage.pop()))
        while lineage and declaration is not None:
            declaration = self._grammar.declaration(declaration, _name(lineage.pop()))
        return declaration


#: Codes of libxml2 (without SCHEMAV_) -> how the fault is told.
_TELLERS: dict[str, Callable[[Translation, Any, str | None, Any, dict[str, Any]], Fault]] = {
    "CVC_ELT_1": Translation._undeclared_root,
    "ELEMENT_CONTENT": Translation._content,
    "CVC_COMPLEX_TYPE_2_1": Translation._not_empty,
    "CVC_COMPLEX_TYPE_2_2": Translation._text_only,
    "CVC_TYPE_3_1_2": Translation._text_only,
    "CVC_COMPLEX_TYPE_2_3": Translation._text,
    "CVC_COMPLEX_TYPE_3_2_1": Translation._undeclared_attribute,
    "CVC_COMPLEX_TYPE_3_2_2": Translation._undeclared_attribute,
    "CVC_TYPE_3_1_1": Translation._undeclared_attribute,
    "CVC_COMPLEX_TYPE_4": Translation._missing_attribute,
    "CVC_ELT_3_1": Translation._nil,
    "CVC_ELT_4_2": Translation._unknown_type,
    "CVC_ELT_4_3": Translation._other_type,
    "CVC_AU": Translation._fixed,
    "CVC_ELT_5_2_2_2_1": Translation._fixed,
    "CVC_ELT_5_2_2_2_2": Translation._fixed,
}
#: Facets as libxml2 calls them in its codes.
_FACETS: dict[str, str] = {f"CVC_{facet.upper()}_VALID": facet for facet in CONSTRAINTS}
_OF_VALUES = {
    *_FACETS,
    "CVC_FACET_VALID",
    "CVC_DATATYPE_VALID_1_2_1",
    "CVC_DATATYPE_VALID_1_2_2",
    "CVC_DATATYPE_VALID_1_2_3",
}


_NIL, _TYPE = f"{{{XSI}}}nil", f"{{{XSI}}}type"
_ZONED = re.compile(r".*(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def _broken_by_moment(simple: SimpleType, value: str) -> set[str] | None:
    """Facets that a date or time breaks; None: it is none.

    libxml2 compares none without a zone to one with; .NET takes the time of where it runs.
    """
    text = _normalized(simple, value)
    zoned = text if simple.builtin != "dateTime" or _ZONED.fullmatch(text) else f"{text}Z"
    if not _accepts(simple.builtin, [], zoned):
        return None
    facets = {facet for step in simple.steps for facet, _ in step} & set(CONSTRAINTS)
    return {
        facet
        for facet in facets
        if not _accepts(simple.builtin, simple.only(facet), text if facet == "pattern" else zoned)
    }


def _reason(simple: SimpleType, value: str, failed: set[str]) -> tuple[str, str]:
    """Which constraint .NET names, and the end of its sentence: patterns first, then the built-in type."""
    normal = _normalized(simple, value)
    if "pattern" in failed or not _matches_patterns(simple, normal):
        return "pattern", CONSTRAINTS["pattern"]
    if simple.builtin == "token" and normal == " ":
        return "whiteSpace", BLANK_TOKEN
    for facet, sentence in CONSTRAINTS.items():
        if facet in failed:
            return facet, sentence
    if simple.builtin == "union":
        return (
            "lexical",
            f"The value '{value}' is not valid according to any of the memberTypes of the union.",
        )
    if simple.builtin in _BOUNDS and re.fullmatch(r"[+-]?\d+", normal, re.ASCII):
        # Not by int(), which takes no more than 4,300 digits.
        digits = normal.lstrip("+-").lstrip("0") or "0"
        number = f"-{digits}" if normal.startswith("-") and digits != "0" else digits
        return "lexical", f"Value '{number}' was either too large or too small for {_code(simple.builtin)}."
    return (
        "lexical",
        f"The string '{normal}' is not a valid {_PARSED.get(simple.builtin, _code(simple.builtin))} value.",
    )


def _matches_patterns(simple: SimpleType, value: str) -> bool:
    """Whether a text matches the patterns of a type, whatever else is wrong with it."""
    return _accepts("string", simple.only("pattern"), value)


def _accepts(builtin: str, steps: list[list[tuple[str, str]]], value: str) -> bool:
    """Whether a text is a value of a built-in type that is restricted by these steps."""
    inner = etree.Element(xs("simpleType"))
    etree.SubElement(inner, xs("restriction"), base=f"xs:{builtin}")
    for step in reversed(steps):
        outer = etree.Element(xs("simpleType"))
        restriction = etree.SubElement(outer, xs("restriction"))
        restriction.append(inner)
        for facet, limit in step:
            etree.SubElement(restriction, xs(facet), value=limit)
        inner = outer
    schema = etree.Element(xs("schema"), nsmap={"xs": XS})
    etree.SubElement(schema, xs("element"), name="value").append(inner)
    sample = etree.Element("value")
    sample.text = value
    return etree.XMLSchema(schema).validate(sample)


def _normalized(simple: SimpleType, value: str) -> str:
    """The value after the treatment of white space that its type demands; .NET leaves one blank of many."""
    declared = simple.facets("whiteSpace")
    space = declared[0] if declared else _WHITE_SPACE.get(simple.builtin, "collapse")
    if space == "preserve":
        return value
    replaced = re.sub(r"[\t\n\r]", " ", value)
    if space == "replace":
        return replaced
    collapsed = re.sub(" +", " ", replaced)
    return collapsed if collapsed == " " else collapsed.strip(" ")


_WHITE_SPACE = {"string": "preserve", "normalizedString": "replace"}
#: Built-in types -> the name that .NET's parser of them gives itself, where it is not the type's own.
_PARSED = {
    "byte": "SByte",
    "short": "Int16",
    "int": "Int32",
    "long": "Int64",
    "unsignedByte": "Byte",
    "unsignedShort": "UInt16",
    "unsignedInt": "UInt32",
    "unsignedLong": "UInt64",
    "nonNegativeInteger": "Integer",
    "positiveInteger": "Integer",
    "nonPositiveInteger": "Integer",
    "negativeInteger": "Integer",
}
_BOUNDS = {"nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger"}


def _code(builtin: str) -> str:
    """A built-in type's name as .NET's XmlTypeCode has it."""
    return {"anyURI": "AnyUri", "NMTOKEN": "NmToken", "ID": "Id", "IDREF": "Idref"}.get(
        builtin, builtin[:1].upper() + builtin[1:]
    )


def _place(entry: Any) -> tuple[str, str | None]:
    """Where an entry of the log belongs: the element, and the attribute in question."""
    match = _ATTRIBUTE.match(entry.message)
    return entry.path or "", match[1] if match else None


def _find(root: etree._Element, path: str) -> etree._Element:
    """The element at a path as libxml2 writes it: `/*/*[3]/p:name[2]`, prefixes as in the document."""
    node = root
    for step in path.split("/")[2:]:
        match = _STEP.fullmatch(step)
        assert match is not None
        name = match["name"]
        alike = (
            child
            for child in node.iterchildren("*")
            if name == "*" or (child.prefix or None, etree.QName(child).localname) == (match["prefix"], name)
        )
        node = next(islice(alike, int(match["place"] or 1) - 1, None))
    return node


def _type_named(node: etree._Element) -> str:
    """The type that xsi:type names, as .NET writes it."""
    prefix, _, name = str(node.get(_TYPE, "")).strip().rpartition(":")
    namespace = node.nsmap.get(prefix or None)
    return f"{namespace}:{name}" if namespace else name


def _name(node: etree._Element) -> str:
    return str(node.tag)


def _path_of(node: etree._Element, root: etree._Element) -> str:
    steps = []
    current: etree._Element | None = node
    while current is not None:
        name = etree.QName(current).localname
        before = sum(1 for _ in current.itersiblings(current.tag, preceding=True))
        after = next(current.itersiblings(current.tag), None) is not None
        steps.append(f"{name}[{before + 1}]" if before or after else name)
        current = None if current is root else current.getparent()
    return "/" + "/".join(reversed(steps))
