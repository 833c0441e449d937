"""From bytes to a tree: UTF-8 only, no document type, no entities, bounded depth and width, no I/O."""

from __future__ import annotations

import codecs
import re
import threading

from lxml import etree

#: Levels of elements that a document may have. A signed request with LTA properties has about fifteen.
MAX_DEPTH = 100

#: Attributes that an element may have: canonicalisation sorts them in quadratic time. Real ones have four.
MAX_ATTRIBUTES = 100
#: Namespaces that an element may have in scope: each name is looked for among them. Real ones have ten.
MAX_NAMESPACES = 100
#: Prefixes that an InclusiveNamespaces PrefixList may name. Real ones have up to five.
MAX_PREFIXES = 20
#: `canonical_work` that a document may make. An ordinary one makes 10^5, one with LTA properties 10^7.
MAX_CANONICAL_WORK = 10**8

#: So many steps of `canonical_work` take as long as copying, canonicalising and hashing one octet.
_STEPS_PER_OCTET = 40

_BOM = codecs.BOM_UTF8
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"(?P<v1>[^"]*)"|'(?P<v2>[^']*)')"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"(?P<e1>[^"]*)"|'(?P<e2>[^']*)'))?"""
)
#: White space, processing instructions and comments: what may stand before the root or a document type.
_PROLOG = re.compile(rb"(?:[ \t\r\n]++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_TOO_DEEP = etree.XPath(f"boolean({'/*' * (MAX_DEPTH + 1)})")
_TOO_WIDE = etree.XPath(f"boolean(//@*[{MAX_ATTRIBUTES + 1}])")


class _Parsers(threading.local):
    """A parser for each thread: making one takes as long as it takes to parse a small document."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )


_PARSERS = _Parsers()


class WrongEncoding(Exception):
    """The document is not UTF-8, or claims to be something else."""


class NotWellFormed(Exception):
    """The document is no XML, or uses what is never accepted here."""


def check_encoding(document: bytes) -> str:
    """Make sure that `document` is UTF-8 and says nothing else of itself; returns a remark, usually empty.

    A byte order mark is legal in UTF-8 (XML 1.0, appendix F) and accepted.

    Raises:
        WrongEncoding: with what gave it away.
    """
    for mark, name in _OTHER_MARKS:
        if document.startswith(mark):
            raise WrongEncoding(f"the document begins with the byte order mark of {name}")
    nul = document.find(0)
    if nul >= 0:
        raise WrongEncoding(f"NUL at offset {nul}: UTF-16 or UTF-32 perhaps, and never XML in UTF-8")
    try:
        document.decode("utf-8")
    except UnicodeDecodeError as error:
        octet = document[error.start]
        raise WrongEncoding(
            f"not UTF-8: octet 0x{octet:02X} at offset {error.start}, {error.reason}"
        ) from None
    declared = _declared(document, "e")
    if declared is not None and declared.lower() != b"utf-8":
        name = declared[:40].decode("ascii", "replace")
        raise WrongEncoding(f"the XML declaration says encoding {name!r}, only UTF-8 is accepted")
    return "begins with a UTF-8 byte order mark" if document.startswith(_BOM) else ""


def is_utf8(document: bytes) -> bool:
    """Whether the octets are UTF-8, whatever the XML declaration says of them."""
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def parse(document: bytes, work: int | None = None, *, to_canonicalize: bool = True) -> etree._ElementTree:
    """The tree of a UTF-8 document, comments and processing instructions included.

    Args:
        work: its `canonical_work`, if that is known already.
        to_canonicalize: whether what canonicalisation would cost is bounded too: its work, and the depth
            (which libxml2 itself limits to 256 levels).

    Raises:
        NotWellFormed: not XML 1.0, a document type, an entity, or beyond the bounds.
    """
    version = _declared(document, "v")
    if version is not None and version != b"1.0":
        raise NotWellFormed(f"XML version {version[:10].decode('ascii', 'replace')!r}, only 1.0 is accepted")
    # Looked for before parsing: with no document type there is no entity to expand and nothing to fetch.
    prolog = _PROLOG.match(document, len(_BOM) if document.startswith(_BOM) else 0)
    assert prolog is not None
    if document.startswith(b"<!DOCTYPE", prolog.end()):
        raise NotWellFormed("a document type declaration (DTD) is never accepted")
    if to_canonicalize and (canonical_work(document) if work is None else work) > MAX_CANONICAL_WORK:
        raise NotWellFormed("too many namespace declarations for so many elements")
    try:
        root = etree.fromstring(document, _PARSERS.parser)
    except etree.XMLSyntaxError as error:
        raise NotWellFormed(f"not well-formed: {error.msg}") from None
    # Most documents have too few tags and signs of equality for that: counting them costs less.
    if to_canonicalize and document.count(b"<") > 2 * MAX_DEPTH and _TOO_DEEP(root):
        raise NotWellFormed(f"elements nest deeper than {MAX_DEPTH} levels")
    equals = document.count(b"=")
    if equals > MAX_ATTRIBUTES and _TOO_WIDE(root):
        raise NotWellFormed(f"an element has more than {MAX_ATTRIBUTES} attributes")
    if equals > MAX_NAMESPACES and document.count(b"xmlns") > MAX_NAMESPACES and _has_more_namespaces(root):
        raise NotWellFormed(f"an element has more than {MAX_NAMESPACES} namespaces in scope")
    return root.getroottree()


def _has_more_namespaces(root: etree._Element) -> bool:
    """Whether there are too many in scope anywhere; one that is declared again counts again."""
    present = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        present += 1 if event == "start-ns" else -1
        if present > MAX_NAMESPACES:
            return True
    return False


def canonical_work(document: bytes) -> int:
    """A bound on the steps that one canonicalisation takes (100 million in 0.2 s).

    For each element libxml2 compares every declaration in scope, and every prefix of a PrefixList, with every
    other declaration, which it looks for on each level above.
    """
    prefixes = document.count(b"xmlns") + (MAX_PREFIXES if b"PrefixList" in document else 0)
    return document.count(b"<") * prefixes * (prefixes + MAX_DEPTH)


def canonical_octets(document: bytes, work: int | None = None) -> int:
    """What canonicalising a part of `document` costs, in octets read: finding the part takes the whole.

    `work`: its `canonical_work`, if that is known already.
    """
    return len(document) + (canonical_work(document) if work is None else work) // _STEPS_PER_OCTET


def _declared(document: bytes, what: str) -> bytes | None:
    match = _DECLARATION.match(document, len(_BOM) if document.startswith(_BOM) else 0)
    if match is None:
        return None
    return match[f"{what}1"] if match[f"{what}1"] is not None else match[f"{what}2"]


_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
