"""The report on a QR code: named checks in order, each passed, failed or skipped, with the reason.

The page, its JSON, the journal and the command are views of this one report.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from ksef_mock.ksef.invoices.metadata import Invoice
from ksef_mock.xades.report import Outcome


class Code(StrEnum):
    """The two codes on an invoice."""

    INVOICE = "KOD I"
    CERTIFICATE = "KOD II"


class Check(StrEnum):
    """What is checked, in order (kody-qr.md; of KOD I the order is ours)."""

    LINK = "link"
    # KOD I
    HASH = "hash"
    SELLER = "seller"
    ISSUE_DATE = "issue date"
    STORAGE = "storage"
    # KOD II
    CERTIFICATE = "certificate"
    ACTIVE = "active"
    CERTIFICATE_TYPE = "certificate type"
    SIGNATURE = "signature"
    HOLDER = "right of the holder"
    CONTEXT = "right of the context"


CHECKS: dict[Code, tuple[Check, ...]] = {
    Code.INVOICE: (Check.LINK, Check.HASH, Check.SELLER, Check.ISSUE_DATE, Check.STORAGE),
    Code.CERTIFICATE: (
        Check.LINK,
        Check.CERTIFICATE,
        Check.ACTIVE,
        Check.CERTIFICATE_TYPE,
        Check.SIGNATURE,
        Check.HOLDER,
        Check.CONTEXT,
    ),
}


class Cause(StrEnum):
    """Why a check failed."""

    MALFORMED = "malformed"
    UNKNOWN_INVOICE = "unknown invoice"
    OTHER_SELLER = "other seller"
    OTHER_DATE = "other date"
    NOT_STORED = "not stored"
    UNKNOWN_CERTIFICATE = "unknown certificate"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    NOT_OFFLINE = "not for offline invoices"
    NOT_BASE64URL = "not Base64URL"
    WRONG_SIGNATURE = "wrong signature"
    NO_RIGHT = "no right"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check."""

    check: Check
    outcome: Outcome
    #: What was found, in English and precise.
    reason: str
    cause: Cause | None = None
    #: The usual mistake that explains a failure; set only when undoing it proved it.
    explanation: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "check": self.check.value,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "cause": self.cause.value if self.cause else None,
            "explanation": self.explanation,
        }


class Report:
    """Results in check order."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._results: dict[Check, CheckResult] = {}
        #: The invoice that KOD I leads to, if it may be shown.
        self.invoice: Invoice | None = None

    def passed(self, check: Check, reason: str) -> None:
        """The check held."""
        self._results[check] = CheckResult(check=check, outcome=Outcome.PASSED, reason=reason)

    def failed(self, check: Check, cause: Cause, reason: str, explanation: str | None = None) -> None:
        """The check did not hold."""
        self._results[check] = CheckResult(
            check=check, outcome=Outcome.FAILED, reason=reason, cause=cause, explanation=explanation
        )

    def skip_missing(self, reason: str) -> None:
        """Record every check without a result as skipped, for this reason."""
        for check in CHECKS[self.code]:
            skipped = CheckResult(check=check, outcome=Outcome.SKIPPED, reason=reason)
            self._results.setdefault(check, skipped)

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """Every result, in check order."""
        return tuple(self._results[check] for check in CHECKS[self.code] if check in self._results)

    def outcome(self, check: Check) -> Outcome:
        """How a check ended; one that was never made is skipped."""
        found = self._results.get(check)
        return Outcome.SKIPPED if found is None else found.outcome

    @property
    def failure(self) -> CheckResult | None:
        """The first failed result in check order."""
        return next((result for result in self.results if result.outcome is Outcome.FAILED), None)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.failure is None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        failure = self.failure
        found = None if self.invoice is None else self.invoice.content
        return {
            "code": self.code.value,
            "ok": self.ok,
            "failure": failure.check.value if failure else None,
            "invoice": found
            and {
                "ksefNumber": found.ksef_number,
                "invoiceNumber": found.invoice_number,
                "invoicingMode": found.invoicing_mode,
            },
            "results": [result.to_dict() for result in self.results],
        }
