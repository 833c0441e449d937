"""Where the one signature and the one AuthTokenRequest stand, and whether that is a form KSeF takes."""

from __future__ import annotations

import msgspec
from lxml import etree

from ksef_mock.xades.names import XML, ds, local_name, xades

ENVELOPED = "enveloped"
ENVELOPING = "enveloping"

_SIGNATURE = ds("Signature")
_COUNTER_SIGNATURE, _UNSIGNED = xades("CounterSignature"), xades("UnsignedSignatureProperties")
#: In any namespace: two elements of this name are never an honest document.
_REQUEST = "{*}AuthTokenRequest"
_ID_ATTRIBUTES = frozenset(("Id", "ID", "id", f"{{{XML}}}id"))

#: Why there is a ds:Signature with nothing in it.
PLACEHOLDER = (
    "the empty Signature is the placeholder of the documentation's example: it has to go before signing"
)


class NoSignature(Exception):
    """There is no ds:Signature."""


class TooManySignatures(Exception):
    """There is more than one. `explanation` names the usual mistake, where proven."""

    def __init__(self, reason: str, explanation: str | None = None) -> None:
        super().__init__(reason)
        self.explanation = explanation


class WrongForm(Exception):
    """Neither enveloped nor enveloping; the message says what was found instead."""


def find_signature(root: etree._Element) -> etree._Element:
    """The only signature of the document.

    Raises:
        NoSignature: none.
        TooManySignatures: more.
    """
    found = [each for each in root.iter(_SIGNATURE) if not _is_counter_signature(each)]
    if not found:
        raise NoSignature("there is no ds:Signature in the document")
    if len(found) > 1:
        raise TooManySignatures(
            f"there are {len(found)} ds:Signature elements, exactly one is accepted",
            PLACEHOLDER if any(map(is_placeholder, found)) else None,
        )
    return found[0]


def is_placeholder(signature: etree._Element) -> bool:
    """Whether nothing but blanks and comments stands in it: the documentation's has a comment."""
    return next(signature.iterchildren("*"), None) is None


def _is_counter_signature(signature: etree._Element) -> bool:
    """Whether it is an unsigned property of the signature around it, not a signature of the request."""
    parent = signature.getparent()
    if parent is None or parent.tag != _COUNTER_SIGNATURE:
        return False
    around = parent.getparent()
    return around is not None and around.tag == _UNSIGNED


class Layout(msgspec.Struct, frozen=True, gc=False):
    """The form of the document and the one AuthTokenRequest in it."""

    form: str
    request: etree._Element


def find_layout(root: etree._Element, signature: etree._Element) -> Layout:
    """Tell an enveloped signature from an enveloping one.

    Whatever is read later is read from `Layout.request`, the only element of its name in the document: no
    moved original and no second request can be signed in place of the one that is read.

    Raises:
        WrongForm: anything else, detached signatures and wrappings among it.
    """
    requests = list(root.iter(_REQUEST))
    if len(requests) != 1:
        raise WrongForm(
            f"there are {len(requests)} AuthTokenRequest elements, exactly one is accepted"
            if requests
            else "there is no AuthTokenRequest in the document: a detached signature, or of something else"
        )
    request = requests[0]
    if request is root:
        if signature.getparent() is not root:
            raise WrongForm("the ds:Signature is not a child of AuthTokenRequest")
        return Layout(ENVELOPED, request)
    container = request.getparent()
    if (
        signature is root
        and container is not None
        and container.tag == ds("Object")
        and container.getparent() is root
    ):
        return Layout(ENVELOPING, request)
    if signature is root:
        raise WrongForm("the AuthTokenRequest is in the ds:Signature, but not a child of a ds:Object of it")
    raise WrongForm(
        f"the root is {local_name(root)}, not AuthTokenRequest (enveloped) or ds:Signature (enveloping)"
    )


def identified_elements(root: etree._Element) -> dict[str, list[etree._Element]]:
    """Every element by its Id, ID, id or xml:id. A name that has several of them must not be referred to."""
    elements: dict[str, list[etree._Element]] = {}
    for element in root.iter("*"):
        for name, value in element.items():
            if name in _ID_ATTRIBUTES:
                elements.setdefault(str(value), []).append(element)
    return elements
