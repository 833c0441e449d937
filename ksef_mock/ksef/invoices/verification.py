"""Whether KSeF accepts an invoice, and why not: bytes and rules in, a report out. No store, no server.

What a document alone cannot tell, duplicates and technical corrections, is asked elsewhere and recorded into
the report by whoever knows (`report.failed(Check.DUPLICATE, …)`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec
from lxml import etree

from ksef_mock.clock import Instant
from ksef_mock.core import dates
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, has_check_digit
from ksef_mock.core.xsd import Fault, Kind, Schema
from ksef_mock.core.xsd.faults import missing_attribute, other_than_fixed, undeclared_root
from ksef_mock.ksef.invoices import documents, rules
from ksef_mock.ksef.invoices.documents import Document
from ksef_mock.ksef.invoices.files import Declared, Encrypted, check_file, decrypted
from ksef_mock.ksef.invoices.forms import BY_TAG, FA3, Form
from ksef_mock.ksef.invoices.report import Cause, Check, Report
from ksef_mock.ksef.invoices.rules import InvoiceStatus, Rights
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.xades.names import XSI
from ksef_mock.xades.parsing import NotWellFormed, WrongEncoding, check_encoding, parse

#: Encodings that Polish programs write by mistake.
_OTHER_ENCODINGS = ("windows-1250", "iso-8859-2", "utf-16")
_DECLARATION = (b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n")
#: Elements whose xsi:nil and xsi:type are undone to explain a fault, at most.
_MOST_TOLD = 1_000
_POLISH = set("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ")
#: The first alone: all of them would be put in order, in quadratic time.
_FIRST_INSTRUCTION = etree.XPath("/descendant::processing-instruction()[1]")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What an invoice is judged by."""

    #: The form of the session.
    form: Form = FA3
    schemas: Schemas
    #: Bytes, without and with an attachment (GET /limits/context).
    max_size: int = 1_000_000
    max_size_with_attachment: int = 3_000_000
    #: Checksums of NIPs and internal identifiers: on production only.
    checks_checksums: bool = False
    #: Discouraged characters and processing instructions are refused.
    strict_xml: bool = True
    #: The session is an interactive one: no attachments, except in PEF and technical corrections.
    is_interactive: bool = True
    is_correction: bool = False


_NOTHING = Declared()


def verify(
    invoice: bytes | Encrypted,
    rules_: Rules,
    *,
    at: Instant,
    rights: Rights | None = None,
    declared: Declared = _NOTHING,
) -> Report:
    """Judge an invoice. Never raises, whatever the octets; time and memory are linear in their number.

    Args:
        at: when it was accepted for processing: P_1 must not be later, by Warsaw's date.
        rights: for whom the sender's context may invoice; None: not checked.
    """
    report = Report()
    octets = decrypted(invoice, declared, report)
    if octets is not None:
        report.octets = octets
        check_file(octets, invoice, declared, report)
        root = _read(octets, rules_, report)
        if root is not None:
            document = report.document = documents.read(root)
            _check_size_limit(octets, document, rules_, report)
            _check_schema(octets, root, document, rules_, report)
            _check_checksums(document, rules_, report)
            _check_attachment(document, rules_, rights, report)
            _check_right(document, rights, report)
            _check_issue_date(document, at, report)
    reason = "the document could not be read" if report.document is None else "needs KSeF's other invoices"
    report.skip_missing(reason)
    return report


def form_of(octets: bytes) -> Form:
    """The form that a document shows itself to be of; FA(3) where it shows none."""
    try:
        root = parse(octets, to_canonicalize=False).getroot()
    except NotWellFormed:
        return FA3
    return BY_TAG.get(str(root.tag), FA3)


def _check_size_limit(octets: bytes, document: Document, rules_: Rules, report: Report) -> None:
    most = rules_.max_size_with_attachment if document.has_attachment else rules_.max_size
    size = report.of(Check.SIZE)
    if len(octets) > most and (size is None or size.cause is None):
        report.failed(
            Check.SIZE,
            Cause.TOO_LARGE,
            f"the file has {len(octets)} octets, at most {most} are allowed",
            InvoiceStatus.FILE_ERROR,
            rules.too_large(most),
            evidence={"found": str(len(octets)), "limit": str(most)},
        )


# -- the XML ------------------------------------------------------------------------------------------------


