"""The verification of a document: the checks in their order, each a function of what was read before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from ksef_mock.clock import Instant, in_utc, to_datetime
from ksef_mock.core.codes import Code, Status, StatusDetail, Verdict
from ksef_mock.xades import explain as explanations
from ksef_mock.xades import key_info, properties
from ksef_mock.xades.algorithms import (
    DIGESTS,
    Forbidden,
    OtherKeyKind,
    UnfitKey,
    signature_method,
)
from ksef_mock.xades.budget import Budget
from ksef_mock.xades.canonical import (
    EXC_C14N,
    Selection,
    Uncanonical,
    canonicalize,
    in_place,
)
from ksef_mock.xades.document import identified_elements
from ksef_mock.xades.names import DS
from ksef_mock.xades.parsing import is_utf8
from ksef_mock.xades.properties import CertificateDigest, SignedProperties
from ksef_mock.xades.property_checks import (
    check_signed_properties,
    check_signing_certificate,
    check_signing_time,
)
from ksef_mock.xades.reading import Reading, read
from ksef_mock.xades.references import Resolved, resolve
from ksef_mock.xades.report import (
    BAD_ALGORITHM,
    BAD_SIGNATURE,
    SERVER_CHECKS,
    Cause,
    Check,
    CheckResult,
    ReferenceFacts,
    Refusal,
    Report,
    bad_digest,
    failed,
    passed,
    skipped,
    unresolved,
)
from ksef_mock.xades.structure import Signature
from ksef_mock.xades.transforms import Refused, read_canonicalization
from ksef_mock.xades.work import Methods, Rules, Signer, Work

_SHA1 = DIGESTS[f"{DS}sha1"]
_DOCUMENT_CHECKS = tuple(check for check in Check if check not in SERVER_CHECKS)
_CERTIFICATE = Code.INVALID_CERTIFICATE
_NOT_VALID_NOW = Verdict(Status.CERTIFICATE_ERROR, StatusDetail.CERTIFICATE_EXPIRED)
#: What is odd about octets that `allow_lxml_octets` lets pass.
_LXML_OCTETS = ', with a false xmlns="": KSeF refuses that'


def verify(
    document: bytes | Reading,
    *,
    at: datetime | Instant,
    enforce_xades: bool = True,
    allow_sha1: bool = True,
    allow_lxml_octets: bool = False,
    explain: bool = True,
) -> Report:
    """Verify a signed AuthTokenRequest as of a moment, and report on every check.

    Args:
        document: its octets, or what `read` made of them.
        at: an aware datetime (naive means UTC), or ns since the epoch.
        enforce_xades: signed properties with signing time and certificate must be there, as on TEST and DEMO;
            where they may be absent, present ones must be right all the same.
        allow_sha1: SHA-1 may be the hash of digests and of the signature, as on TEST.
        allow_lxml_octets: the signature value may sign what lxml makes of SignedInfo where it stands, with
            its false xmlns="" (see `canonical`). KSeF refuses that; `facts.has_lxml_octets` tells.
        explain: look for the mistakes that explain failures. That takes many times as long as the
            verification, but never more than its budget.

    Never raises, whatever the bytes. Checks that need a server are reported as skipped: their results
    are added by whoever has one (`Report.record`).
    """
    if isinstance(document, Reading):
        reading, report = document, document.report.copy()
    else:
        reading = read(document)
        report = reading.report
    moment = in_utc(at) if isinstance(at, datetime) else to_datetime(at)
    if reading.root is not None and reading.signature is not None:
        rules, budget = Rules(enforce_xades, allow_sha1, allow_lxml_octets), Budget() if explain else None
        work = Work(reading, reading.signature, moment, rules, report, budget)
        for result in _results(work, reading.root):
            report.record(result)
    failure = report.failure
    if explain and failure is not None and failure.cause is Cause.ENCODING:
        charset = _encoding_in_which_it_is_right(reading.octets, moment, enforce_xades, allow_sha1)
        if charset is not None:
            report.explain(f"the octets are {charset}: encoded again in UTF-8 its digests are right")
    if failure is not None:
        report.skip_missing(_DOCUMENT_CHECKS, f"needs what failed: {failure.check}")
    report.leave_to_servers()
    return report


def _encoding_in_which_it_is_right(
    document: bytes, moment: datetime, enforce_xades: bool, allow_sha1: bool
) -> str | None:
    """The encoding that a document was sent in instead of UTF-8; None unless its digests prove that."""
    if is_utf8(document):
        return None
    for charset in explanations.POLISH_CHARSETS:
        encoded = explanations.encoded_again(document, charset)
        if encoded is not None:
            report = verify(
                encoded, at=moment, enforce_xades=enforce_xades, allow_sha1=allow_sha1, explain=False
            )
            if report.passed(Check.REFERENCES):
                return charset
    return None


def _results(work: Work, root: etree._Element) -> Iterator[CheckResult]:
    reading, signature, report = work.reading, work.signature, work.report
    own_properties, misplaced = _find_properties(signature)
    signer = _find_signer(signature, own_properties, report)
    methods = _read_methods(signature, signer)
    identified = identified_elements(root)
    references = tuple(
        resolve(reference, root, identified, signature.element, reading.remainder)
        for reference in signature.references
    )
    signed_info = _canonical_signed_info(signature, methods)

    facts = report.facts
    facts.canonicalization = signature.canonicalization.get("Algorithm")
    facts.signature_algorithm = signature.method.get("Algorithm")
    facts.signed_info = signed_info
    facts.signing_time = own_properties.signing_time if own_properties else None
    facts.references = tuple(_facts(found, reading, own_properties) for found in references)
    facts.is_xades = (
        own_properties is not None
        and own_properties.signing_time is not None
        and bool(own_properties.certificates)
    )

    yield from _check_algorithms(work, methods, references, own_properties, signer)
    yield from _check_transforms(references)
    yield from _check_references(work, references)
    yield _check_signature_value(work, methods, signed_info, references, signer)
    yield check_signed_properties(work, own_properties, misplaced, references)
    yield check_signing_time(work, own_properties, signer)
    yield check_signing_certificate(work, own_properties, signer)
    yield _check_key_info(signature, signer)
    yield _check_validity(signer, work.moment)


# ---- what the checks work on


def _find_properties(signature: Signature) -> tuple[SignedProperties | None, str | None]:
    try:
        return properties.read_signed_properties(signature), None
    except properties.Misplaced as error:
        return None, str(error)


def _find_signer(signature: Signature, own_properties: SignedProperties | None, report: Report) -> Signer:
    try:
        candidates = key_info.read_certificates(signature.key_info)
    except key_info.Unusable as error:
        return Signer(None, error=error)
    groups = own_properties.certificates if own_properties else ()
    chosen = next((found for found in candidates if properties.naming(groups, found)), candidates[0])
    report.certificate = chosen.certificate
    others = tuple(found for found in candidates if found is not chosen)
    report.other_certificates = tuple(found.certificate for found in others)
    return Signer(chosen, others)


def _read_methods(signature: Signature, signer: Signer) -> Methods:
    canonicalization, method, canonicalization_error, method_error = None, None, None, None
    try:
        canonicalization = read_canonicalization(signature.canonicalization)
    except Refused as error:
        canonicalization_error = str(error)
    try:
        method = signature_method(signature.method)
    except Forbidden as error:
        method_error = str(error)
    key_error: UnfitKey | OtherKeyKind | None = None
    if method is not None and signer.candidate is not None:
        try:
            signer.candidate.check_key(method)
        except (UnfitKey, OtherKeyKind) as error:
            key_error = error.with_traceback(None)
    return Methods(canonicalization, method, canonicalization_error, method_error, key_error)


def _canonical_signed_info(signature: Signature, methods: Methods) -> bytes | None:
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
    work: Work,
    methods: Methods,
    references: tuple[Resolved, ...],
    own_properties: SignedProperties | None,
    signer: Signer,
) -> Iterator[CheckResult]:
    check, failures = Check.ALGORITHMS, 0
    if methods.canonicalization_error is not None:
        failures += 1
        yield failed(check, Cause.CANONICALIZATION, methods.canonicalization_error, BAD_SIGNATURE)
    errors = [methods.signature_error, *(found.algorithm_error for found in references)]
    for error in dict.fromkeys(filter(None, errors)):
        failures += 1
        yield failed(check, Cause.ALGORITHM, error, BAD_ALGORITHM)
    for user in () if work.rules.allow_sha1 else _users_of_sha1(methods, references, own_properties):
        failures += 1
        yield failed(check, Cause.SHA1, f"{user} is by SHA-1, which TEST alone allows", BAD_ALGORITHM)
    if signer.candidate is None or methods.signature is None:
        if not failures:
            yield passed(check, "allowed; the size of the key is unknown without the certificate")
        return
    match methods.key_error:
        case UnfitKey() as unfit:
            yield failed(check, unfit.cause, str(unfit), Refusal(_CERTIFICATE))
        case OtherKeyKind() as wrong:
            yield failed(check, Cause.OTHER_KEY_KIND, str(wrong), BAD_SIGNATURE)
        case None if not failures:
            yield passed(check, signer.candidate.kind)


def _users_of_sha1(
    methods: Methods, references: tuple[Resolved, ...], own_properties: SignedProperties | None
) -> Iterator[str]:
    for found in references:
        if found.hash is _SHA1:
            yield f"the digest of reference {found.reference.uri!r}"
    if any(entry.hash is _SHA1 for group in _groups(own_properties) for entry in group):
        yield "the digest in SigningCertificate"
    if methods.signature is not None and methods.signature.hash is _SHA1:
        yield "the signature value"


def _groups(found: SignedProperties | None) -> tuple[tuple[CertificateDigest, ...], ...]:
    return () if found is None else found.certificates


def _check_transforms(references: tuple[Resolved, ...]) -> Iterator[CheckResult]:
    errors = [found.transform_error for found in references if found.transform_error]
    for error in dict.fromkeys(errors):
        yield failed(Check.TRANSFORMS, Cause.TRANSFORM, error, BAD_SIGNATURE)
    if not errors:
        yield passed(Check.TRANSFORMS)


def _check_references(work: Work, references: tuple[Resolved, ...]) -> Iterator[CheckResult]:
    for found in references:
        yield _check_reference(work, found)
    covered = work.report.facts.references
    if work.reading.layout is not None and not any(each.covers == "request" for each in covered):
        yield failed(
            Check.REFERENCES,
            Cause.REQUEST_NOT_COVERED,
            "no reference covers the AuthTokenRequest: what is read here is not what was signed",
            BAD_SIGNATURE,
        )


def _check_reference(work: Work, found: Resolved) -> CheckResult:
    check, reference = Check.REFERENCES, found.reference
    uri = repr(reference.uri)
    if found.is_missing:
        missing = unresolved(None if reference.uri is None else reference.name)
        return failed(check, Cause.UNRESOLVED_REFERENCE, str(found.error), missing)
    if found.error is not None:
        return failed(check, Cause.UNCANONICAL, found.error, BAD_SIGNATURE)
    if found.transform_error is not None:
        return skipped(check, f"reference {uri}: its transforms were refused")
    if found.hash is None or found.processed is None:
        return skipped(check, f"reference {uri}: its digest algorithm was refused")
    if found.matches:
        return passed(check, f"reference {uri}: {len(found.processed.octets)} octets, the digest is right")
    return failed(
        check,
        Cause.WRONG_DIGEST,
        f"reference {uri}: the digest is not that of the {len(found.processed.octets)} octets it stands for",
        bad_digest(reference.name),
        explanation=explanations.reference(found, work.reading, work.budget) if work.budget else None,
        stated=reference.digest_text.strip()[:200],
        computed=explanations.b64(found.computed or b""),
    )


def _check_signature_value(
    work: Work,
    methods: Methods,
    signed_info: bytes | None,
    references: tuple[Resolved, ...],
    signer: Signer,
) -> CheckResult:
    check = Check.SIGNATURE_VALUE
    if methods.signature is None:
        return skipped(check, "the signature method was refused")
    if methods.canonicalization is None:
        return skipped(check, "the canonicalisation of SignedInfo was refused")
    if signed_info is None:
        return failed(check, Cause.UNCANONICAL, "SignedInfo has no canonical form", BAD_SIGNATURE)
    if signer.candidate is None:
        return skipped(check, "needs the certificate")
    key = signer.candidate.key
    match methods.key_error:
        # Whether the value is right is still worth knowing, unless it takes too long.
        case UnfitKey(cause=Cause.EXCESSIVE_KEY) as unfit:
            return skipped(check, str(unfit))
        case OtherKeyKind():
            return skipped(check, "the key of the certificate is of another kind than the signature method")
    value = work.signature.value
    if value is None:
        reason = "SignatureValue is not base64"
    elif methods.signature.verifies(key, value, signed_info):
        return passed(check, f"signs the {len(signed_info)} octets of the canonical SignedInfo")
    elif work.rules.allow_lxml_octets and (
        methods.canonicalization.base != EXC_C14N
        and methods.signature.verifies(key, value, in_place(work.signature.signed_info))
    ):
        work.report.facts.has_lxml_octets = True
        return passed(check, f"signs SignedInfo as lxml canonicalises it where it stands{_LXML_OCTETS}")
    else:
        reason = "the signature value does not sign the canonical SignedInfo with the certificate's key"
    explanation = None
    if work.budget is not None:
        explanation = explanations.signature_value(
            work.reading,
            work.signature,
            methods.signature,
            methods.canonicalization,
            signed_info,
            references,
            key,
            signer.others,
            work.budget,
        )
    return failed(check, Cause.WRONG_VALUE, reason, BAD_SIGNATURE, explanation=explanation)


def _check_key_info(signature: Signature, signer: Signer) -> CheckResult:
    check = Check.KEY_INFO
    if signer.candidate is None:
        assert signer.error is not None
        return failed(
            check,
            Cause.UNUSABLE_CERTIFICATE,
            str(signer.error),
            Refusal(_CERTIFICATE),
            explanation=signer.error.explanation,
        )
    assert signature.key_info is not None
    error = key_info.contradiction(signature.key_info, signer.candidate.key)
    if error is not None:
        return failed(check, Cause.OTHER_KEY, error, BAD_SIGNATURE)
    return passed(check, signer.candidate.subject)


def _check_validity(signer: Signer, moment: datetime) -> CheckResult:
    check = Check.VALIDITY
    if signer.candidate is None:
        return skipped(check, "needs the certificate")
    begin, end = signer.candidate.not_before, signer.candidate.not_after
    if moment < begin:
        reason = f"the certificate is not valid before {begin.isoformat()}"
        return failed(check, Cause.NOT_YET_VALID, reason, _NOT_VALID_NOW)
    if moment > end:
        return failed(check, Cause.EXPIRED, f"the certificate expired at {end.isoformat()}", _NOT_VALID_NOW)
    return passed(check, f"until {end.isoformat()}")
