"""How well a requirement is known, and since when it holds."""

from __future__ import annotations

import re
from enum import StrEnum

#: The oldest document of the API with which the present one was compared: what is in both holds since then or
#: longer.
BASELINE = "2.6.0 or earlier"


class Evidence(StrEnum):
    """The evidence for a requirement, the best that there is."""

    REC = "rec"
    TEST = "test"
    TWO = "two"
    DOC = "doc"
    ONE = "one"
    INF = "inf"

    @property
    def meaning(self) -> str:
        """In words."""
        return _MEANINGS[self]


_MEANINGS = {
    Evidence.REC: "a recorded answer of the real system",
    Evidence.TEST: "asserted by an official client's test against TEST",
    Evidence.TWO: "two or more independent public sources",
    Evidence.DOC: "the ministry's text",
    Evidence.ONE: "a single public source",
    Evidence.INF: "inferred",
}
#: What a source is called -> what it is worth, the best first.
_SOURCES = (
    (r"seen on TEST|recorded", Evidence.REC),
    (r"official .*client", Evidence.TEST),
    (r"public clients|several clients", Evidence.TWO),
    (r"OpenAPI|XSD|documented|the document|ministry", Evidence.DOC),
    (r"client", Evidence.ONE),
)


def since_of(source: str) -> str:
    """The version that the sources name with the words "since API 2.6.1"."""
    named = re.search(r"since API ([0-9]+(?:\.[0-9]+)+)", source)
    return named[1] if named else BASELINE


def evidence_of(source: str) -> Evidence:
    """The evidence that the sources of a requirement amount to; a standard alone only lets infer."""
    return next((evidence for words, evidence in _SOURCES if re.search(words, source)), Evidence.INF)