def _read(octets: bytes, rules_: Rules, report: Report) -> etree._Element | None:
    try:
        check_encoding(octets)
    except WrongEncoding as error:
        report.failed(
            Check.ENCODING,
            Cause.NOT_UTF8,
            str(error),
            InvoiceStatus.INVALID,
            rules.NOT_XML,
            explanation=_other_encoding(octets),
        )
        return None
    report.passed(Check.ENCODING, "UTF-8")
    try:
        root = parse(octets, to_canonicalize=False).getroot()
    except NotWellFormed as error:
        report.failed(
            Check.WELL_FORMEDNESS, Cause.NOT_WELL_FORMED, str(error), InvoiceStatus.INVALID, rules.NOT_XML
        )
        return None
    report.passed(Check.WELL_FORMEDNESS)
    if rules_.strict_xml:
        _check_characters(octets, root, report)
        _check_instructions(octets, root, report)
    else:
        report.skipped(Check.CHARACTERS, "this environment does not refuse them yet")
        report.skipped(Check.PROCESSING_INSTRUCTIONS, "this environment does not refuse them yet")
    return root


def _other_encoding(octets: bytes) -> str | None:
    """The encoding in which the octets are a document with Polish letters, if there is one."""
    for encoding in _OTHER_ENCODINGS:
        try:
            text = octets.decode(encoding)
            parse(re.sub(r"^\ufeff?<\?xml[^>]*\?>", "", text).encode())
        except (UnicodeError, NotWellFormed):
            continue
        if encoding == "utf-16" or _POLISH & set(text):
            return f"the octets are {encoding}: the document must be written in UTF-8"
    return None


def _check_characters(octets: bytes, root: etree._Element, report: Report) -> None:
    found = rules.discouraged(octets)
    if found is None and b"&" in octets and b"&#" in octets:  # one octet is looked for much faster than two
        found = rules.discouraged("".join(_texts(root)).encode())
    if found is None:
        report.passed(Check.CHARACTERS)
        return
    report.failed(
        Check.CHARACTERS,
        Cause.DISCOURAGED_CHARACTER,
        f"the document holds the discouraged character U+{ord(found):04X}",
        InvoiceStatus.INVALID,
        rules.NOT_XML,
        evidence={"character": f"U+{ord(found):04X}"},
    )


def _texts(root: etree._Element) -> Iterator[str]:
    for element in root.iter("*"):
        yield from map(str, element.attrib.values())
        yield element.text or ""
        yield element.tail or ""


def _check_instructions(octets: bytes, root: etree._Element, report: Report) -> None:
    # Most documents have no question mark but those of the XML declaration.
    declared = octets.find(b"?>") + 2 if octets.startswith(_DECLARATION) else 0
    possible = octets.find(b"?", declared) >= 0
    instructions: Any = _FIRST_INSTRUCTION(root) if possible else ()
    found = next(iter(instructions), None)
    if found is None:
        report.passed(Check.PROCESSING_INSTRUCTIONS)
        return
    report.failed(
        Check.PROCESSING_INSTRUCTIONS,
        Cause.PROCESSING_INSTRUCTION,
        f"processing instructions are refused, the document has <?{found.target} …?>",
        InvoiceStatus.INVALID,
        rules.NOT_XML,
        evidence={"instruction": str(found.target)},
    )


def _check_schema(
    octets: bytes, root: etree._Element, document: Document, rules_: Rules, report: Report
) -> None:
    form = rules_.form
    schema = rules_.schemas.of(form)
    if schema is None:
        _check_structure(root, document, form, report)
        return
    faults = schema.faults(root, octets=octets)
    if not faults:
        report.passed(Check.SCHEMA, f"valid: {form.code.system_code} {form.code.schema_version}")
        return
    first = faults[0]
    report.failed(
        Check.SCHEMA,
        Cause.WRONG_FORM if _is_other_form(root, document, form) else Cause.SCHEMA,
        f"{first.path}, line {first.line}: {first.kind.value}"
        + (f", and {len(faults) - 1} more" if len(faults) > 1 else ""),
        InvoiceStatus.INVALID,
        *(fault.message for fault in faults),
        explanation=_other_form(root, document, form) or _serialized(root, schema, faults),
        evidence=_evidence(first),
    )


