"""What a schema says, read as far as a fault makes it necessary: declarations, types, content models.

libxml2 does not say which type a value broke, names no more than ten expected elements, and has no interface
to its own model of the schema: so the documents are read once more, here, and only what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from lxml import etree

XS = "http://www.w3.org/2001/XMLSchema"
_UNBOUNDED = 2**31
#: Built-in types of dates and times.
MOMENTS = {"dateTime", "date", "time", "gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay", "duration"}


def xs(name: str) -> str:
    """The qualified name of a part of XML Schema."""
    return f"{{{XS}}}{name}"


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of a schema document. Schemas without a namespace take that of whoever includes them."""

    node: etree._Element
    namespace: str

    def children(self, *names: str) -> Iterator[Part]:
        """Those of these names, or all of XML Schema, in order."""
        wanted = {xs(name) for name in names}
        for child in self.node.iterchildren("*"):
            if child.tag in wanted or not wanted:
                yield Part(child, self.namespace)

    def child(self, *names: str) -> Part | None:
        return next(self.children(*names), None)

    def qname(self, attribute: str) -> str | None:
        """The `{ns}name` that an attribute's value stands for."""
        text = self.node.get(attribute)
        if text is None:
            return None
        prefix, _, name = text.strip().rpartition(":")
        namespace = self.node.nsmap.get(prefix or None)
        if namespace is None and not prefix:
            namespace = self.namespace
        return f"{{{namespace}}}{name}" if namespace else name

    def occurs(self) -> tuple[int, int]:
        most = self.node.get("maxOccurs", "1")
        return int(self.node.get("minOccurs", "1")), _UNBOUNDED if most == "unbounded" else int(most)


@dataclass(frozen=True, eq=False)
class Element:
    """A declaration of an element at its place in a content model."""

    qname: str
    least: int
    most: int
    declaration: Part

    @cached_property
    def first(self) -> list[Leaf]:
        return [self]

    @property
    def empty(self) -> bool:
        """Whether it can be missing."""
        return self.least == 0

    def accepts(self, qname: str) -> bool:
        return qname == self.qname


@dataclass(frozen=True, eq=False)
class Any:
    """A wildcard of a content model."""

    #: As written: `##any`, `##other`, or a list of URIs.
    namespaces: str
    least: int
    most: int
    target: str

    @cached_property
    def first(self) -> list[Leaf]:
        return [self]

    @property
    def empty(self) -> bool:
        return self.least == 0

    def accepts(self, qname: str) -> bool:
        namespace = qname[1:].partition("}")[0] if qname.startswith("{") else ""
        if self.namespaces == "##any":
            return True
        if self.namespaces == "##other":
            return namespace not in ("", self.target)
        known = {"##targetNamespace": self.target, "##local": ""}
        return namespace in {known.get(name, name) for name in self.namespaces.split()}


@dataclass(frozen=True, eq=False)
class Group:
    """A sequence, a choice or an all."""

    kind: str
    particles: list[Particle]
    least: int = 1
    most: int = 1

    @cached_property
    def first(self) -> list[Leaf]:
        """What it can begin with, in the schema's order."""
        leaves: list[Leaf] = []
        for particle in self.particles:
            leaves += particle.first
            if self.kind == "sequence" and not particle.empty:
                break
        return leaves

    @cached_property
    def nullable(self) -> bool:
        """Whether one occurrence of it can be nothing."""
        empty = [particle.empty for particle in self.particles]
        return all(empty) if self.kind != "choice" else any(empty) or not empty

    @property
    def empty(self) -> bool:
        """Whether it can be missing."""
        return self.least == 0 or self.nullable


Leaf: TypeAlias = Element | Any
Particle: TypeAlias = Element | Any | Group


@dataclass(frozen=True)
class SimpleType:
    """A named or nameless simple type, one step of restriction after the other, the own one first."""

    #: `{ns}name`, or None for a nameless one.
    name: str | None
    #: Local name of the type of XML Schema that it rests on; `union` and `list` for those.
    builtin: str
    #: Facets of each step, in order: name and value.
    steps: list[list[tuple[str, str]]] = field(default_factory=list)

    def facets(self, name: str) -> list[str]:
        """The values of the nearest step that has this facet."""
        for step in self.steps:
            values = [value for facet, value in step if facet == name]
            if values:
                return values
        return []

    def only(self, name: str) -> list[list[tuple[str, str]]]:
        """The steps that have this facet, without any other."""
        kept = ([each for each in step if each[0] == name] for step in self.steps)
        return [step for step in kept if step]


