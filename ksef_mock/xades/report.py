"""The report of a verification: named checks in order, each passed, failed or skipped, with the reason.

The HTTP answer, the log line, the dashboard and the printed table are all views of this one report.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from enum import StrEnum
from itertools import groupby
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes

from ksef_mock.core.codes import DESCRIPTIONS, STATUS_DESCRIPTIONS, Code, Verdict
from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.subject_name import readable


class Check(StrEnum):
    """What is checked, in the order in which it counts: the first failure decides what KSeF answers."""

    ENCODING = "encoding"
    WELL_FORMEDNESS = "well-formedness"
    ONE_SIGNATURE = "one signature"
    FORM = "form"
    SCHEMA = "schema"
    CHALLENGE = "challenge"
    ALGORITHMS = "algorithms"
    TRANSFORMS = "transforms"
    REFERENCES = "references"
    SIGNATURE_VALUE = "signature value"
    SIGNED_PROPERTIES = "signed properties"
    SIGNING_TIME = "signing time"
    SIGNING_CERTIFICATE = "signing certificate"
    KEY_INFO = "key info"
    # What refuses the submission counts before what only the operation finds out.
    SIGNER_IDENTITY = "signer identity"
    SUBJECT_IDENTIFIER_TYPE = "subject identifier type"
    CERTIFICATE_TYPE = "certificate type"
    VALIDITY = "validity"
    PERMISSION = "permission"
    IP_POLICY = "ip policy"


_ORDER = {check: position for position, check in enumerate(Check)}

#: Checks that a document alone cannot settle; they stay skipped until a server records its own results.
SERVER_CHECKS: dict[Check, str] = {
    Check.CHALLENGE: "needs the server that issued the challenge",
    Check.CERTIFICATE_TYPE: "needs the trust policy of an environment",
    Check.SIGNER_IDENTITY: "needs the identity rules applied to the certificate",
    Check.SUBJECT_IDENTIFIER_TYPE: "needs the signer's identity",
    Check.PERMISSION: "needs the server's permissions",
    Check.IP_POLICY: "needs the address of the client",
}


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Cause(StrEnum):
    """Why a check failed, for programs; the reason beside it says the same of this document, for people."""

    # the document
    ENCODING = "encoding"
    NOT_WELL_FORMED = "not well-formed"
    NO_SIGNATURE = "no signature"
    TOO_MANY_SIGNATURES = "too many signatures"
    NO_REFERENCES = "no references"
    MALFORMED_SIGNATURE = "malformed signature"
    FORM = "neither enveloped nor enveloping"
    SCHEMA = "not valid against the schema"
    FOREIGN_DIGITS = "digits other than 0 to 9"
    SPLIT_VALUE = "comment inside of a value"
    CHALLENGE = "challenge"
    # the signature
    CANONICALIZATION = "canonicalisation not allowed"
    ALGORITHM = "algorithm not allowed"
    SHA1 = "SHA-1 not allowed"
    SMALL_RSA_KEY = "RSA key too small"
    SMALL_CURVE = "curve too small"
    EXCESSIVE_KEY = "key too large"
    OTHER_KEY_KIND = "key of another kind"
    TRANSFORM = "transform not allowed"
    UNRESOLVED_REFERENCE = "reference to nothing"
    UNCANONICAL = "no canonical form"
    WRONG_DIGEST = "wrong digest"
    REQUEST_NOT_COVERED = "request not signed"
    WRONG_VALUE = "wrong signature value"
    # XAdES
    MISPLACED_PROPERTIES = "signed properties misplaced"
    NO_SIGNED_PROPERTIES = "no signed properties"
    PROPERTIES_NOT_COVERED = "signed properties not signed"
    NO_SIGNING_TIME = "no signing time"
    NOT_A_TIME = "signing time is no time"
    SIGNED_IN_FUTURE = "signed in the future"
    NO_SIGNING_CERTIFICATE = "no signing certificate"
    OTHER_CERTIFICATE = "digest of another certificate"
    # the certificate and its holder
    UNUSABLE_CERTIFICATE = "unusable certificate"
    OTHER_KEY = "key of another certificate"
    NOT_YET_VALID = "not valid yet"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    WRONG_PURPOSE = "certificate for another purpose"
    ISSUER_SILENT = "issuer does not answer"
    BROKEN_CHAIN = "broken chain"
    UNTRUSTED = "untrusted chain"
    NO_IDENTIFIER = "no identifier in the subject"
    MALFORMED_IDENTIFIER = "malformed identifier in the subject"
    SEVERAL_IDENTIFIERS = "several identifiers in the subject"
    MISSING_ATTRIBUTE = "attribute missing in the subject"
    EXCESS_ATTRIBUTE = "attribute in excess in the subject"
    PERMISSION = "permission"
    DEFECT = "defect"


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Answered at once with 400: the exception code and KSeF's details, in Polish where KSeF writes them."""

    code: Code
    details: tuple[str, ...] = ()


