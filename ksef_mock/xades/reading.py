"""The first half of a verification: from bytes to a valid AuthTokenRequest, no cryptography yet."""

from __future__ import annotations

import msgspec
from lxml import etree

from ksef_mock.core.codes import Code
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.xades import schema
from ksef_mock.xades.canonical import Remainder
from ksef_mock.xades.document import (
    ENVELOPED,
    PLACEHOLDER,
    Layout,
    NoSignature,
    TooManySignatures,
    WrongForm,
    find_layout,
    find_signature,
    is_placeholder,
)
from ksef_mock.xades.names import local_name, text_of
from ksef_mock.xades.parsing import (
    NotWellFormed,
    WrongEncoding,
    canonical_octets,
    canonical_work,
    check_encoding,
    parse,
)
from ksef_mock.xades.report import BAD_SIGNATURE, Cause, Check, Refusal, Report, failed, passed
from ksef_mock.xades.structure import Malformed, Signature, read_signature
from ksef_mock.xades.transforms import canonicalizes

#: `canonical_octets` that all references of a document together may take; an ordinary one takes 20,000.
MAX_WORK = 8 * 2**20


class AuthTokenRequest(msgspec.Struct, frozen=True, gc=False):
    """The request that was signed. Its values match the patterns of their types."""

    #: "2.0" or "2.1".
    version: str
    challenge: str
    context: Identifier
    #: "certificateSubject" or "certificateFingerprint".
    subject_identifier_type: str
    allowed_ips: AllowedIps | None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A document as far as it could be read. Not to be used by two threads at once."""

    octets: bytes
    report: Report
    root: etree._Element | None = None
    #: The one ds:Signature; None if there is not one, or if it is malformed.
    signature: Signature | None = None
    layout: Layout | None = None
    #: None unless the document passed the schema.
    request: AuthTokenRequest | None = None
    #: An enveloped signature's document without it.
    remainder: Remainder | None = None


def read(document: bytes) -> Reading:
    """Read a signed AuthTokenRequest and report on everything up to its schema.

    Never raises, whatever the bytes. Its time and memory are linear in their number, which the caller bounds.
    """
    report, work = Report(), canonical_work(document)
    root = _read_tree(document, work, report)
    if root is None:
        return Reading(document, report)
    element = _locate_signature(root, report)
    if element is None:
        return Reading(document, report, root)
    signature = _read_signature(document, work, element, report)
    layout = _locate_request(root, element, report)
    if layout is None:
        return Reading(document, report, root, signature)
    remainder = Remainder.of(root, element) if layout.form == ENVELOPED else None
    request = _read_request(document, layout, element, remainder, report)
    return Reading(document, report, root, signature, layout, request, remainder)


def _read_tree(document: bytes, work: int, report: Report) -> etree._Element | None:
    try:
        remark = check_encoding(document)
    except WrongEncoding as error:
        report.record(failed(Check.ENCODING, Cause.ENCODING, str(error), Refusal(Code.INVALID_ENCODING)))
        return None
    report.record(passed(Check.ENCODING, remark))
    try:
        root = parse(document, work).getroot()
    except NotWellFormed as error:
        report.record(
            failed(Check.WELL_FORMEDNESS, Cause.NOT_WELL_FORMED, str(error), Refusal(Code.UNREADABLE))
        )
        return None
    report.record(passed(Check.WELL_FORMEDNESS))
    return root


def _locate_signature(root: etree._Element, report: Report) -> etree._Element | None:
    try:
        signature = find_signature(root)
    except NoSignature as error:
        report.record(failed(Check.ONE_SIGNATURE, Cause.NO_SIGNATURE, str(error), Refusal(Code.NO_SIGNATURE)))
        return None
    except TooManySignatures as error:
        refusal = Refusal(Code.TOO_MANY_SIGNATURES)
        many = failed(
            Check.ONE_SIGNATURE,
            Cause.TOO_MANY_SIGNATURES,
            str(error),
            refusal,
            explanation=error.explanation,
        )
        report.record(many)
        return None
    return signature


def _read_signature(document: bytes, work: int, element: etree._Element, report: Report) -> Signature | None:
    try:
        signature = read_signature(element)
        _check_work(document, work, signature)
    except Malformed as error:
        explanation = PLACEHOLDER if is_placeholder(element) else None
        report.record(
            failed(Check.ONE_SIGNATURE, error.cause, str(error), BAD_SIGNATURE, explanation=explanation)
        )
        return None
    report.record(passed(Check.ONE_SIGNATURE))
    return signature


def _check_work(document: bytes, work: int, signature: Signature) -> None:
    """Make sure that the references can be hashed in a moment.

    Raises:
        Malformed: they cannot.
    """
    parts = sum(max(1, sum(map(canonicalizes, each.transforms))) for each in signature.references)
    if canonical_octets(document, work) * (parts + 1) > MAX_WORK:
        raise Malformed(f"a document of {len(document)} octets is too large to be hashed in {parts} parts")


def _locate_request(root: etree._Element, signature: etree._Element, report: Report) -> Layout | None:
    try:
        layout = find_layout(root, signature)
    except WrongForm as error:
        report.record(failed(Check.FORM, Cause.FORM, str(error), Refusal(Code.INVALID_DOCUMENT)))
        return None
    report.facts.form = layout.form
    report.record(passed(Check.FORM, layout.form))
    return layout


def _read_request(
    document: bytes,
    layout: Layout,
    signature: etree._Element,
    remainder: Remainder | None,
    report: Report,
) -> AuthTokenRequest | None:
    try:
        version = schema.validate(layout.request, remainder, octets=document)
    except schema.Invalid as error:
        reason = f"not valid against the schema: {error}"
        report.record(failed(Check.SCHEMA, Cause.SCHEMA, reason, Refusal(Code.SCHEMA, error.details)))
        return None
    report.facts.version = version
    request = _values(layout, version)
    if not is_context_identifier(request.context):
        # The schema's \d means any Unicode digit.
        reason = f"valid, but {request.context.type} has digits other than 0 to 9"
        report.record(failed(Check.SCHEMA, Cause.FOREIGN_DIGITS, reason, Refusal(Code.VALIDATION)))
        return None
    split = _split_values(layout, signature)
    if split:
        # Comments are no part of what is usually signed: a reader that stops at one reads something unsigned.
        reason = f"a comment or processing instruction stands inside of a value: {', '.join(split)}"
        report.record(failed(Check.SCHEMA, Cause.SPLIT_VALUE, reason, Refusal(Code.INVALID_DOCUMENT)))
    else:
        report.record(passed(Check.SCHEMA, f"version {version}"))
    return request


def _values(layout: Layout, version: str) -> AuthTokenRequest:
    """The values of a request that the schema has found valid."""
    parts = {local_name(child): child for child in layout.request.iterchildren("*")}
    (context,) = parts["ContextIdentifier"].iterchildren("*")
    policy = parts.get("AuthorizationPolicy")
    return AuthTokenRequest(
        version=version,
        challenge=_collapsed(parts["Challenge"]),
        # xs:string: every white space counts, and the pattern has left none.
        context=Identifier(local_name(context), text_of(context)),
        subject_identifier_type=_collapsed(parts["SubjectIdentifierType"]),
        allowed_ips=None if policy is None else _allowed_ips(policy),
    )


def _allowed_ips(policy: etree._Element) -> AllowedIps:
    entries: dict[str, list[str]] = {"Ip4Address": [], "Ip4Range": [], "Ip4Mask": []}
    for element in policy.iter("*"):
        if local_name(element) in entries:
            entries[local_name(element)].append(_collapsed(element))
    return AllowedIps(*(tuple(values) for values in entries.values()))


def _collapsed(element: etree._Element) -> str:
    """The value of an xs:token."""
    return " ".join(text_of(element).split())


def _split_values(layout: Layout, signature: etree._Element) -> list[str]:
    """The values of the request that have a comment or processing instruction in the middle."""
    if next(layout.request.iter(etree.Comment, etree.PI), None) is None:
        return []
    parts = (part for part in layout.request.iterchildren("*") if part is not signature)
    return [local_name(element) for part in parts for element in part.iter("*") if _is_split(element)]


def _is_split(element: etree._Element) -> bool:
    return len(element) > 0 and next(element.iterchildren("*"), None) is None
