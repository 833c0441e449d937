"""The transforms that KSeF allows in a reference, and no others: XPath of the document is never evaluated.

The XPath forms that real signers use select one thing, everything but the signature. They are recognised by
their text and carried out here; any other expression is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec
from lxml import etree

from ksef_mock.xades.canonical import DEFAULT, METHODS, Canonicalization, Selection, canonicalize
from ksef_mock.xades.names import DS, ds, text_of
from ksef_mock.xades.parsing import MAX_PREFIXES, NotWellFormed, parse

ENVELOPED = f"{DS}enveloped-signature"
BASE64 = f"{DS}base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH_FILTER_2 = "http://www.w3.org/2002/06/xmldsig-filter2"
_EXC_C14N_NS = "http://www.w3.org/2001/10/xml-exc-c14n#"

#: Real references have one or two transforms; the bound keeps the work linear in the document's size.
MAX_TRANSFORMS = 5


#: Signatures and countersignatures that a transform may cut out: each is looked for in a copy.
MAX_SIGNATURES = 20


class Refused(Exception):
    """A transform that is not allowed, or that does not make sense where it stands."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One transform, ready to be applied."""

    uri: str
    apply: Callable[[Selection], Selection] | None = None
    canonicalization: Canonicalization | None = None


class Processed(msgspec.Struct, frozen=True, gc=False):
    """What the transforms of a reference made of its target."""

    #: What is hashed.
    octets: bytes
    #: The part of the document that the octets stand for; None where they are something else than its XML.
    selection: Selection | None
    #: How that part became octets; None if not by canonicalisation alone.
    method: Canonicalization | None


def read_transform(element: etree._Element, signature: etree._Element) -> Step:
    """The transform of a ds:Transform element inside `signature`.

    Raises:
        Refused: not allowed.
    """
    uri = element.get("Algorithm", "")
    if uri in METHODS:
        return Step(uri, canonicalization=read_canonicalization(element))
    children = _parameters(element)
    if uri == ENVELOPED and not children:
        return Step(uri, lambda selection: _minus(selection, (signature,)))
    if uri == BASE64 and not children:
        return Step(uri)
    if uri == XPATH:
        return Step(uri, _xpath(children))
    if uri == XPATH_FILTER_2:
        return Step(uri, _xpath_filter(children, signature))
    if uri in (ENVELOPED, BASE64):
        raise Refused(f"transform {uri} takes no parameters")
    raise Refused(f"transform {uri or '(none)'} is not allowed")


def canonicalizes(element: etree._Element) -> bool:
    """Whether a ds:Transform is a canonicalisation."""
    return element.get("Algorithm") in METHODS


def read_canonicalization(element: etree._Element) -> Canonicalization:
    """The method of a ds:CanonicalizationMethod, or of a ds:Transform that canonicalises.

    Raises:
        Refused: not allowed, or with parameters that it does not have.
    """
    uri = element.get("Algorithm", "")
    method = METHODS.get(uri)
    if method is None:
        raise Refused(f"canonicalisation {uri or '(none)'} is not allowed")
    children = _parameters(element)
    if not children:
        return method
    if (
        len(children) > 1
        or children[0].tag != f"{{{_EXC_C14N_NS}}}InclusiveNamespaces"
        or method.base != _EXC_C14N_NS
    ):
        raise Refused(f"canonicalisation {uri} does not have such parameters")
    prefixes = tuple(children[0].get("PrefixList", "").split())
    if len(prefixes) > MAX_PREFIXES:
        raise Refused(f"a PrefixList of {len(prefixes)} prefixes, at most {MAX_PREFIXES} are accepted")
    return msgspec.structs.replace(method, prefixes=prefixes)


def _parameters(element: etree._Element) -> list[etree._Element]:
    # Most have none, which is seen at once.
    return list(element.iterchildren("*")) if len(element) else []


