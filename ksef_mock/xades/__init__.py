"""Verification of signed AuthTokenRequest documents, as KSeF does it, but with an explanation.

A library of its own, no server needed:

    from datetime import UTC, datetime
    from ksef_mock.xades import verify

    report = verify(Path("signed.xml").read_bytes(), at=datetime.now(UTC))
    if not report.ok:
        print(report.failure.reason, report.failure.explanation)

`read` stops before any cryptography and gives the request that the document makes.
"""

from ksef_mock.xades.reading import AuthTokenRequest, Reading, read
from ksef_mock.xades.report import (
    Cause,
    Check,
    CheckResult,
    Outcome,
    Refusal,
    Report,
    failed,
    passed,
    skipped,
)
from ksef_mock.xades.verification import verify

__all__ = [
    "AuthTokenRequest",
    "Cause",
    "Check",
    "CheckResult",
    "Outcome",
    "Reading",
    "Refusal",
    "Report",
    "failed",
    "passed",
    "read",
    "skipped",
    "verify",
]
