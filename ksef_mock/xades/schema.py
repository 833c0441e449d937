"""Validation of AuthTokenRequest, without its signature, against the schemas of versions 2.0 and 2.1."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from ksef_mock.xades.canonical import Selection
from ksef_mock.xades.names import VERSIONS, XSI, ds

_SCHEMAS = Path(__file__).with_name("schemas")
_HINTED = etree.XPath("//*[@x:schemaLocation or @x:noNamespaceSchemaLocation]", namespaces={"x": XSI})
_LOCATION_HINTS = (f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation")


class Invalid(Exception):
    """Not valid; the message is the validator's text, one line for each error."""


def validate(request: etree._Element) -> str:
    """The version, `2.0` or `2.1`, of a request that is valid but for a signature as a child of it.

    Raises:
        Invalid: with the validator's text.
    """
    namespace = etree.QName(request).namespace
    version = VERSIONS.get(namespace or "")
    if version is None:
        raise Invalid(
            f"Element '{request.tag}': No matching global declaration available for the validation root:"
            f" the namespace must be one of {', '.join(VERSIONS)}"
        )
    subject = Selection(request, without=tuple(request.iterchildren(ds("Signature")))).isolate()
    assert subject is not None
    # libxml2 would follow these hints of where schemas lie, and read files that the document names.
    hinted: Any = _HINTED(subject)
    for element in hinted:
        for hint in _LOCATION_HINTS:
            element.attrib.pop(hint, "")
    errors = _schema(version).errors(subject)
    if errors:
        raise Invalid("\n".join(errors))
    return version


class _Schema:
    """A compiled schema; lxml keeps the log of the latest validation in it, so one validation at a time."""

    def __init__(self, version: str) -> None:
        self._schema = etree.XMLSchema(file=_SCHEMAS / f"auth-token-request-{version}.xsd")
        self._lock = threading.Lock()

    def errors(self, element: etree._Element) -> list[str]:
        """The validator's messages; none if the element is valid."""
        with self._lock:
            if self._schema.validate(element):
                return []
            log: Any = self._schema.error_log  # the stubs do not know that it can be iterated over
            return [f"line {entry.line}: {entry.message}" for entry in log]


@cache
def _schema(version: str) -> _Schema:
    return _Schema(version)
