"""The names of XML Signature and XAdES, and how to read what bears them."""

from __future__ import annotations

from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
DS11 = "http://www.w3.org/2009/xmldsig11#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
XML = "http://www.w3.org/XML/1998/namespace"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

#: Type of the reference to xades:SignedProperties (ETSI EN 319 132-1, 4.4).
SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"

#: Namespace of AuthTokenRequest -> its version.
VERSIONS = {
    "http://ksef.mf.gov.pl/auth/token/2.0": "2.0",
    "http://ksef.mf.gov.pl/auth/token/2.1": "2.1",
}


def ds(name: str) -> str:
    """The qualified name of an XML Signature element, as lxml writes it."""
    return f"{{{DS}}}{name}"


def xades(name: str) -> str:
    """The qualified name of a XAdES 1.3.2 element, as lxml writes it."""
    return f"{{{XADES}}}{name}"


def child(element: etree._Element, tag: str) -> etree._Element | None:
    """The first child element with this qualified name."""
    for found in element.iterchildren(tag):
        return found
    return None


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; empty for comments and processing instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text_of(element: etree._Element) -> str:
    """All character data inside, as canonicalisation without comments leaves it: in one piece."""
    return (element.text or "") if len(element) == 0 else "".join(map(str, element.itertext()))
