"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

from contract_tests.common.html import rendered
from contract_tests.common.report import Mark
from contract_tests.server.report import Report


def page(report: Report) -> str:
    """The whole page."""
    return rendered(
        "contract_tests.server.reports",
        "report.html.j2",
        report=report,
        noun="requirements",
        words={mark: mark.value for mark in Mark},
    )