#: For what is wrong with the signature and has no text of its own (seen on TEST).
BAD_SIGNATURE = Refusal(Code.INVALID_SIGNATURE, ("Podpis zweryfikowany negatywnie.",))
#: For a signature that is no XAdES (seen on TEST and DEMO).
NOT_XADES = Refusal(Code.INVALID_SIGNATURE, ("Format podpisu niezgodny z akceptowanymi profilami XAdES.",))
#: For a digest or signature algorithm that is not allowed (recorded on PRD).
BAD_ALGORITHM = Refusal(
    Code.INVALID_SIGNATURE, ("Podpis złożony z użyciem niewspieranego algorytmu kryptograficznego.",)
)

#: Characters of a document that a detail repeats.
_LONGEST_NAME = 200


def bad_digest(name: str) -> Refusal:
    """For a reference whose digest is wrong (seen on TEST). `name`: its URI without the #."""
    detail = f"Nieprawidłowa wartość skrótu dla referencji wskazującej na element '{name}'."
    return Refusal(Code.INVALID_SIGNATURE, (detail,))


def unresolved(name: str | None) -> Refusal:
    """For a reference to nothing (recorded, with `null`). `name`: its URI without the #, if it has one."""
    text = "null" if name is None else name[:_LONGEST_NAME]
    detail = f"Element wskazywany przez referencję '{text}' nie został odnaleziony."
    return Refusal(Code.INVALID_SIGNATURE, (detail,))


#: What a failed check leads to: a refusal at once, or an accepted submission that ends in this status.
Consequence = Refusal | Verdict


