"""A run as one HTML file: each situation with its verdict and the requests that decided it."""

from __future__ import annotations

import shlex

from contract_tests.clients.report import Report, Verdict

#: Classes of the style sheet, which is that of the suite's own report.
_CLASSES = {Verdict.SURVIVED: "passed", Verdict.FAILED: "failed", Verdict.NOT_EXERCISED: "skipped"}


def html(report: Report) -> str:
    """The document; it needs nothing but itself.

    Raises:
        ModuleNotFoundError: Jinja2 is not installed (`pip install ksef-mock[conformance]`).
    """
    from contract_tests.server.reports.html import rendered

    return rendered(
        "contract_tests.clients.reports",
        "report.html.j2",
        report=report,
        command=shlex.join(report.command),
        classes=_CLASSES,
    )
