"""Canonical octets of the parts of a document that a signature can speak of.

libxml2 (through lxml) does the serialisation. Through lxml it knows inclusive Canonical XML 1.0 and exclusive
c14n; what attributes of the xml: namespace a part inherits from its omitted ancestors is added here, since
that is what lxml leaves out, and is also the only thing in which Canonical XML 1.1 differs from 1.0.

Inclusive canonicalisation of a part is done in a document of its own. Where it stands, lxml hides the
surroundings behind a copy of the part's first element, and libxml2 no longer recognises the default namespace
two levels further down: it undeclares it there (xmlns=""), which no other implementation does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from lxml import etree

from ksef_mock.xades.names import XML, local_name
from ksef_mock.xades.uris import join_bases

C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
WITH_COMMENTS = "WithComments"

_BASE = f"{{{XML}}}base"
_INHERITED_BY_11 = (f"{{{XML}}}lang", f"{{{XML}}}space")


class Uncanonical(Exception):
    """The part has no canonical form (a relative namespace name, for one)."""


class Canonicalization(msgspec.Struct, frozen=True, gc=False):
    """A canonicalisation method with its parameters."""

    #: `C14N`, `C14N11` or `EXC_C14N`.
    base: str
    comments: bool = False
    #: InclusiveNamespaces PrefixList, for exclusive c14n.
    prefixes: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """Its algorithm identifier."""
        if not self.comments:
            return self.base
        return f"{self.base}{'' if self.base.endswith('#') else '#'}{WITH_COMMENTS}"


METHODS: dict[str, Canonicalization] = {
    method.uri: method
    for base in (C14N, C14N11, EXC_C14N)
    for method in (Canonicalization(base), Canonicalization(base, comments=True))
}

#: Applied to a reference that has no transforms of its own (XML Signature, 4.4.3.2).
DEFAULT = METHODS[C14N]


class Remainder(msgspec.Struct, frozen=True, gc=False):
    """A copy of a document without one of its elements, made once for all who only read it."""

    root: etree._Element
    without: etree._Element

    @classmethod
    def of(cls, whole: etree._Element, without: etree._Element) -> Remainder:
        """`without`: an element below the root `whole`."""
        root, (doomed,) = Selection(whole).isolate_with((without,))
        cut_out(doomed)
        return cls(root, without)


class Selection(msgspec.Struct, frozen=True, gc=False):
    """A node-set as the allowed transforms make them: a subtree without some of the subtrees in it."""

    apex: etree._Element
    #: The whole document: what stands beside the root element belongs to it too. `apex` is the root then.
    document: bool = False
    comments: bool = False
    #: Elements cut out, with everything inside them; what follows them stays.
    without: tuple[etree._Element, ...] = ()
    #: Spares a copy where the document without this element is what is selected.
    remainder: Remainder | None = None

    def covers(self, element: etree._Element) -> bool:
        """Whether `element` is in the node-set, complete but for what was cut out."""
        is_inside, node = False, element
        while True:
            for cut in self.without:
                if cut is node:
                    return False
            is_inside = is_inside or node is self.apex
            parent = node.getparent()
            if parent is None:
                return is_inside
            node = parent

    def isolate(self) -> etree._Element | None:
        """A copy of the apex in a copy of its surroundings, cuts made; None if the apex itself is cut out."""
        if not self.covers(self.apex):
            return None
        cuts = [cut for cut in self.without if any(node is self.apex for node in cut.iterancestors())]
        apex, doomed = self.isolate_with(cuts)
        cut_all(doomed)
        return apex

    def isolate_with(self, elements: Sequence[etree._Element]) -> tuple[etree._Element, list[etree._Element]]:
        """A copy of the apex in a copy of its surroundings, nothing cut out, and its copies of `elements`."""
        # What copy.deepcopy calls, without its bookkeeping, which costs half as much again.
        root = self.apex.getroottree().__deepcopy__({}).getroot()  # type: ignore[attr-defined]
        return _counterpart(self.apex, root), [_counterpart(node, root) for node in elements]


def canonicalize(selection: Selection, method: Canonicalization) -> bytes:
    """The canonical form of `selection`; empty if it selects nothing.

    Raises:
        Uncanonical: it has none.
    """
    apex = selection.apex
    inherited = {} if method.base == EXC_C14N else _inherited(selection.apex, method)
    known = selection.remainder
    if known is not None and selection.document and selection.without == (known.without,):
        apex = known.root
    elif selection.without or inherited:
        isolated = selection.isolate()
        if isolated is None:
            return b""
        apex = isolated
        for name, value in inherited.items():
            apex.set(name, value)
    return serialize(apex.getroottree() if selection.document else apex, method, comments=selection.comments)


def serialize(
    part: etree._Element | etree._ElementTree, method: Canonicalization, *, comments: bool = False
) -> bytes:
    """The canonical form of an element where it stands, or of a tree with what stands beside its root.

    Comments are in it where both `comments`, the node-set, and the method have them.

    Raises:
        Uncanonical: it has none.
    """
    exclusive = method.base == EXC_C14N
    try:
        if not exclusive and isinstance(part, etree._Element):
            octets = _where_it_stands(part, comments=comments and method.comments)
            if octets is not None:
                return octets
            part = rooted(part)
        if exclusive and _DEFAULT_NAMESPACE in method.prefixes:
            part = _in_a_dictionary_with_default(part)
        return etree.tostring(
            part,
            method="c14n",
            exclusive=exclusive,
            with_comments=comments and method.comments,
            inclusive_ns_prefixes=list(method.prefixes) if exclusive and method.prefixes else None,
        )
    except (etree.LxmlError, ValueError) as error:
        raise Uncanonical(f"no canonical form: {error}") from None


#: What a PrefixList calls the default namespace (Exclusive XML Canonicalization, 3).
_DEFAULT_NAMESPACE = "#default"


def _in_a_dictionary_with_default(part: etree._Element | etree._ElementTree) -> etree._ElementTree:
    """A copy of `part`, for which lxml hands `#default` on to libxml2.

    Of a PrefixList it leaves out what is no name in the document's dictionary, which is that of the thread
    that has parsed it. No XML puts `#default` there; HTML does.
    """
    etree.HTML(f"<p {_DEFAULT_NAMESPACE}>")
    if isinstance(part, etree._Element):
        return rooted(part)
    return etree.fromstring(etree.tostring(part, encoding="utf-8"), _PARSER).getroottree()


def in_place(element: etree._Element) -> bytes:
    """What lxml makes of an element where it stands, by inclusive c14n: not its canonical form, see above.

    Raises:
        Uncanonical: nothing.
    """
    try:
        return etree.tostring(element, method="c14n", with_comments=False)
    except (etree.LxmlError, ValueError) as error:
        raise Uncanonical(f"no canonical form: {error}") from None


def cut_all(elements: Iterable[etree._Element]) -> None:
    """`cut_out` of each; two transforms may have named the same element."""
    for element in elements:
        if element.getparent() is not None:
            cut_out(element)


def cut_out(element: etree._Element) -> None:
    """Remove `element` from its parent, but leave the text that follows it, as XPath's node-sets do."""
    parent = element.getparent()
    assert parent is not None
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
        element.tail = None
    # lxml moves what it removes to a document of its own, in time quadratic in the number of its descendants.
    element.clear()
    parent.remove(element)


