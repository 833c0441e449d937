"""From a ds:Reference to the octets that it hashes and the part of the document that it thereby protects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from cryptography.hazmat.primitives import hashes
from lxml import etree

from ksef_mock.xades.algorithms import Forbidden, digest, digest_method
from ksef_mock.xades.canonical import Remainder, Selection, Uncanonical
from ksef_mock.xades.structure import Reference
from ksef_mock.xades.transforms import MAX_TRANSFORMS, Processed, Refused, Step, process, read_transform

_XPOINTER_ID = re.compile(r"""#xpointer\(id\((?:'([^']*)'|"([^"]*)")\)\)""")


class Unresolvable(Exception):
    """The URI names nothing that may be signed here; the message says why."""


class Ambiguous(Unresolvable):
    """More than one element has the Id."""


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """A reference with all that could be found out about it."""

    reference: Reference
    #: What the URI names; None if nothing.
    target: Selection | None
    steps: tuple[Step, ...]
    #: None if the target or a transform was refused.
    processed: Processed | None
    #: None if the digest algorithm is not allowed.
    hash: hashes.HashAlgorithm | None
    computed: bytes | None
    algorithm_error: str | None = None
    transform_error: str | None = None
    #: Why there is nothing to hash, other than a refused transform.
    error: str | None = None
    #: The URI names nothing.
    is_missing: bool = False

    @property
    def matches(self) -> bool:
        """Whether the stated digest is that of the octets."""
        return self.computed is not None and self.computed == self.reference.digest

    def protects(self, element: etree._Element) -> bool:
        """Whether the digest, if it matches, vouches for `element` as it stands in the document."""
        selection = self.processed.selection if self.processed else None
        return selection is not None and selection.covers(element)


def resolve(
    reference: Reference,
    root: etree._Element,
    identified: Mapping[str, Sequence[etree._Element]],
    signature: etree._Element,
    remainder: Remainder | None = None,
) -> Resolved:
    """Dereference, transform and hash. No URI ever leads out of the document, and none is ever fetched.

    Args:
        identified: the elements by their Id (document.identified_elements).
        remainder: the document without the signature, where that is known already.
    """
    algorithm, algorithm_error = None, None
    try:
        algorithm = digest_method(reference.digest_algorithm)
    except Forbidden as error:
        algorithm_error = str(error)
    steps: tuple[Step, ...] = ()
    transform_error = None
    try:
        steps = _read_steps(reference, signature)
    except Refused as error:
        transform_error = str(error)
    target, failure, is_missing = None, None, False
    try:
        target = dereference(reference.uri, root, identified, remainder)
    except Unresolvable as error:
        failure, is_missing = str(error), not isinstance(error, Ambiguous)
    processed = None
    if target is not None and transform_error is None:
        try:
            processed = process(target, steps)
        except Refused as error:
            transform_error = str(error)
        except Uncanonical as error:
            failure = str(error)
    return Resolved(
        reference,
        target,
        steps,
        processed,
        algorithm,
        digest(algorithm, processed.octets) if processed and algorithm else None,
        algorithm_error,
        transform_error,
        failure,
        is_missing,
    )


def dereference(
    uri: str | None,
    root: etree._Element,
    identified: Mapping[str, Sequence[etree._Element]],
    remainder: Remainder | None = None,
) -> Selection:
    """What a reference's URI names (XML Signature, 4.4.3.3): the document or one element of it.

    Raises:
        Unresolvable: it leads out of the document, or names no element.
        Ambiguous: it names more than one.
    """
    if uri is None:
        raise Unresolvable("a reference without URI, which only its writer can understand")
    if uri == "":
        return Selection(root, document=True, remainder=remainder)
    if uri == "#xpointer(/)":
        return Selection(root, document=True, comments=True, remainder=remainder)
    if not uri.startswith("#"):
        raise Unresolvable(f"the URI {uri[:100]!r} leads out of the document: never fetched, always refused")
    match = _XPOINTER_ID.fullmatch(uri) if uri.startswith("#xpointer") else None
    name = (match[1] or match[2] or "") if match else uri[1:]
    elements = identified.get(name, ())
    if not elements:
        raise Unresolvable(f"no element has the Id {name[:100]!r}")
    if len(elements) > 1:
        raise Ambiguous(f"{len(elements)} elements have the Id {name[:100]!r}")
    return Selection(elements[0], comments=match is not None)


def _read_steps(reference: Reference, signature: etree._Element) -> tuple[Step, ...]:
    if len(reference.transforms) > MAX_TRANSFORMS:
        raise Refused(f"{len(reference.transforms)} transforms, at most {MAX_TRANSFORMS} are accepted")
    return tuple(read_transform(element, signature) for element in reference.transforms)
