"""What a part of a document would have looked like to a signer who made one of the usual mistakes.

Nothing here is believed: a variant explains a failure only if its octets have the digest, or the signature,
that the document states.
"""

from __future__ import annotations

import codecs
import contextlib
import copy
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, TypeVar

import msgspec
from lxml import etree

from ksef_mock.xades.canonical import (
    EXC_C14N,
    METHODS,
    Canonicalization,
    Selection,
    Uncanonical,
    canonicalize,
    serialize,
)
from ksef_mock.xades.names import local_name

_Part = TypeVar("_Part")

#: Namespace contexts are tried in all combinations of this many declarations at most.
_MAX_DECLARATIONS = 6
#: Elements nested deeper than the signer's pretty printer would indent them do not occur.
_INDENTS = ("  ", "    ", "\t")


class Variant(msgspec.Struct, frozen=True):
    """Octets that a signer may have hashed instead, and what that would mean."""

    octets: bytes
    mistake: str


def variants(selection: Selection, method: Canonicalization, octets: bytes) -> Iterator[Variant]:
    """Variants of the part that `selection` and `method` turned into `octets`, the likelier ones first."""
    yield from _other_methods(selection, method)
    yield from _in_place(selection, method)
    yield from _line_ends(octets)
    apex = selection.isolate()
    if apex is None:
        return
    yield from _namespaces(apex, method, octets)
    yield from _white_space(apex, method)
    yield from _not_canonical(apex)


def documents(document: bytes) -> Iterator[Variant]:
    """The document's own bytes, uncanonicalised, with and without its signature."""
    bare = _DECLARATION.sub(b"", document.removeprefix(codecs.BOM_UTF8))
    for octets, what in (
        (document, "the document's bytes as they are"),
        (bare, "the document's bytes without XML declaration"),
        (_SIGNATURE.sub(b"", document), "the document's bytes with the signature cut out"),
        (_SIGNATURE.sub(b"", bare), "the document's bytes with signature and XML declaration cut out"),
    ):
        for ending in (b"", b"\n", b"\r\n"):
            for mark, marked in ((b"", ""), (codecs.BOM_UTF8, ", with a byte order mark in front")):
                for text in (octets.strip() + ending, octets + ending):
                    yield Variant(mark + text, f"{what} were hashed, not canonicalised{marked}")


_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>\s*")
_SIGNATURE = re.compile(rb"<(?P<name>(?:[\w.-]+:)?Signature)[\s>].*</(?P=name)>", re.DOTALL)


def _other_methods(selection: Selection, method: Canonicalization) -> Iterator[Variant]:
    for comments in (selection.comments, not selection.comments):
        for other in METHODS.values():
            octets = _attempt(canonicalize, msgspec.structs.replace(selection, comments=comments), other)
            if octets is not None:
                same = _or_without_context(selection.apex) if _is_narrower(other, method) else ""
                yield Variant(octets, f"canonicalised by {other.uri} instead of {method.uri}{same}")
    if method.prefixes:
        octets = _attempt(canonicalize, selection, msgspec.structs.replace(method, prefixes=()))
        if octets is not None:
            yield Variant(octets, "canonicalised without the InclusiveNamespaces PrefixList")


def _in_place(selection: Selection, method: Canonicalization) -> Iterator[Variant]:
    """What lxml makes of a part where it stands, as every signer does that calls it (see `canonical`)."""
    if method.base == EXC_C14N or selection.document or selection.without:
        return
    with contextlib.suppress(etree.LxmlError, ValueError):
        yield Variant(
            etree.tostring(selection.apex, method="c14n", with_comments=False),
            f"lxml canonicalised the {local_name(selection.apex)} where it stands, and so undeclared its"
            ' default namespace (xmlns="") further down; it has to be done in a document of its own',
        )


def _is_narrower(other: Canonicalization, method: Canonicalization) -> bool:
    return other.base == EXC_C14N and method.base != EXC_C14N


def _or_without_context(apex: etree._Element) -> str:
    """Exclusive c14n makes the same octets as inclusive c14n of a part torn from its namespace context."""
    if apex.getparent() is None and len(apex.nsmap) == 1:
        return ""
    return f", or the {local_name(apex)} was outside its namespace context, which comes to the same"


