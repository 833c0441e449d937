"""An XML document for people: indented, and bounded."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from ksef_mock.core.text import visible
from ksef_mock.xades.parsing import NotWellFormed, parse

#: Octets of a document that is indented; what is larger is shown as it is.
_LARGEST = 262_144
#: Characters that are shown.
_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class XmlView:
    """What is shown of a document."""

    text: str
    #: Octets of the whole.
    length: int
    #: Whether nothing is left out at the end.
    is_whole: bool


def xml_view(document: bytes) -> XmlView:
    """The document, indented if that is no work; whatever cannot be read as it is."""
    text = document[: 4 * _LONGEST].decode("utf-8", "backslashreplace")
    if len(document) <= _LARGEST:
        try:
            root = parse(document, to_canonicalize=False).getroot()
        except NotWellFormed:
            pass
        else:
            etree.indent(root)
            text = etree.tostring(root, encoding="unicode")
    is_whole = len(text) <= _LONGEST and len(document) <= _LARGEST
    return XmlView(visible(text[:_LONGEST], keep="\n\t"), len(document), is_whole)