class Grammar:
    """The documents of a schema, and what their declarations say.

    Args:
        documents: root elements of the schema documents, each with the namespace that it declares for.
    """

    def __init__(self, documents: Iterable[tuple[etree._Element, str]]) -> None:
        self._index: dict[tuple[str, str], Part] = {}
        self._documents = list(documents)
        for root, namespace in self._documents:
            for node in root.iterchildren("*"):
                name, kind = node.get("name"), etree.QName(node).localname
                if name is not None:
                    qname = f"{{{namespace}}}{name}" if namespace else name
                    kind = "type" if kind in ("simpleType", "complexType") else kind
                    self._index.setdefault((kind, qname), Part(node, namespace))
        self._models: dict[etree._Element, Group] = {}

    def root(self, qname: str) -> Part | None:
        """The global declaration of an element."""
        return self._index.get(("element", qname))

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Namespaces that declare anything."""
        return frozenset(part.namespace for part in self._index.values())

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Names of elements with a token that may be empty."""
        found: dict[str, None] = {}
        for root, namespace in self._documents:
            for node in root.iter(xs("element")):
                part = Part(node, namespace)
                if node.get("name") is None or self.simple_type(part).builtin != "token":
                    continue
                if not any(int(least) for least in self.simple_type(part).facets("minLength")):
                    found[self._local_name(part, "elementFormDefault")] = None
        return tuple(found)

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """Names of elements with a date or a time."""
        found: dict[str, None] = {}
        for root, namespace in self._documents:
            for node in root.iter(xs("element")):
                part = Part(node, namespace)
                if node.get("name") is not None and self.simple_type(part).builtin in MOMENTS:
                    found[self._local_name(part, "elementFormDefault")] = None
        return tuple(found)

    # -- elements and their content -------------------------------------------------------------------

    def declaration(self, parent: Part, qname: str) -> Part | None:
        """The declaration of a child of an element that `parent` declares."""
        for leaf in _leaves(self.content(parent)):
            if isinstance(leaf, Element) and leaf.qname == qname:
                return leaf.declaration
        return self.root(qname)  # a wildcard let it in

    def type_of(self, declaration: Part) -> Part | None:
        """The definition of an element's or attribute's type; None for a type of XML Schema itself."""
        inline = declaration.child("simpleType", "complexType")
        if inline is not None:
            return inline
        name = declaration.qname("type")
        return self._index.get(("type", name)) if name is not None else None

    def content(self, declaration: Part) -> Group:
        """The content model of an element, empty for simple content."""
        definition = self.type_of(declaration)
        if definition is None or definition.node.tag != xs("complexType"):
            return Group("sequence", [])
        known = self._models.get(definition.node)
        if known is None:
            known = self._models[definition.node] = Group("sequence", list(self._particles(definition)))
        return known

    def _particles(self, definition: Part) -> Iterator[Particle]:
        complex_content = definition.child("complexContent")
        if complex_content is not None:
            derivation = complex_content.child("extension", "restriction")
            assert derivation is not None
            base = self._index.get(("type", derivation.qname("base") or ""))
            if derivation.node.tag == xs("extension") and base is not None:
                yield from self._particles(base)
            definition = derivation
        for part in definition.children("sequence", "choice", "all", "group"):
            yield self._particle(part)

    def _particle(self, part: Part) -> Particle:
        least, most = part.occurs()
        kind = etree.QName(part.node).localname
        if kind == "element":
            referred = part.qname("ref")
            if referred is not None:
                return Element(referred, least, most, self._index.get(("element", referred), part))
            return Element(self._local_name(part, "elementFormDefault"), least, most, part)
        if kind == "any":
            return Any(part.node.get("namespace", "##any"), least, most, part.namespace)
        if kind == "group":
            definition = self._index[("group", part.qname("ref") or "")].child("sequence", "choice", "all")
            assert definition is not None
            return Group("sequence", [self._particle(definition)], least, most)
        names = ("element", "any", "group", "sequence", "choice", "all")
        return Group(kind, [self._particle(child) for child in part.children(*names)], least, most)

    def _local_name(self, part: Part, default: str) -> str:
        form = part.node.get("form") or part.node.getroottree().getroot().get(default)
        name = part.node.get("name", "")
        return f"{{{part.namespace}}}{name}" if form == "qualified" and part.namespace else name

    # -- attributes -------------------------------------------------------------------------------------

    def attributes(self, declaration: Part) -> dict[str, Part]:
        """The declarations of an element's attributes, by their qualified names."""
        definition = self.type_of(declaration)
        return dict(self._attributes(definition)) if definition is not None else {}

    def _attributes(self, part: Part) -> Iterator[tuple[str, Part]]:
        for child in part.children():
            kind = etree.QName(child.node).localname
            if kind == "attribute":
                referred = child.qname("ref")
                if referred is not None:
                    yield referred, self._index.get(("attribute", referred), child)
                else:
                    yield self._local_name(child, "attributeFormDefault"), child
            elif kind == "attributeGroup":
                yield from self._attributes(self._index[("attributeGroup", child.qname("ref") or "")])
            elif kind in ("simpleContent", "complexContent", "extension", "restriction"):
                base = self._index.get(("type", child.qname("base") or ""))
                if base is not None:
                    yield from self._attributes(base)
                yield from self._attributes(child)

    # -- simple types -----------------------------------------------------------------------------------

    def simple_type(self, declaration: Part) -> SimpleType:
        """The type of an element's text, or of an attribute."""
        definition = self.type_of(declaration)
        if definition is None:
            return self._builtin(declaration.qname("type"))
        return self._simple(definition)

    def _simple(self, definition: Part) -> SimpleType:
        name = definition.node.get("name")
        qname = None if name is None else f"{{{definition.namespace}}}{name}"
        steps: list[list[tuple[str, str]]] = []
        base = self._based(definition, steps)
        return SimpleType(qname, base, steps)

    def _based(self, definition: Part, steps: list[list[tuple[str, str]]]) -> str:
        """The built-in type at the end; collects the facets on the way there."""
        content = definition.child("simpleContent") or definition
        derivation = content.child("restriction", "extension", "list", "union")
        if derivation is None:
            return "anyType"
        kind = etree.QName(derivation.node).localname
        if kind in ("list", "union"):
            return kind
        facets = [
            (etree.QName(child.node).localname, child.node.get("value", ""))
            for child in derivation.children()
            if child.node.get("value") is not None
        ]
        if facets:
            steps.append(facets)
        inline = derivation.child("simpleType")
        base = derivation.qname("base")
        parent = inline or (self._index.get(("type", base)) if base is not None else None)
        return self._builtin(base).builtin if parent is None else self._based(parent, steps)

    @staticmethod
    def _builtin(qname: str | None) -> SimpleType:
        if qname is None or not qname.startswith(f"{{{XS}}}"):
            return SimpleType(None, "anyType")
        return SimpleType(qname, qname.rpartition("}")[2])