def _serialized(root: etree._Element, schema: Schema, faults: Sequence[Fault]) -> str | None:
    """The mistake of a serializer that tells types and missing values, if the document is valid without."""
    if not any(fault.kind in (Kind.NIL, Kind.XSI_TYPE) for fault in faults):
        return None
    undone = copy.deepcopy(root)
    told: Any = undone.xpath("/descendant::*[@x:nil or @x:type]", namespaces={"x": XSI})
    if len(told) > _MOST_TOLD:
        return None
    for node in told:
        parent = node.getparent()
        is_missing = node.attrib.pop(f"{{{XSI}}}nil", "") in ("true", "1")
        node.attrib.pop(f"{{{XSI}}}type", "")
        if is_missing and parent is not None and not len(node):
            parent.remove(node)
    if schema.faults(undone):
        return None
    return "a serializer wrote xsi:nil or xsi:type: what has no value is left out, types are not told"


def _evidence(fault: Fault) -> dict[str, str]:
    evidence = {"element": fault.path, "line": str(fault.line)}
    if fault.value is not None:
        evidence["says"] = fault.value[:200]
    if fault.expected:
        evidence["expected"] = ", ".join(fault.expected)
    elif fault.limit is not None:
        evidence["expected"] = f"{fault.facet or 'the value'} {fault.limit}"
    return evidence


def _is_other_form(root: etree._Element, document: Document, form: Form) -> bool:
    declared = document.form_code and document.form_code[0]
    return root.tag != form.tag or (declared is not None and declared != form.code.system_code)


def _other_form(root: etree._Element, document: Document, form: Form) -> str | None:
    actual = BY_TAG.get(str(root.tag))
    if actual is not None and actual != form:
        return (
            f"the document is a {actual.code.system_code}, the session was opened for {form.code.system_code}"
        )
    declared = document.form_code and document.form_code[0]
    if declared is not None and declared != form.code.system_code:
        return f"KodFormularza says {declared!r}, the session was opened for {form.code.system_code!r}"
    return None


def _check_structure(root: etree._Element, document: Document, form: Form, report: Report) -> None:
    """What can be told without a schema: root, form code, NIPs, number, date, kind."""
    partly = (
        f"the schema of {form.code.system_code} is not at hand (--schemas FOLDER):"
        " only the outline was checked"
    )
    wrong = next(_structural_faults(root, document, form), None)
    if wrong is None:
        report.passed(Check.SCHEMA, partly)
        return
    element, says, expected, sentence = wrong
    report.failed(
        Check.SCHEMA,
        Cause.WRONG_FORM if _is_other_form(root, document, form) else Cause.STRUCTURE,
        f"{element}: expected {expected}; {partly}",
        InvoiceStatus.INVALID,
        sentence or f"The '{element}' element is invalid - The value '{says}' is invalid.",
        explanation=_other_form(root, document, form),
        evidence={"element": element, "says": says, "expected": expected},
    )


def _structural_faults(
    root: etree._Element, document: Document, form: Form
) -> Iterator[tuple[str, str, str, str]]:
    """Element, what it says, what is expected; and .NET's sentence, where it needs no schema."""
    tag = str(root.tag)
    if tag != form.tag:
        sentence = undeclared_root(tag, (str(etree.QName(form.tag).namespace),))
        yield str(etree.QName(root).localname), tag, form.tag, sentence
    code = (form.code.system_code, form.code.schema_version, form.code.value)
    if not form.is_pef and document.form_code != code:
        said = (document.form_code or ())[:2]
        differing = (
            missing_attribute(name) if value is None else other_than_fixed(name, "attribute")
            for name, value, fixed in zip(("kodSystemowy", "wersjaSchemy"), said, code, strict=False)
            if value != fixed
        )
        yield "KodFormularza", str(document.form_code), str(code), next(differing, "")
    for element, says, expected in _outline_faults(document):
        yield element, says, expected, ""


def _outline_faults(document: Document) -> Iterator[tuple[str, str, str]]:
    """Element, what it says, what is expected."""
    nip = CONTEXT_PATTERNS["Nip"]
    seller = document.seller.nip if document.seller else ""
    if not nip.fullmatch(seller):
        yield "Podmiot1", seller, "a NIP"
    buyer = document.buyer.identifier
    if buyer.type == "Nip" and not nip.fullmatch(buyer.value or ""):
        yield "Podmiot2", buyer.value or "", "a NIP"
    if document.number is None:
        yield "number", "", "the number of the invoice"
    if _day(document.issue_date) is None:
        yield "issue date", document.issue_date or "", "a date, YYYY-MM-DD"
    if document.invoice_type is None:
        yield "RodzajFaktury", document.kind or "", "a kind of invoice"


@lru_cache(256)
def _day(text: str | None) -> date | None:
    """The day of a date; invoices have the same few again and again."""
    try:
        return date.fromisoformat(text) if text and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else None
    except ValueError:
        return None


