"""A compiled schema."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from lxml import etree

from ksef_mock.core.xsd.crowds import beginning, may_have_crowds, without_crowds
from ksef_mock.core.xsd.faults import Fault
from ksef_mock.core.xsd.grammar import Grammar, xs
from ksef_mock.core.xsd.translation import XSI, Translation

#: A schema document: a file or its octets.
Source: TypeAlias = Path | bytes
#: The document at an absolute address; None if there is none at hand.
Locate: TypeAlias = Callable[[str], Source | None]

_BLANKS = " \t\r\n"
#: Faults of one document that are told, at most.
MOST_FAULTS = 100
#: Entries of libxml2's log that one fault may consist of.
_ENTRIES = 10

XML = "http://www.w3.org/XML/1998/namespace"

#: Attributes that may stand anywhere -> the values that they may have there: hints of where schemas lie,
#: which libxml2 would follow, and those of XML itself (.NET's default AllowXmlAttributes).
_ANYWHERE = {
    f"{{{XSI}}}schemaLocation": re.compile(r".*", re.DOTALL),
    f"{{{XSI}}}noNamespaceSchemaLocation": re.compile(r".*", re.DOTALL),
    f"{{{XML}}}lang": re.compile(r"\s*[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*\s*", re.ASCII),
    f"{{{XML}}}space": re.compile(r"\s*(?:default|preserve)\s*"),
    f"{{{XML}}}base": re.compile(r"[^\s]*"),
}
#: Octets that have any of them hold one of these.
_HINT, _OF_XML = b"chemaLocation", b"xml:"
#: Reads the document once, where a union of paths does so once for each.
_HAS_ANYWHERE = etree.XPath(
    "boolean(/descendant::*/@*[(namespace-uri() = $xsi or namespace-uri() = $xml) and "
    "contains(' schemaLocation noNamespaceSchemaLocation lang space base ', concat(' ', local-name(), ' '))])"
)


class Schema:
    """A schema, compiled when it is first used. Safe to use from several threads.

    Args:
        source: the schema document.
        locate: finds what is imported by an absolute address. Nothing is ever fetched from a network.
    """

    def __init__(self, source: Source, locate: Locate = lambda _: None) -> None:
        self._source = source
        self._locate = locate
        self._lock = threading.Lock()

    def faults(
        self, element: etree._Element, most: int = MOST_FAULTS, *, octets: bytes | None = None
    ) -> list[Fault]:
        """What is wrong with an element, in document order, at most so many; empty if it is valid.

        What may stand anywhere is left out of account: libxml2 would read what hints of schemas name.

        Args:
            octets: what the element was parsed from: a glance at it tells what the tree cannot hold.

        Raises:
            OSError: a document of the schema cannot be read.
            ValueError: one is no schema, or imports what is not at hand.
        """
        possible = octets is None or _HINT in octets or _OF_XML in octets
        if possible and _HAS_ANYWHERE(element, xsi=XSI, xml=XML):
            element = _without_anywhere(element)
        crowds = octets is None or may_have_crowds(octets)
        found = self._found(element, most, {}, crowds=crowds)
        moments = () if found is None else self.grammar.moments
        if moments and any(map(_is_padded, element.iter(*moments))):
            # Blanks around dates and times, which libxml2 refuses and .NET does not.
            element = copy.deepcopy(element)
            padded = {leaf: leaf.text or "" for leaf in element.iter(*moments) if _is_padded(leaf)}
            for leaf, text in padded.items():
                leaf.text = text.strip(_BLANKS)
            found = self._found(element, most, padded, crowds=crowds)
        return found or []

    def _found(
        self, element: etree._Element, most: int, raw: Mapping[etree._Element, str], *, crowds: bool
    ) -> list[Fault] | None:
        """The faults; None if libxml2 finds none.

        Args:
            raw: the texts of those elements that are shorter here than in the document.
        """
        if crowds:
            element = self._bounded(element, most)
        with self._lock:
            compiled = self._compiled
            valid = compiled.validate(element)
            log: Any = () if valid else compiled.error_log  # the stubs do not know that it is iterable
            entries = list(log)
        if valid:
            names = self.grammar.tokens
            blanks = [leaf for leaf in element.iter(*names) if _is_blank(leaf)] if names else []
            return Translation(self.grammar, element).blank_tokens(blanks)[:most] if blanks else None
        return list(islice(Translation(self.grammar, element, raw).faults(entries), most))

    def _bounded(self, element: etree._Element, most: int) -> etree._Element:
        """The element, or as much of it as has more faults than are told."""
        sample = without_crowds(element)
        if sample is None:
            return element
        with self._lock:
            if self._compiled.validate(sample):
                return element
        return beginning(element, self._compiled, most * _ENTRIES)

    @cached_property
    def _documents(self) -> list[tuple[etree._Element, str]]:
        """The schema document and all that it includes or imports, each with its namespace."""
        found: dict[tuple[Source, str], etree._Element] = {}
        self._collect(self._source, "", found)
        return [(root, namespace) for (_, namespace), root in found.items()]

    def _collect(
        self, source: Source, including: str, found: dict[tuple[Source, str], etree._Element]
    ) -> None:
        root = self._parse(source)
        namespace = root.get("targetNamespace") or including
        if (source, namespace) in found:
            return
        found[source, namespace] = root
        for node in root.iterchildren(xs("include"), xs("import")):
            location = node.get("schemaLocation")
            if location is not None:
                inherited = namespace if node.tag == xs("include") else ""
                self._collect(self._source_at(location, source), inherited, found)

    def _source_at(self, location: str, base: Source) -> Source:
        if urlsplit(location).scheme or isinstance(base, bytes):
            source = self._locate(location)
        else:
            source = base.parent / location
        if source is None:
            raise ValueError(f"the schema refers to {location}, which is not at hand")
        return source.resolve() if isinstance(source, Path) else source

    def _parse(self, source: Source) -> etree._Element:
        parser = etree.XMLParser(no_network=True, resolve_entities=False)
        parser.resolvers.add(_Located(self._locate))
        try:
            if isinstance(source, bytes):
                return etree.fromstring(source, parser)
            return etree.parse(str(source), parser).getroot()
        except etree.XMLSyntaxError as error:
            raise ValueError(f"{source if isinstance(source, Path) else 'the schema'}: {error.msg}") from None

    @cached_property
    def _compiled(self) -> etree.XMLSchema:
        try:
            return etree.XMLSchema(self._documents[0][0])
        except etree.XMLSchemaParseError as error:
            raise ValueError(f"no schema: {error}") from None

    @cached_property
    def grammar(self) -> Grammar:
        """What the schema says."""
        return Grammar(self._documents)


def _without_anywhere(element: etree._Element) -> etree._Element:
    """A copy without the attributes that may stand anywhere."""
    copied = copy.deepcopy(element)
    for node in copied.iter("*"):
        for name, value in node.attrib.items():
            allowed = _ANYWHERE.get(str(name))
            if allowed is not None and allowed.fullmatch(str(value)):
                del node.attrib[name]
    return copied


class _Located(etree.Resolver):
    """Hands libxml2 the files that absolute addresses stand for."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate

    def resolve(self, system_url: str, _public_id: str, context: Any) -> Any:  # type: ignore[override]
        source = self._locate(system_url)
        if source is None:
            return None
        resolver: Any = self  # the stubs lack what a resolver answers with
        if isinstance(source, bytes):
            return resolver.resolve_string(source, context, base_url=system_url)
        return resolver.resolve_filename(str(source), context)


def _is_blank(leaf: etree._Element) -> bool:
    return bool(leaf.text) and not len(leaf) and not str(leaf.text).strip(_BLANKS)


def _is_padded(leaf: etree._Element) -> bool:
    return bool(leaf.text) and not len(leaf) and str(leaf.text).strip(_BLANKS) != leaf.text