class CheckResult(msgspec.Struct, frozen=True, gc=False):
    """The result of one check."""

    check: Check
    outcome: Outcome
    #: What was found, in English and precise. Also set on success where there is something to say.
    reason: str = ""
    consequence: Consequence | None = None
    #: Set if it failed.
    cause: Cause | None = None
    #: The usual mistake that explains a failure; set only when recomputing proved it.
    explanation: str | None = None
    #: Values that the reader needs to follow the reason: URIs, digests in base64, lengths.
    evidence: dict[str, str] = {}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: strings, numbers and None only."""
        return {
            "check": self.check.value,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "consequence": _consequence_to_dict(self.consequence),
            "cause": None if self.cause is None else self.cause.value,
            "explanation": self.explanation,
            "evidence": self.evidence,
        }


def passed(check: Check, reason: str = "", /) -> CheckResult:
    """The check held; `reason` says what deserves notice all the same."""
    return CheckResult(check, Outcome.PASSED, reason)


def failed(
    check: Check,
    cause: Cause,
    reason: str,
    consequence: Consequence,
    /,
    *,
    explanation: str | None = None,
    **evidence: str,
) -> CheckResult:
    """The check did not hold."""
    return CheckResult(check, Outcome.FAILED, reason, consequence, cause, explanation, evidence)


def skipped(check: Check, reason: str, /) -> CheckResult:
    """The check could not be made; `reason` says what it needs."""
    return CheckResult(check, Outcome.SKIPPED, reason)


#: Made once: every report ends with them, whatever the document.
_LEFT_TO_SERVERS = [skipped(check, reason) for check, reason in SERVER_CHECKS.items()]


class ReferenceFacts(msgspec.Struct, frozen=True, gc=False):
    """One ds:Reference as it was computed."""

    #: As written, or None where the attribute is missing.
    uri: str | None
    type: str | None
    transforms: tuple[str, ...]
    digest_algorithm: str
    stated_digest: bytes | None
    computed_digest: bytes | None
    #: The octets that were hashed; None if the reference could not be processed.
    octets: bytes | None
    #: What the digest protects: "request", "signed properties", "other", or None.
    covers: str | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "uri": self.uri,
            "type": self.type,
            "transforms": list(self.transforms),
            "digestAlgorithm": self.digest_algorithm,
            "statedDigest": _b64(self.stated_digest),
            "computedDigest": _b64(self.computed_digest),
            "octets": None if self.octets is None else len(self.octets),
            "covers": self.covers,
        }


class Facts(msgspec.Struct):
    """What the document says of itself, as far as it could be read."""

    #: "2.0" or "2.1".
    version: str | None = None
    #: "enveloped" or "enveloping".
    form: str | None = None
    canonicalization: str | None = None
    signature_algorithm: str | None = None
    references: tuple[ReferenceFacts, ...] = ()
    #: The canonical SignedInfo: the octets that the signature value signs.
    signed_info: bytes | None = None
    #: As written in the document.
    signing_time: str | None = None
    #: Whether the signature has signed properties with signing time and signing certificate.
    is_xades: bool = False
    #: Whether the signature value signs what lxml makes of SignedInfo where it stands.
    has_lxml_octets: bool = False


class Report:
    """Results in check order, and the facts behind them. Callers add the results that need a server."""

    def __init__(self, results: Iterable[CheckResult] = (), facts: Facts | None = None) -> None:
        #: In the order in which they were recorded, those included that have given way since.
        self._recorded = list(results)
        self.facts = facts or Facts()
        #: The signing certificate, taken from KeyInfo.
        self.certificate: Certificate | None = None
        #: The other certificates in KeyInfo, in document order: intermediates, usually.
        self.other_certificates: tuple[Certificate, ...] = ()

    def record(self, result: CheckResult) -> None:
        """Add a result. It takes the place of an earlier one that was only skipped."""
        self._recorded.append(result)

    def explain(self, explanation: str) -> None:
        """Say which mistake explains the failure that decides."""
        failure = self.failure
        assert failure is not None
        at = self._recorded.index(failure)
        self._recorded[at] = msgspec.structs.replace(failure, explanation=explanation)

    def skip_missing(self, checks: Iterable[Check], reason: str) -> None:
        """Record each of `checks` that has no result yet as skipped, for this reason."""
        known = {result.check for result in self._recorded}
        self._recorded += [skipped(check, reason) for check in checks if check not in known]

    def leave_to_servers(self) -> None:
        """Record each of `SERVER_CHECKS` that has no result yet as skipped."""
        known = {result.check for result in self._recorded}
        self._recorded += [result for result in _LEFT_TO_SERVERS if result.check not in known]

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """Every result, in check order; of the same check in the order in which they were recorded."""
        by_check = groupby(sorted(self._recorded, key=_place), key=_place)
        return tuple(result for _, same in by_check for result in _standing(same))

    def of(self, check: Check) -> tuple[CheckResult, ...]:
        """The results of one check."""
        return tuple(_standing(result for result in self._recorded if result.check is check))

    def passed(self, check: Check) -> bool:
        """Whether the check was made and held."""
        results = self.of(check)
        return bool(results) and all(result.outcome is Outcome.PASSED for result in results)

    @property
    def failure(self) -> CheckResult | None:
        """The first failed result in check order: the one that decides what KSeF answers."""
        failed = [result for result in self._recorded if result.outcome is Outcome.FAILED]
        return min(failed, key=_place, default=None)

    @property
    def ok(self) -> bool:
        """Whether nothing failed. Skipped checks do not count against the document."""
        return self.failure is None

    def copy(self) -> Report:
        """A report with the same results, to which others can be added independently."""
        copied = Report(self._recorded, msgspec.structs.replace(self.facts))
        copied.certificate = self.certificate
        copied.other_certificates = self.other_certificates
        return copied

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: what the report knows, except for the canonical octets themselves."""
        failure, facts = self.failure, self.facts
        return {
            "ok": self.ok,
            "failure": failure.check.value if failure else None,
            "answer": _consequence_to_dict(failure.consequence) if failure else None,
            "version": facts.version,
            "form": facts.form,
            "canonicalization": facts.canonicalization,
            "signatureAlgorithm": facts.signature_algorithm,
            "references": [reference.to_dict() for reference in facts.references],
            "signingTime": facts.signing_time,
            "certificate": None if self.certificate is None else certificate_to_dict(self.certificate),
            "results": [result.to_dict() for result in self.results],
        }


def certificate_to_dict(certificate: Certificate) -> dict[str, str]:
    """Names (RFC 4514), serial (decimal), SHA-256 fingerprint (upper hex), validity (ISO 8601)."""
    return {
        "subject": readable(certificate.subject),
        "issuer": readable(certificate.issuer),
        "serial": str(certificate.serial_number),
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex().upper(),
        "validFrom": certificate.not_valid_before_utc.isoformat(),
        "validTo": certificate.not_valid_after_utc.isoformat(),
    }


def _standing(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Of the results of one check those that have not given way: what was only skipped does so."""
    standing: list[CheckResult] = []
    for result in results:
        if all(earlier.outcome is Outcome.SKIPPED for earlier in standing):
            standing.clear()
        standing.append(result)
    return standing


def _place(result: CheckResult) -> int:
    return _ORDER[result.check]


def _consequence_to_dict(consequence: Consequence | None) -> dict[str, Any] | None:
    if consequence is None:
        return None
    if isinstance(consequence, Refusal):
        code = consequence.code
        return {"code": int(code), "description": DESCRIPTIONS[code], "details": list(consequence.details)}
    status = consequence.status
    return {"status": int(status), "description": STATUS_DESCRIPTIONS[status], "detail": consequence.detail}


def _b64(octets: bytes | None) -> str | None:
    return None if octets is None else base64.b64encode(octets).decode()