def _check_checksums(document: Document, rules_: Rules, report: Report) -> None:
    if not rules_.checks_checksums:
        report.skipped(Check.CHECKSUMS, "only production looks at checksums")
        return
    for element, kind, value in _identifiers(document):
        pattern = CONTEXT_PATTERNS[kind]
        if pattern.fullmatch(value) is None:
            continue  # the schema's to say
        right = rules.has_nip_checksum(value[:10]) and (kind == "Nip" or has_check_digit(value))
        if not right:
            report.failed(
                Check.CHECKSUMS,
                Cause.CHECKSUM,
                f"{element}: the checksum of {kind} {value} is wrong",
                InvoiceStatus.INVALID,
                f"Nieprawidłowa suma kontrolna identyfikatora: {value}",
                evidence={"element": element, "says": value},
            )
            return
    report.passed(Check.CHECKSUMS)


def _identifiers(document: Document) -> Iterator[tuple[str, str, str]]:
    """NIPs and internal identifiers: element, type, value."""
    if document.seller is not None:
        yield "Podmiot1", "Nip", document.seller.nip
    parties = [("Podmiot2", document.buyer.identifier)]
    parties += [("Podmiot3", third.identifier) for third in document.third_subjects]
    for element, identifier in parties:
        if identifier.type in ("Nip", "InternalId"):
            yield element, identifier.type, identifier.value or ""
    if document.authorized_subject is not None:
        yield "PodmiotUpowazniony", "Nip", document.authorized_subject.nip


def _check_attachment(document: Document, rules_: Rules, rights: Rights | None, report: Report) -> None:
    if not document.has_attachment or rules_.form.is_pef:
        report.passed(Check.ATTACHMENT, "none" if not document.has_attachment else "PEF may have one")
        return
    if rules_.is_interactive and not rules_.is_correction:
        report.failed(
            Check.ATTACHMENT,
            Cause.ATTACHMENT_NOT_ALLOWED,
            "invoices with an attachment are taken in batch sessions only",
            InvoiceStatus.NO_ATTACHMENT_HERE,
        )
        return
    consents = None if rights is None else rights.consents
    if consents is None:
        report.skipped(Check.ATTACHMENT, "needs the seller's consent to attachments")
    elif document.seller is None or document.seller.nip not in consents:
        seller = document.seller.nip if document.seller else ""
        report.failed(
            Check.ATTACHMENT,
            Cause.NO_CONSENT_TO_ATTACHMENTS,
            f"the seller {seller} has not consented to attachments",
            InvoiceStatus.NO_RIGHT,
            rules.no_consent(seller),
        )
    else:
        report.passed(Check.ATTACHMENT, "the seller has consented to attachments")


def _check_right(document: Document, rights: Rights | None, report: Report) -> None:
    if rights is None:
        report.skipped(Check.RIGHT, "needs the sender's context")
        return
    report.ground = rights.ground(document)
    if report.ground is not None:
        report.passed(Check.RIGHT, report.ground.value)
        return
    seller = document.seller.nip if document.seller else ""
    buyer = document.buyer.identifier
    swapped = buyer.type == "Nip" and buyer.value == rights.context.nip and not document.is_self_invoicing
    report.failed(
        Check.RIGHT,
        Cause.NO_RIGHT,
        f"the context {rights.context} may not issue invoices of {seller or 'nobody'}",
        InvoiceStatus.NO_RIGHT,
        rules.no_right(rights.context, seller),
        explanation="seller and buyer are swapped: the context is the buyer, and P_17 is not 1"
        if swapped
        else None,
        evidence={
            "element": "Podmiot1",
            "says": seller,
            "expected": rights.context.nip or rights.context.value,
        },
    )


def _check_issue_date(document: Document, at: Instant, report: Report) -> None:
    issued, today = document.issue_date, dates.day(at)
    if issued is None or _day(issued) is None:
        report.skipped(Check.ISSUE_DATE, "needs a valid date")
        return
    if issued <= today:
        report.passed(Check.ISSUE_DATE, f"{issued}, not after {today}")
        return
    report.failed(
        Check.ISSUE_DATE,
        Cause.FUTURE_DATE,
        f"{issued} is after {today}, the day of acceptance in Warsaw",
        InvoiceStatus.INVALID,
        f"Data wystawienia faktury ({issued}) jest późniejsza niż data przyjęcia faktury ({today}).",
        evidence={"element": "P_1", "says": issued, "expected": f"{today} or earlier"},
    )
