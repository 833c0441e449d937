"""The parts of a ds:Signature, read strictly: what is not where XML Signature puts it is an error."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from lxml import etree

from ksef_mock.xades.names import ds, local_name, text_of

#: Real signatures have two or three references; the bound keeps the work linear in the document's size.
MAX_REFERENCES = 10


class Malformed(Exception):
    """Not the structure of a ds:Signature; the message says where."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A ds:Reference as written."""

    uri: str | None
    type: str | None
    transforms: tuple[etree._Element, ...]
    digest_algorithm: str
    digest_text: str

    @property
    def digest(self) -> bytes | None:
        """The stated digest; None if it is not base64."""
        return decode_base64(self.digest_text)

    @property
    def name(self) -> str:
        """The URI as KSeF names it in its details: without the #."""
        return (self.uri or "").removeprefix("#")


@dataclass(frozen=True, slots=True)
class Signature:
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
    parts = _children(element, ("SignedInfo", "SignatureValue", "KeyInfo", "Object"))
    signed_info = _one(element, parts, "SignedInfo")
    value = _one(element, parts, "SignatureValue")
    if len(parts["KeyInfo"]) > 1:
        raise Malformed("Signature has more than one KeyInfo")
    info = _children(signed_info, ("CanonicalizationMethod", "SignatureMethod", "Reference"))
    references = info["Reference"]
    if not references:
        raise Malformed("SignedInfo has no Reference: the signature signs nothing")
    if len(references) > MAX_REFERENCES:
        raise Malformed(f"SignedInfo has {len(references)} references, at most {MAX_REFERENCES} are accepted")
    return Signature(
        element=element,
        signed_info=signed_info,
        canonicalization=_one(signed_info, info, "CanonicalizationMethod"),
        method=_one(signed_info, info, "SignatureMethod"),
        references=tuple(map(_read_reference, references)),
        value_text=text_of(value),
        key_info=parts["KeyInfo"][0] if parts["KeyInfo"] else None,
        objects=tuple(parts["Object"]),
    )


def decode_base64(text: str) -> bytes | None:
    """The octets of an xsd:base64Binary, line breaks and all; None if it is not base64."""
    try:
        return base64.b64decode("".join(text.split()).encode(), validate=True)
    except binascii.Error:
        return None


def _read_reference(element: etree._Element) -> Reference:
    parts = _children(element, ("Transforms", "DigestMethod", "DigestValue"))
    groups = parts["Transforms"]
    if len(groups) > 1:
        raise Malformed("Reference has more than one Transforms")
    transforms = _children(groups[0], ("Transform",))["Transform"] if groups else []
    method = _one(element, parts, "DigestMethod")
    return Reference(
        uri=element.get("URI"),
        type=element.get("Type"),
        transforms=tuple(transforms),
        digest_algorithm=method.get("Algorithm", ""),
        digest_text=text_of(_one(element, parts, "DigestValue")),
    )


def _children(element: etree._Element, names: tuple[str, ...]) -> dict[str, list[etree._Element]]:
    """The child elements by name, in the order that the schema gives them."""
    found: dict[str, list[etree._Element]] = {name: [] for name in names}
    latest = 0
    for child in element.iterchildren("*"):
        name = local_name(child)
        if child.tag != ds(name) or name not in found:
            raise Malformed(f"{local_name(element)} contains {child.tag}, which does not belong there")
        position = names.index(name)
        if position < latest:
            raise Malformed(f"{name} stands after {names[latest]} in {local_name(element)}")
        latest = position
        found[name].append(child)
    return found


def _one(element: etree._Element, parts: dict[str, list[etree._Element]], name: str) -> etree._Element:
    found = parts[name]
    if len(found) != 1:
        raise Malformed(f"{local_name(element)} has {len(found)} {name} elements, it needs exactly one")
    return found[0]