#: For what was parsed before: its bounds hold, and nothing in it is left to resolve.
_PARSER = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)


def _where_it_stands(element: etree._Element, *, comments: bool) -> bytes | None:
    """The inclusive form of an element, a third of the work of `rooted`; None where that alone gives it.

    Exclusive c14n is inclusive for the prefixes that it is told of (Exclusive XML Canonicalization, 3); lxml
    does not pass on the default namespace among them, which therefore is written here where it is unused.
    """
    declared = {prefix for _, (prefix, _) in etree.iterwalk(element, events=("start-ns",))}
    if "" in declared or None in declared:
        return None
    scope = element.nsmap
    default = scope.pop(None, None)
    prefixes = sorted(declared.union(filter(None, scope)))
    octets = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=comments, inclusive_ns_prefixes=prefixes or None
    )
    if element.prefix is None or default is None:
        return octets
    if b' xmlns="' in octets or not _PLAIN.fullmatch(default):
        return None
    name = f"<{element.prefix}:{local_name(element)}".encode()
    return b'%b xmlns="%b"%b' % (name, default.encode(), octets[len(name) :])


#: A namespace name that is written as it is.
_PLAIN = re.compile(r"[\w:/.#?=+-]+", re.ASCII)


def rooted(element: etree._Element) -> etree._ElementTree:
    """A document of its own for `element`, with every namespace that is in scope where it stands."""
    # By its text, since lxml renames prefixes when it moves an element to a parent that has the namespace.
    text = etree.tostring(element, encoding="utf-8", with_tail=False)
    return etree.fromstring(text, _PARSER).getroottree()


def _counterpart(node: etree._Element, copied_root: etree._Element) -> etree._Element:
    steps = []
    parent = node.getparent()
    while parent is not None:
        steps.append(parent.index(node))
        node, parent = parent, parent.getparent()
    found = copied_root
    for step in reversed(steps):
        found = found[step]
    return found


def _inherited(apex: etree._Element, method: Canonicalization) -> dict[str, str]:
    """Attributes of the xml: namespace that the apex takes over from its ancestors, all of them omitted."""
    ancestors = [_xml_attributes(ancestor) for ancestor in apex.iterancestors()]
    if not any(ancestors):
        return {}
    own = _xml_attributes(apex)
    nearest: dict[str, str] = {}
    for attributes in reversed(ancestors):
        nearest.update(attributes)
    if method.base == C14N:
        return {name: value for name, value in nearest.items() if name not in own}
    inherited = {name: nearest[name] for name in _INHERITED_BY_11 if name in nearest and name not in own}
    if any(_BASE in attributes for attributes in ancestors):
        bases = [attributes[_BASE] for attributes in (own, *ancestors) if _BASE in attributes]
        base = join_bases(reversed(bases))
        if base:
            inherited[_BASE] = base
    return inherited


def _xml_attributes(element: etree._Element) -> dict[str, str]:
    return {
        str(name): str(value)
        for name, value in element.items()
        if isinstance(name, str) and name.startswith(f"{{{XML}}}")
    }