def _line_ends(octets: bytes) -> Iterator[Variant]:
    yield Variant(
        octets.replace(b"\n", b"\r\n"), "signed with CRLF line ends, which any XML parser turns into LF"
    )
    yield Variant(octets.replace(b"\n", b"&#xD;\n"), "signed with CRLF line ends, sent with LF")
    yield Variant(
        octets.replace(b"&#xD;", b""), "signed with LF line ends, sent with carriage returns as &#13;"
    )
    yield Variant(octets + b"\n", "signed with a newline at the end")
    yield Variant(codecs.BOM_UTF8 + octets, "signed with a byte order mark in front")
    yield Variant(
        b'<?xml version="1.0" encoding="UTF-8"?>' + octets, "signed with the XML declaration in front"
    )
    yield Variant(
        b'<?xml version="1.0" encoding="utf-8"?>' + octets, "signed with the XML declaration in front"
    )


def _namespaces(apex: etree._Element, method: Canonicalization, octets: bytes) -> Iterator[Variant]:
    name = local_name(apex)
    if not apex.prefix:
        without = re.sub(rb' xmlns="[^"]*"', b"", octets)
        yield Variant(without, f"{name} was signed before it got its default namespace (xmlns)")
    if method.base == EXC_C14N:
        return
    optional = sorted((prefix for prefix in apex.nsmap if prefix != apex.prefix), key=str)[:_MAX_DECLARATIONS]
    for count in range(len(optional)):
        for kept in combinations(optional, count):
            alone = _attempt(serialize, _in_context(apex, kept), method)
            if alone is not None:
                missing = ", ".join(_xmlns(prefix) for prefix in optional if prefix not in kept)
                yield Variant(
                    alone,
                    f"{name} was canonicalised outside its namespace context: without {missing} in scope",
                )


def _in_context(apex: etree._Element, kept: tuple[str | None, ...]) -> etree._Element:
    """A copy on its own, with its own and the `kept` declarations on it; others where they are used."""
    nsmap = {prefix: apex.nsmap[prefix] for prefix in (*kept, apex.prefix) if prefix in apex.nsmap}
    # The stubs know neither the default namespace's key, None, nor that names come back as they went in.
    attributes: dict[str, Any] = dict(apex.attrib.items())  # type: ignore[arg-type]
    alone = etree.Element(apex.tag, attributes, nsmap=nsmap)  # type: ignore[arg-type]
    alone.text = apex.text
    for child in apex:
        alone.append(copy.deepcopy(child))
    return alone


def _xmlns(prefix: str | None) -> str:
    return f"xmlns:{prefix}" if prefix else "xmlns"


def _white_space(apex: etree._Element, method: Canonicalization) -> Iterator[Variant]:
    changes: list[tuple[str, Callable[[etree._Element], None]]] = [
        ("white space between elements was added after signing (pretty-printed)", _drop_blanks),
        ("white space around values was added after signing", _trim),
        ("line breaks were put into base64 or other values after signing", _join_lines),
    ]
    for indent in _INDENTS:
        unit = "a tab" if indent == "\t" else f"{len(indent)} blanks"
        changes.append(
            (
                f"white space between elements (indentation by {unit}) was removed after signing",
                _indenter(indent),
            )
        )
    for mistake, change in changes:
        altered = Selection(apex).isolate()
        assert altered is not None
        change(altered)
        octets = _attempt(serialize, altered, method)
        if octets is not None:
            yield Variant(octets, mistake)


def _drop_blanks(apex: etree._Element) -> None:
    for element in apex.iter("*"):
        if len(element) and not (element.text or "").strip():
            element.text = None
        if element is not apex and not (element.tail or "").strip():
            element.tail = None


def _trim(apex: etree._Element) -> None:
    for element in apex.iter("*"):
        if not len(element):
            element.text = (element.text or "").strip()


def _join_lines(apex: etree._Element) -> None:
    for element in apex.iter("*"):
        if not len(element):
            element.text = "".join(line.strip() for line in (element.text or "").splitlines())


def _indenter(indent: str) -> Callable[[etree._Element], None]:
    def change(apex: etree._Element) -> None:
        _drop_blanks(apex)
        etree.indent(apex, indent)

    return change


def _not_canonical(apex: etree._Element) -> Iterator[Variant]:
    alone = copy.deepcopy(apex)
    alone.tail = None
    yield Variant(
        etree.tostring(alone, encoding="utf-8"), "serialised but not canonicalised (<a/> is not <a></a>)"
    )


def _attempt(
    make: Callable[[_Part, Canonicalization], bytes], part: _Part, method: Canonicalization
) -> bytes | None:
    try:
        return make(part, method)
    except Uncanonical:
        return None
