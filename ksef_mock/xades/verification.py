"""The verification of a document: the checks in their order, each a function of what was read before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from lxml import etree

from ksef_mock.clock import Instant, from_datetime, to_datetime
from ksef_mock.core.codes import Code, Status, StatusDetail, Verdict
from ksef_mock.xades import explain, key_info, properties
from ksef_mock.xades.algorithms import Forbidden, SignatureMethod, WeakKey, kind_of, signature_method
from ksef_mock.xades.canonical import Canonicalization, Selection, Uncanonical, canonicalize
from ksef_mock.xades.document import identified_elements
from ksef_mock.xades.names import SIGNED_PROPERTIES_TYPE
from ksef_mock.xades.properties import CertificateDigest, SignedProperties
from ksef_mock.xades.reading import Reading, read
from ksef_mock.xades.references import Resolved, resolve
from ksef_mock.xades.report import (
    BAD_SIGNATURE,
    SERVER_CHECKS,
    Check,
    CheckResult,
    ReferenceFacts,
    Refusal,
    Report,
    bad_digest,
    failed,
    passed,
    skipped,
)
from ksef_mock.xades.structure import Signature
from ksef_mock.xades.transforms import Refused, read_canonicalization

#: How far in the future a signing time may lie: clocks differ.
CLOCK_SKEW = timedelta(minutes=5)
#: A signing time without an offset may be local time anywhere on earth.
UNKNOWN_OFFSET = timedelta(hours=14)

_DOCUMENT_CHECKS = tuple(check for check in Check if check not in SERVER_CHECKS)
_CERTIFICATE = Code.INVALID_CERTIFICATE
_NO_XADES = "; tolerated where XAdES is not enforced"


def verify(document: bytes | Reading, *, at: datetime | Instant, enforce_xades: bool = True) -> Report:
    """Verify a signed AuthTokenRequest as of a moment, and report on every check.

    `at`: an aware datetime (naive means UTC), or ns since the epoch. With `enforce_xades=False`, KSeF's
    earlier behaviour on demo and prod, signed properties may be absent; present ones must be right.

    Never raises, whatever the bytes. Checks that need a server are reported as skipped: their results
    are added by whoever has one (`Report.record`).
    """
    if isinstance(document, Reading):
        reading, report = document, document.report.copy()
    else:
        reading = read(document)
        report = reading.report
    moment = to_datetime(from_datetime(at) if isinstance(at, datetime) else at)
    if reading.root is not None and reading.signature is not None:
        for result in _results(reading, reading.root, reading.signature, moment, enforce_xades, report):
            report.record(result)
    failure = report.failure
    if failure is not None:
        report.skip_missing(_DOCUMENT_CHECKS, f"needs what failed: {failure.check}")
    for check, reason in SERVER_CHECKS.items():
        report.skip_missing((check,), reason)
    return report


class _Signer(msgspec.Struct, frozen=True):
    """The signing certificate, or why there is none."""

    candidate: key_info.Candidate | None
    error: key_info.Unusable | None = None


class _Methods(msgspec.Struct, frozen=True):
    """The allowed methods of SignedInfo, and what is wrong where they are not."""

    canonicalization: Canonicalization | None
    signature: SignatureMethod | None
    errors: tuple[str, ...]


def _results(
    reading: Reading,
    root: etree._Element,
    signature: Signature,
    moment: datetime,
    enforce_xades: bool,
    report: Report,
) -> Iterator[CheckResult]:
    own_properties, misplaced = _find_properties(signature)
    signer = _find_signer(signature, own_properties, report)
    methods = _read_methods(signature)
    identified = identified_elements(root)
    references = tuple(
        resolve(reference, root, identified, signature.element) for reference in signature.references
    )
    signed_info = _canonical_signed_info(signature, methods)

    facts = report.facts
    facts.canonicalization = signature.canonicalization.get("Algorithm")
    facts.signature_algorithm = signature.method.get("Algorithm")
    facts.signed_info = signed_info
    facts.signing_time = own_properties.signing_time if own_properties else None
    facts.references = tuple(_facts(found, reading, own_properties) for found in references)

    yield from _check_algorithms(methods, references, signer)
    yield from _check_transforms(references)
    yield from _check_references(reading, references, facts.references)
    yield _check_signature_value(reading, signature, methods, signed_info, references, signer, report)
    yield _check_signed_properties(signature, own_properties, misplaced, references, enforce_xades)
    yield _check_signing_time(own_properties, signer, moment, enforce_xades)
    yield _check_signing_certificate(own_properties, signer, report, enforce_xades)
    yield _check_key_info(signature, signer)
    yield _check_validity(signer, moment)


# ---- what the checks work on


def _find_properties(signature: Signature) -> tuple[SignedProperties | None, str | None]:
    try:
        return properties.read_signed_properties(signature), None
    except properties.Misplaced as error:
        return None, str(error)


def _find_signer(signature: Signature, own_properties: SignedProperties | None, report: Report) -> _Signer:
    try:
        candidates = key_info.read_certificates(signature.key_info)
    except key_info.Unusable as error:
        return _Signer(None, error)
    groups = own_properties.certificates if own_properties else ()
    chosen = next((found for found in candidates if properties.naming(groups, found.der)), candidates[0])
    report.certificate = chosen.certificate
    report.other_certificates = tuple(found.certificate for found in candidates if found is not chosen)
    return _Signer(chosen)


def _read_methods(signature: Signature) -> _Methods:
    canonicalization, method, errors = None, None, []
    try:
        canonicalization = read_canonicalization(signature.canonicalization)
    except Refused as error:
        errors.append(str(error))
    try:
        method = signature_method(signature.method)
    except Forbidden as error:
        errors.append(str(error))
    return _Methods(canonicalization, method, tuple(errors))


def _canonical_signed_info(signature: Signature, methods: _Methods) -> bytes | None:
    if methods.canonicalization is None:
        return None
    try:
        return canonicalize(Selection(signature.signed_info, comments=True), methods.canonicalization)
    except Uncanonical:
        return None


def _facts(found: Resolved, reading: Reading, own_properties: SignedProperties | None) -> ReferenceFacts:
    covers = None
    if found.processed is not None:
        if reading.layout is not None and found.protects(reading.layout.request):
            covers = "request"
        elif own_properties is not None and found.protects(own_properties.element):
            covers = "signed properties"
        else:
            covers = "other"
    return ReferenceFacts(
        uri=found.reference.uri,
        type=found.reference.type,
        transforms=tuple(element.get("Algorithm", "") for element in found.reference.transforms),
        digest_algorithm=found.reference.digest_algorithm,
        stated_digest=found.reference.digest,
        computed_digest=found.computed,
        octets=found.processed.octets if found.processed else None,
        covers=covers,
    )


# ---- the checks


def _check_algorithms(
    methods: _Methods, references: tuple[Resolved, ...], signer: _Signer
) -> Iterator[CheckResult]:
    check = Check.ALGORITHMS
    errors = [*methods.errors, *(found.algorithm_error for found in references if found.algorithm_error)]
    for error in dict.fromkeys(errors):
        yield failed(check, error, BAD_SIGNATURE)
    if signer.candidate is not None and methods.signature is not None:
        key = signer.candidate.key
        try:
            methods.signature.check_key(key)
        except WeakKey as weak:
            yield failed(check, str(weak), Refusal(_CERTIFICATE))
        except Forbidden as wrong:
            yield failed(check, str(wrong), BAD_SIGNATURE)
        else:
            if not errors:
                yield passed(check, kind_of(key))
    elif not errors:
        yield passed(check, "allowed; the size of the key is unknown without the certificate")


def _check_transforms(references: tuple[Resolved, ...]) -> Iterator[CheckResult]:
    errors = [found.transform_error for found in references if found.transform_error]
    for error in dict.fromkeys(errors):
        yield failed(Check.TRANSFORMS, error, BAD_SIGNATURE)
    if not errors:
        yield passed(Check.TRANSFORMS)


def _check_references(
    reading: Reading, references: tuple[Resolved, ...], facts: tuple[ReferenceFacts, ...]
) -> Iterator[CheckResult]:
    for found in references:
        yield _check_reference(found, reading)
    if reading.layout is not None and not any(each.covers == "request" for each in facts):
        yield failed(
            Check.REFERENCES,
            "no reference covers the AuthTokenRequest: what is read here is not what was signed",
            BAD_SIGNATURE,
        )


def _check_reference(found: Resolved, reading: Reading) -> CheckResult:
    check, reference = Check.REFERENCES, found.reference
    uri = repr(reference.uri)
    if found.error is not None:
        return failed(check, found.error, BAD_SIGNATURE)
    if found.transform_error is not None:
        return skipped(check, f"reference {uri}: its transforms were refused")
    if found.hash is None or found.processed is None:
        return skipped(check, f"reference {uri}: its digest algorithm was refused")
    if found.matches:
        return passed(check, f"reference {uri}: {len(found.processed.octets)} octets, the digest is right")
    return failed(
        check,
        f"reference {uri}: the digest is not that of the {len(found.processed.octets)} octets it stands for",
        bad_digest(reference.name),
        explanation=explain.reference(found, reading),
        stated=reference.digest_text.strip()[:200],
        computed=explain.b64(found.computed or b""),
    )


def _check_signature_value(
    reading: Reading,
    signature: Signature,
    methods: _Methods,
    signed_info: bytes | None,
    references: tuple[Resolved, ...],
    signer: _Signer,
    report: Report,
) -> CheckResult:
    check = Check.SIGNATURE_VALUE
    if methods.signature is None:
        return skipped(check, "the signature method was refused")
    if methods.canonicalization is None:
        return skipped(check, "the canonicalisation of SignedInfo was refused")
    if signed_info is None:
        return failed(check, "SignedInfo has no canonical form", BAD_SIGNATURE)
    if signer.candidate is None:
        return skipped(check, "needs the certificate")
    key = signer.candidate.key
    try:
        methods.signature.check_key(key)
    except WeakKey:
        pass  # said under algorithms; whether the value is right is still worth knowing
    except Forbidden:
        return skipped(check, "the key of the certificate is of another kind than the signature method")
    value = signature.value
    if value is None:
        reason = "SignatureValue is not base64"
    elif methods.signature.verifies(key, value, signed_info):
        return passed(check, f"signs the {len(signed_info)} octets of the canonical SignedInfo")
    else:
        reason = "the signature value does not sign the canonical SignedInfo with the certificate's key"
    explanation = explain.signature_value(
        reading.octets,
        signature,
        methods.signature,
        methods.canonicalization,
        signed_info,
        references,
        key,
        report.other_certificates,
    )
    return failed(check, reason, BAD_SIGNATURE, explanation=explanation)


def _check_signed_properties(
    signature: Signature,
    found: SignedProperties | None,
    misplaced: str | None,
    references: tuple[Resolved, ...],
    enforce_xades: bool,
) -> CheckResult:
    check = Check.SIGNED_PROPERTIES
    if misplaced is not None:
        return failed(check, misplaced, BAD_SIGNATURE)
    if found is None:
        reason = "the signature has no xades:SignedProperties: plain XML Signature, not XAdES"
        return failed(check, reason, BAD_SIGNATURE) if enforce_xades else skipped(check, reason + _NO_XADES)
    typed = [each for each in references if each.reference.type == SIGNED_PROPERTIES_TYPE]
    if not typed:
        return failed(
            check,
            f"no reference has the Type {SIGNED_PROPERTIES_TYPE}, so the signed properties count as unsigned",
            BAD_SIGNATURE,
        )
    if not all(_is_of(each, found.element) for each in typed):
        return failed(
            check, "the reference to SignedProperties does not cover those of this signature", BAD_SIGNATURE
        )
    own_id = signature.element.get("Id")
    if found.target != f"#{own_id}":
        return passed(check, f"covered; their Target {found.target!r} is not the signature's Id {own_id!r}")
    return passed(check, "covered by their reference")


def _is_of(found: Resolved, element: etree._Element) -> bool:
    return found.target is not None and found.target.apex is element and found.protects(element)


def _check_signing_time(
    found: SignedProperties | None, signer: _Signer, moment: datetime, enforce_xades: bool
) -> CheckResult:
    check = Check.SIGNING_TIME
    if found is None:
        return skipped(check, "needs SignedProperties")
    text = found.signing_time
    if text is None:
        reason = "SignedProperties have no SigningTime"
        return failed(check, reason, BAD_SIGNATURE) if enforce_xades else skipped(check, reason + _NO_XADES)
    try:
        time = properties.read_time(text)
    except properties.NotATime as error:
        return failed(check, f"SigningTime: {error}", BAD_SIGNATURE)
    known = properties.has_offset(text)
    tolerance = CLOCK_SKEW if known else CLOCK_SKEW + UNKNOWN_OFFSET
    if time - moment > tolerance:
        ahead = round((time - moment).total_seconds())
        return failed(check, f"SigningTime {text.strip()} is {ahead} s in the future", BAD_SIGNATURE)
    remarks = [] if known else ["has no offset from UTC"]
    if signer.candidate and time < signer.candidate.certificate.not_valid_before_utc:
        # Clients that set their signing time back a minute do this with a certificate made just now.
        remarks.append("lies before the certificate's validity")
    return passed(check, ", ".join([text.strip(), *remarks]))


def _check_signing_certificate(
    found: SignedProperties | None, signer: _Signer, report: Report, enforce_xades: bool
) -> CheckResult:
    check = Check.SIGNING_CERTIFICATE
    if found is None:
        return skipped(check, "needs SignedProperties")
    if not found.certificates:
        reason = "SignedProperties have neither SigningCertificate nor SigningCertificateV2"
        return failed(check, reason, BAD_SIGNATURE) if enforce_xades else skipped(check, reason + _NO_XADES)
    if signer.candidate is None:
        return skipped(check, "needs the certificate")
    certificate = signer.candidate.certificate
    for group in found.certificates:
        for entry in group:
            if entry.hash is None:
                reason = f"digest algorithm {entry.algorithm or '(none)'} is not allowed"
                return failed(check, reason, BAD_SIGNATURE)
        if not any(entry.names(signer.candidate.der) for entry in group):
            return failed(
                check,
                "the digest in SigningCertificate is not that of the certificate in KeyInfo",
                BAD_SIGNATURE,
                explanation=explain.certificate_digest(group, certificate, report.other_certificates),
                stated=group[0].digest_text.strip()[:200] if group else "",
            )
    return passed(check, _serial_remark(found.certificates, str(certificate.serial_number)))


def _serial_remark(groups: tuple[tuple[CertificateDigest, ...], ...], serial: str) -> str:
    # Issuer names are spelled in several ways and some serials are wrong by themselves: the digest decides.
    stated = [entry.serial_text for group in groups for entry in group if entry.serial_text is not None]
    if stated and serial not in (text.lstrip("+0") for text in stated):
        return f"the digest is right, but IssuerSerial says {stated[0][:60]} and the certificate {serial}"
    return "the digest is right"


def _check_key_info(signature: Signature, signer: _Signer) -> CheckResult:
    check = Check.KEY_INFO
    if signer.candidate is None:
        assert signer.error is not None
        return failed(check, str(signer.error), Refusal(_CERTIFICATE), explanation=signer.error.explanation)
    assert signature.key_info is not None
    error = key_info.contradiction(signature.key_info, signer.candidate.key)
    if error is not None:
        return failed(check, error, BAD_SIGNATURE)
    return passed(check, signer.candidate.subject)


def _check_validity(signer: _Signer, moment: datetime) -> CheckResult:
    check = Check.VALIDITY
    if signer.candidate is None:
        return skipped(check, "needs the certificate")
    certificate = signer.candidate.certificate
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    verdict = Verdict(Status.CERTIFICATE_ERROR, StatusDetail.CERTIFICATE_EXPIRED)
    if moment < begin:
        return failed(check, f"the certificate is not valid before {begin.isoformat()}", verdict)
    if moment > end:
        return failed(check, f"the certificate expired at {end.isoformat()}", verdict)
    return passed(check, f"until {end.isoformat()}")