def process(target: Selection, steps: Sequence[Step]) -> Processed:
    """Apply the transforms in order; what is still a node-set at the end is canonicalised (inclusive, 1.0).

    Raises:
        Refused: a transform cannot be applied to what the ones before it have made.
        Uncanonical: there is no canonical form.
    """
    data: Selection | bytes = target
    source: Selection | None = target
    method: Canonicalization | None = None
    for step in steps:
        if step.uri == BASE64:
            data, source, method = _decode(data), None, None
        elif step.canonicalization is not None:
            again = isinstance(data, bytes)
            data = canonicalize(_as_selection(data), step.canonicalization)
            method = None if again else step.canonicalization
        else:
            assert step.apply is not None
            if isinstance(data, bytes):
                raise Refused(
                    f"transform {step.uri} after one that makes octets: there is no signature in them"
                )
            data = source = step.apply(data)
    if isinstance(data, Selection):
        data, method = canonicalize(data, DEFAULT), DEFAULT
    return Processed(data, source, method)


def _as_selection(data: Selection | bytes) -> Selection:
    if isinstance(data, Selection):
        return data
    try:
        root = parse(data).getroot()
    except NotWellFormed as error:
        raise Refused(f"canonicalisation of octets that are no XML: {error}") from None
    return Selection(root, document=True, comments=True)


def _decode(data: Selection | bytes) -> bytes:
    if isinstance(data, Selection):
        apex = data.isolate()
        data = b"" if apex is None else text_of(apex).encode()
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as error:
        raise Refused(f"the base64 transform meets what is no base64: {error}") from None


def _minus(selection: Selection, cuts: Sequence[etree._Element]) -> Selection:
    return msgspec.structs.replace(selection, without=(*selection.without, *cuts))


def _without_signatures(selection: Selection) -> Selection:
    name = ds("Signature")
    found = tuple(islice(selection.apex.iter(name), MAX_SIGNATURES + 1))
    if len(found) > MAX_SIGNATURES:
        raise Refused(f"more than {MAX_SIGNATURES} signatures and countersignatures to leave out")
    return _minus(selection, (*selection.apex.iterancestors(name), *found))


_NOT_SIGNATURE = re.compile(r"\s*not\s*\(\s*ancestor-or-self\s*::\s*([\w.-]+)\s*:\s*Signature\s*\)\s*")


def _xpath(children: list[etree._Element]) -> Callable[[Selection], Selection]:
    if len(children) != 1 or children[0].tag != ds("XPath"):
        raise Refused("an XPath transform takes one ds:XPath")
    expression = text_of(children[0])
    match = _NOT_SIGNATURE.fullmatch(expression)
    if match is None or children[0].nsmap.get(match[1]) != DS:
        raise Refused(
            f"XPath {expression.strip()[:80]!r}: the only one allowed is not(ancestor-or-self::ds:Signature)"
        )
    return _without_signatures


_ALL_SIGNATURES = re.compile(r"\s*/(?:/|descendant(?:-or-self)?\s*::\s*)([\w.-]+):Signature\s*")
_THIS_SIGNATURE = re.compile(
    r"\s*here\(\s*\)\s*/\s*ancestor(?:-or-self)?\s*::\s*([\w.-]+):Signature\s*\[\s*1\s*\]\s*"
)


def _xpath_filter(
    children: list[etree._Element], signature: etree._Element
) -> Callable[[Selection], Selection]:
    if len(children) != 1 or children[0].tag != f"{{{XPATH_FILTER_2}}}XPath":
        raise Refused("an XPath Filter 2.0 transform is understood with one XPath in it")
    element, expression = children[0], text_of(children[0])
    operation = element.get("Filter")
    if operation == "intersect" and expression.strip() == "/":
        return lambda selection: selection
    every, this = _ALL_SIGNATURES.fullmatch(expression), _THIS_SIGNATURE.fullmatch(expression)
    match = every or this
    if operation != "subtract" or match is None or element.nsmap.get(match[1]) != DS:
        raise Refused(
            f"XPath filter {operation} {expression.strip()[:80]!r}: only subtracting the signature is allowed"
        )
    return _without_signatures if every else lambda selection: _minus(selection, (signature,))
