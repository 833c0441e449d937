"""One fault of a document against its schema, in .NET's words.

The templates are those of XmlSchemaValidator (KSeF puts its sentences unchanged into the details of 21401 and
of an invoice's status 450); a test lets the validator itself say them, where a .NET runtime is at hand.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from itertools import groupby

import msgspec

from ksef_mock.core.xsd.grammar import Any, Element, Leaf


class Kind(StrEnum):
    """What kind of fault it is."""

    UNDECLARED_ROOT = "undeclared root"
    UNEXPECTED_ELEMENT = "unexpected element"
    INCOMPLETE_CONTENT = "incomplete content"
    UNEXPECTED_TEXT = "unexpected text"
    MISSING_ATTRIBUTE = "missing attribute"
    UNDECLARED_ATTRIBUTE = "undeclared attribute"
    FIXED_VALUE = "fixed value"
    INVALID_VALUE = "invalid value"
    NIL = "xsi:nil"
    XSI_TYPE = "xsi:type"
    OTHER = "other"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence of the validator, and what it was made of."""

    kind: Kind
    #: As KSeF writes it, in English.
    message: str
    #: Where, by local names and positions among equal ones: `/Faktura/Fa/FaWiersz[2]/P_11`, `/Faktura/@id`.
    path: str
    line: int
    #: The value, where it is the value that is wrong.
    value: str | None = None
    #: The name of the type whose constraint failed, as .NET writes it.
    type: str | None = None
    #: The constraint that failed, e.g. `pattern`; `lexical` where the text is no value of the built-in type.
    facet: str | None = None
    #: What the schema says of that constraint: the pattern, the length, the first enumerated values.
    limit: str | None = None
    #: Local names of the elements that may stand there, in the schema's order.
    expected: tuple[str, ...] = ()


def dotnet(qname: str) -> str:
    """`{ns}name` as .NET writes it in most places: `ns:name`."""
    return qname[1:].replace("}", ":", 1) if qname.startswith("{") else qname


def in_namespace(qname: str) -> str:
    """`{ns}name` as .NET writes it of content: `'name' in namespace 'ns'`."""
    namespace, name = split(qname)
    return f"'{name}' in namespace '{namespace}'" if namespace else f"'{name}'"


def split(qname: str) -> tuple[str, str]:
    """Namespace, empty for none, and local name."""
    namespace, _, name = qname.rpartition("}")
    return namespace[1:], name


def expectation(leaves: list[Leaf]) -> str:
    """The sentence with what may stand there, or nothing."""
    if not leaves:
        return ""
    listed = " as well as ".join(
        _names(list(group), namespace) for namespace, group in groupby(leaves, key=_namespace)
    )
    return f" List of possible elements expected: {listed}."


def _namespace(leaf: Leaf) -> str:
    return leaf.namespaces if isinstance(leaf, Any) else split(leaf.qname)[0]


def _names(leaves: list[Leaf], namespace: str) -> str:
    if isinstance(leaves[0], Any):
        return f"any element in namespace '{', '.join(namespace.split())}'"
    names = ", ".join(split(leaf.qname)[1] for leaf in leaves if isinstance(leaf, Element))
    return in_namespace(f"{{{namespace}}}{names}" if namespace else names)


def undeclared_root(qname: str, namespaces: Collection[str]) -> str:
    """Of a root that a schema does not declare which declares anything in these namespaces."""
    if split(qname)[0] in namespaces:
        return f"The '{dotnet(qname)}' element is not declared."
    return f"Could not find schema information for the element '{dotnet(qname)}'."


def other_than_fixed(qname: str, what: str) -> str:
    """Of an attribute or an element (`what`) with another value than the schema fixes."""
    return f"The value of the '{dotnet(qname)}' {what} does not equal its fixed value."


def missing_attribute(qname: str) -> str:
    """Of a required attribute that is not there."""
    return f"The required attribute '{dotnet(qname)}' is missing."


#: Of xsi:nil, whatever it says, on an element that is not nillable: no element of an invoice is.
NIL = (
    "If the 'nillable' attribute is false in the schema, the 'xsi:nil' attribute must not be present in the"
    " instance."
)
_NAME = re.compile(r"[^\W\d][\w.\-]*")
_NO_PART_OF_NAMES = re.compile(r"[^\w.\-]")


def no_qname(value: str) -> str:
    """What is said of an xsi:type that names no type."""
    text = value.strip(" \t\r\n")
    prefix, colon, name = text.partition(":")
    wrong = _NO_PART_OF_NAMES.search(text)
    if not text:
        why = "The attribute value cannot be empty."
    elif colon and _NAME.fullmatch(prefix) and _NAME.fullmatch(name):
        why = f"'{prefix}' is an undeclared prefix."
    elif wrong:
        why = f"The {_character(wrong[0])}, cannot be included in a name."
    else:
        why = f"Name cannot begin with the {_character(text[0])}."
    return f"The attribute 'type' has an invalid value '{value}' according to its schema type 'QName' - {why}"


def _character(one: str) -> str:
    return f"'{one}' character, hexadecimal value 0x{ord(one):02X}"


#: Facets -> the end of the sentence, in the order in which .NET looks at them.
CONSTRAINTS: dict[str, str] = {
    "pattern": "The Pattern constraint failed.",
    "length": "The actual length is not equal to the specified length.",
    "minLength": "The actual length is less than the MinLength value.",
    "maxLength": "The actual length is greater than the MaxLength value.",
    "maxInclusive": "The MaxInclusive constraint failed.",
    "maxExclusive": "The MaxExclusive constraint failed.",
    "minInclusive": "The MinInclusive constraint failed.",
    "minExclusive": "The MinExclusive constraint failed.",
    "enumeration": "The Enumeration constraint failed.",
    "totalDigits": "The TotalDigits constraint failed.",
    "fractionDigits": "The FractionDigits constraint failed.",
}

#: What .NET says of a token of nothing but white space, before it looks at the length.
BLANK_TOKEN = (
    "line-feed (#xA) or tab (#x9) characters, leading or trailing spaces and sequences of one or more spaces"
    " (#x20) are not allowed in 'xs:token'."
)
