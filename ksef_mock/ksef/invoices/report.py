"""The report on an invoice: named checks in order, each passed, failed or skipped, with the reason.

The status of the invoice, the journal, the dashboard and the command are views of this one report.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from ksef_mock.ksef.invoices.documents import Document
from ksef_mock.ksef.invoices.rules import INVOICE_STATUS_DESCRIPTIONS, Ground, InvoiceStatus
from ksef_mock.xades.report import Outcome


class Check(StrEnum):
    """What is checked, in the order in which it counts: the first failure decides what KSeF says.

    The real order is not documented; this one agrees with everything that has been observed.
    """

    ENCRYPTION = "encryption"
    SIZE = "size"
    HASH = "hash"
    BYTE_ORDER_MARK = "byte order mark"
    ENCODING = "encoding"
    WELL_FORMEDNESS = "well-formedness"
    CHARACTERS = "characters"
    PROCESSING_INSTRUCTIONS = "processing instructions"
    SCHEMA = "schema"
    CHECKSUMS = "checksums"
    ATTACHMENT = "attachment"
    RIGHT = "right to invoice"
    ISSUE_DATE = "issue date"
    DUPLICATE = "duplicate"


class Cause(StrEnum):
    """Why a check failed."""

    NOT_DECRYPTED = "not decrypted"
    WRONG_SIZE = "wrong size"
    TOO_LARGE = "too large"
    WRONG_HASH = "wrong hash"
    BYTE_ORDER_MARK = "byte order mark"
    NOT_UTF8 = "not UTF-8"
    NOT_WELL_FORMED = "not well-formed"
    DISCOURAGED_CHARACTER = "discouraged character"
    PROCESSING_INSTRUCTION = "processing instruction"
    WRONG_FORM = "wrong form"
    SCHEMA = "schema"
    STRUCTURE = "structure"
    CHECKSUM = "checksum"
    ATTACHMENT_NOT_ALLOWED = "attachment not allowed"
    NO_CONSENT_TO_ATTACHMENTS = "no consent to attachments"
    NO_RIGHT = "no right to invoice"
    FUTURE_DATE = "future date"
    DUPLICATE = "duplicate"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of one check."""

    check: Check
    outcome: Outcome
    #: What was found, in English and precise.
    reason: str = ""
    cause: Cause | None = None
    #: What KSeF says then: the status, its details, and its extensions.
    status: InvoiceStatus | None = None
    details: tuple[str, ...] = ()
    extensions: dict[str, str] | None = None
    #: The usual mistake that explains a failure; set only when undoing it proved it.
    explanation: str | None = None
    #: Values that the reader needs to follow the reason: the element, what it says, what is expected.
    evidence: dict[str, str] = {}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "check": self.check.value,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "cause": self.cause.value if self.cause else None,
            "explanation": self.explanation,
            "evidence": self.evidence,
        }


_PLACES = {check: place for place, check in enumerate(Check)}


def _place(result: CheckResult) -> int:
    return _PLACES[result.check]


class Report:
    """Results in check order, and what was read."""

    def __init__(self) -> None:
        self._results: dict[Check, CheckResult] = {}
        #: The decrypted octets; None if they could not be decrypted.
        self.octets: bytes | None = None
        #: Their SHA-256 in Base64.
        self.digest: str | None = None
        #: None if it could not be read.
        self.document: Document | None = None
        #: Why the context may issue it.
        self.ground: Ground | None = None

    def passed(self, check: Check, reason: str = "") -> None:
        """The check held."""
        self.record(CheckResult(check=check, outcome=Outcome.PASSED, reason=reason))

    def skipped(self, check: Check, reason: str) -> None:
        """The check could not be made; `reason` says what it needs."""
        self.record(CheckResult(check=check, outcome=Outcome.SKIPPED, reason=reason))

    def failed(
        self,
        check: Check,
        cause: Cause,
        reason: str,
        status: InvoiceStatus,
        *details: str,
        explanation: str | None = None,
        extensions: dict[str, str] | None = None,
        evidence: dict[str, str] | None = None,
    ) -> None:
        """The check did not hold."""
        self.record(
            CheckResult(
                check=check,
                outcome=Outcome.FAILED,
                reason=reason,
                cause=cause,
                status=status,
                details=details,
                extensions=extensions,
                explanation=explanation,
                evidence=evidence or {},
            )
        )

    def record(self, result: CheckResult) -> None:
        """Add a result, in place of an earlier one of the same check."""
        self._results[result.check] = result

    def skip_missing(self, reason: str) -> None:
        """Record every check without a result as skipped, for this reason."""
        for check in _PLACES:
            if check not in self._results:
                self.skipped(check, reason)

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """Every result, in check order."""
        return tuple(sorted(self._results.values(), key=_place))

    def of(self, check: Check) -> CheckResult | None:
        """The result of one check."""
        return self._results.get(check)

    @property
    def failures(self) -> list[CheckResult]:
        """The failed results, in check order."""
        failed = [result for result in self._results.values() if result.outcome is Outcome.FAILED]
        return sorted(failed, key=_place)

    @property
    def passes(self) -> list[CheckResult]:
        """The results of the checks that held, in the order in which they were made."""
        return [result for result in self._results.values() if result.outcome is Outcome.PASSED]

    @property
    def failure(self) -> CheckResult | None:
        """The first failed result in check order: the one that decides what KSeF says."""
        return next(iter(self.failures), None)

    @property
    def ok(self) -> bool:
        """Whether nothing failed. Skipped checks do not count against the invoice."""
        return not self.failures

    @property
    def status(self) -> InvoiceStatus:
        """What the invoice ends in."""
        failure = self.failure
        return InvoiceStatus.SUCCESS if failure is None or failure.status is None else failure.status

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        failure, status = self.failure, self.status
        return {
            "ok": self.ok,
            "failure": failure.check.value if failure else None,
            "status": {
                "code": int(status),
                "description": INVOICE_STATUS_DESCRIPTIONS[status],
                "details": list(failure.details) if failure else [],
            },
            "form": self.document.form.name if self.document and self.document.form else None,
            "invoiceNumber": self.document.number if self.document else None,
            "ground": self.ground.value if self.ground else None,
            "results": [result.to_dict() for result in self.results],
        }
