"""The parts of a ds:Signature, read strictly: what is not where XML Signature puts it is an error."""

from __future__ import annotations

import binascii
from collections.abc import Mapping

import msgspec
from lxml import etree

from ksef_mock.xades.names import ds, local_name, text_of
from ksef_mock.xades.report import Cause

#: Real signatures have two or three references; the bound keeps the work linear in the document's size.
MAX_REFERENCES = 10


class Malformed(Exception):
    """Not the structure of a ds:Signature; the message says where."""

    def __init__(self, reason: str, cause: Cause = Cause.MALFORMED_SIGNATURE) -> None:
        super().__init__(reason)
        self.cause = cause


class Reference(msgspec.Struct, frozen=True, gc=False):
    """A ds:Reference as written."""

    uri: str | None
    type: str | None
    transforms: tuple[etree._Element, ...]
    digest_algorithm: str
    #: The stated digest as written, and as octets; None if it is not base64.
    digest_text: str
    digest: bytes | None
    #: The ds:DigestValue itself.
    digest_element: etree._Element

    @property
    def name(self) -> str:
        """The URI as KSeF names it in its details: without the #."""
        return (self.uri or "").removeprefix("#")


class Signature(msgspec.Struct, frozen=True, gc=False):
    """A ds:Signature as written."""

    element: etree._Element
    signed_info: etree._Element
    canonicalization: etree._Element
    method: etree._Element
    references: tuple[Reference, ...]
    value_text: str
    key_info: etree._Element | None
    objects: tuple[etree._Element, ...]

    @property
    def value(self) -> bytes | None:
        """The signature value; None if it is not base64."""
        return decode_base64(self.value_text)


def read_signature(element: etree._Element) -> Signature:
    """Take a ds:Signature apart.

    Raises:
        Malformed: it does not have the structure of XML Signature's schema.
    """
    infos, values, key_infos, objects = _children(element, _SIGNATURE)
    signed_info, value = _one(infos, "SignedInfo", element), _one(values, "SignatureValue", element)
    if len(key_infos) > 1:
        raise Malformed("Signature has more than one KeyInfo")
    canonicalizations, methods, references = _children(signed_info, _SIGNED_INFO)
    if not references:
        raise Malformed("SignedInfo has no Reference: the signature signs nothing", Cause.NO_REFERENCES)
    if len(references) > MAX_REFERENCES:
        raise Malformed(f"SignedInfo has {len(references)} references, at most {MAX_REFERENCES} are accepted")
    return Signature(
        element=element,
        signed_info=signed_info,
        canonicalization=_one(canonicalizations, "CanonicalizationMethod", signed_info),
        method=_one(methods, "SignatureMethod", signed_info),
        references=tuple(map(_read_reference, references)),
        value_text=text_of(value),
        key_info=key_infos[0] if key_infos else None,
        objects=tuple(objects),
    )


def decode_base64(text: str) -> bytes | None:
    """The octets of an xsd:base64Binary, line breaks and all; None if it is not base64."""
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        return None


def _read_reference(element: etree._Element) -> Reference:
    groups, methods, values = _children(element, _REFERENCE)
    if len(groups) > 1:
        raise Malformed("Reference has more than one Transforms")
    (transforms,) = _children(groups[0], _TRANSFORMS) if groups else ([],)
    method, value = _one(methods, "DigestMethod", element), _one(values, "DigestValue", element)
    digest_text = text_of(value)
    return Reference(
        uri=element.get("URI"),
        type=element.get("Type"),
        transforms=tuple(transforms),
        digest_algorithm=method.get("Algorithm", ""),
        digest_text=digest_text,
        digest=decode_base64(digest_text),
        digest_element=value,
    )


def _sequence(*names: str) -> dict[object, int]:
    """Qualified name -> position, of the children that an element has in this order."""
    return {ds(name): position for position, name in enumerate(names)}


_SIGNATURE = _sequence("SignedInfo", "SignatureValue", "KeyInfo", "Object")
_SIGNED_INFO = _sequence("CanonicalizationMethod", "SignatureMethod", "Reference")
_REFERENCE = _sequence("Transforms", "DigestMethod", "DigestValue")
_TRANSFORMS = _sequence("Transform")


def _children(element: etree._Element, sequence: Mapping[object, int]) -> list[list[etree._Element]]:
    """The child elements, those of each name in a list, in the order that the schema gives them."""
    found: list[list[etree._Element]] = [[] for _ in sequence]
    latest = 0
    for child in element.iterchildren("*"):
        position = sequence.get(child.tag)
        if position is None:
            raise Malformed(f"{local_name(element)} contains {child.tag}, which does not belong there")
        if position < latest:
            raise Malformed(f"{local_name(child)} stands too late in {local_name(element)}")
        latest = position
        found[position].append(child)
    return found


def _one(found: list[etree._Element], name: str, parent: etree._Element) -> etree._Element:
    if len(found) != 1:
        raise Malformed(f"{local_name(parent)} has {len(found)} {name} elements, it needs exactly one")
    return found[0]
