"""Whether the signed properties are XAdES: there, covered, of their time, speaking of the certificate."""

from __future__ import annotations

from datetime import timedelta

from lxml import etree

from ksef_mock.xades import explain as explanations
from ksef_mock.xades import properties
from ksef_mock.xades.names import SIGNED_PROPERTIES_TYPE
from ksef_mock.xades.properties import CertificateDigest, SignedProperties
from ksef_mock.xades.references import Resolved
from ksef_mock.xades.report import (
    BAD_ALGORITHM,
    BAD_SIGNATURE,
    NOT_XADES,
    Cause,
    Check,
    CheckResult,
    failed,
    passed,
    skipped,
)
from ksef_mock.xades.work import Signer, Work

#: How far in the future a signing time may lie: clocks differ.
CLOCK_SKEW = timedelta(minutes=5)
#: A signing time without an offset may be local time anywhere on earth.
UNKNOWN_OFFSET = timedelta(hours=14)
_NO_XADES = "; tolerated where XAdES is not enforced"


def check_signed_properties(
    work: Work,
    found: SignedProperties | None,
    misplaced: str | None,
    references: tuple[Resolved, ...],
) -> CheckResult:
    check = Check.SIGNED_PROPERTIES
    if misplaced is not None:
        return failed(check, Cause.MISPLACED_PROPERTIES, misplaced, BAD_SIGNATURE)
    if found is None:
        reason = "the signature has no xades:SignedProperties: plain XML Signature, not XAdES"
        return _not_xades(work, check, Cause.NO_SIGNED_PROPERTIES, reason)
    typed = [each for each in references if each.reference.type == SIGNED_PROPERTIES_TYPE]
    if not typed:
        return failed(
            check,
            Cause.PROPERTIES_NOT_COVERED,
            f"no reference has the Type {SIGNED_PROPERTIES_TYPE}, so the signed properties count as unsigned",
            BAD_SIGNATURE,
        )
    if not all(_is_of(each, found.element) for each in typed):
        return failed(
            check,
            Cause.PROPERTIES_NOT_COVERED,
            "the reference to SignedProperties does not cover those of this signature",
            BAD_SIGNATURE,
        )
    own_id = work.signature.element.get("Id")
    if found.target != f"#{own_id}":
        return passed(check, f"covered; their Target {found.target!r} is not the signature's Id {own_id!r}")
    return passed(check, "covered by their reference")


def _not_xades(work: Work, check: Check, cause: Cause, reason: str) -> CheckResult:
    if work.rules.enforce_xades:
        return failed(check, cause, reason, NOT_XADES)
    return skipped(check, reason + _NO_XADES)


def _is_of(found: Resolved, element: etree._Element) -> bool:
    return found.target is not None and found.target.apex is element and found.protects(element)


def check_signing_time(work: Work, found: SignedProperties | None, signer: Signer) -> CheckResult:
    check = Check.SIGNING_TIME
    if found is None:
        return skipped(check, "needs SignedProperties")
    text = found.signing_time
    if text is None:
        return _not_xades(work, check, Cause.NO_SIGNING_TIME, "SignedProperties have no SigningTime")
    try:
        time, has_offset = properties.read_time(text)
    except properties.NotATime as error:
        return failed(check, Cause.NOT_A_TIME, f"SigningTime: {error}", BAD_SIGNATURE)
    ahead = time - work.moment
    if ahead > (CLOCK_SKEW if has_offset else CLOCK_SKEW + UNKNOWN_OFFSET):
        return failed(
            check,
            Cause.SIGNED_IN_FUTURE,
            f"SigningTime {text.strip()} is {round(ahead.total_seconds())} s in the future",
            BAD_SIGNATURE,
            explanation=explanations.signing_time(time, work.moment, CLOCK_SKEW),
        )
    remarks = [] if has_offset else ["has no offset from UTC"]
    if signer.candidate and time < signer.candidate.not_before:
        # Clients that set their signing time back a minute do this with a certificate made just now.
        remarks.append("lies before the certificate's validity")
    return passed(check, ", ".join([text.strip(), *remarks]))


def check_signing_certificate(work: Work, found: SignedProperties | None, signer: Signer) -> CheckResult:
    check = Check.SIGNING_CERTIFICATE
    if found is None:
        return skipped(check, "needs SignedProperties")
    if not found.certificates:
        reason = "SignedProperties have neither SigningCertificate nor SigningCertificateV2"
        return _not_xades(work, check, Cause.NO_SIGNING_CERTIFICATE, reason)
    if signer.candidate is None:
        return skipped(check, "needs the certificate")
    for group in found.certificates:
        for entry in group:
            if entry.hash is None:
                reason = f"digest algorithm {entry.algorithm or '(none)'} is not allowed"
                return failed(check, Cause.ALGORITHM, reason, BAD_ALGORITHM)
        if not any(entry.names(signer.candidate) for entry in group):
            return failed(
                check,
                Cause.OTHER_CERTIFICATE,
                "the digest in SigningCertificate is not that of the certificate in KeyInfo",
                BAD_SIGNATURE,
                explanation=explanations.certificate_digest(
                    group, signer.candidate, signer.others, work.budget
                )
                if work.budget
                else None,
                stated=group[0].digest_text.strip()[:200] if group else "",
            )
    return passed(check, _serial_remark(found.certificates, signer.candidate.serial))


def _serial_remark(groups: tuple[tuple[CertificateDigest, ...], ...], serial: str) -> str:
    # Issuer names are spelled in several ways and some serials are wrong by themselves: the digest decides.
    stated = [entry.serial_text for group in groups for entry in group if entry.serial_text is not None]
    if stated and serial not in (text.lstrip("+0") for text in stated):
        return f"the digest is right, but IssuerSerial says {stated[0][:60]} and the certificate {serial}"
    return "the digest is right"