def _leaves(particle: Particle) -> Iterator[Leaf]:
    if isinstance(particle, Group):
        for part in particle.particles:
            yield from _leaves(part)
    else:
        yield particle


# -- what may come next ---------------------------------------------------------------------------------


class _Reached(Exception):
    """The place in question has been reached."""


class _Walk:
    """Follows a content model along the children of an element up to one place.

    Content models are deterministic (XML Schema demands it), so the first particle that can take a child is
    the one that does, and what was tried at the place in question is what may stand there.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._at = 0
        self.tried: list[Leaf] = []

    def group(self, group: Group) -> None:
        if group.kind == "all":
            self._all(group)
            return
        if group.kind == "choice":
            for particle in group.particles:
                if self._starts(particle):
                    self.repeat(particle)
                    return
            if not group.nullable:
                raise _Reached
            return
        for particle in group.particles:
            self.repeat(particle)

    def repeat(self, particle: Particle) -> None:
        for count in range(particle.most):
            start = self._at
            if not self._starts(particle):
                if count < particle.least and not particle.empty:
                    raise _Reached
                return
            if isinstance(particle, Group):
                self.group(particle)
            else:
                self._at += 1
            if self._at == start:
                return

    def _all(self, group: Group) -> None:
        left = list(group.particles)
        while taken := next((particle for particle in left if self._starts(particle)), None):
            left.remove(taken)
            self._at += 1
        if any(not particle.empty for particle in left):
            raise _Reached

    def _starts(self, particle: Particle) -> bool:
        if self._at == len(self._names):
            self.tried += particle.first
            return False
        name = self._names[self._at]
        return any(leaf.accepts(name) for leaf in particle.first)


def expected_after(model: Group, names: list[str]) -> list[Leaf]:
    """What may follow these children, in the schema's order."""
    walk = _Walk(names)
    with suppress(_Reached):
        walk.group(model)
    order = {id(leaf): position for position, leaf in enumerate(_leaves(model))}
    distinct = {id(leaf): leaf for leaf in walk.tried}
    return sorted(distinct.values(), key=lambda leaf: order[id(leaf)])
