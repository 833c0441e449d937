"""A run as one HTML file: each situation with its verdict and the requests that decided it."""

from __future__ import annotations

from contract_tests.clients.report import WORDS, Report


def html(report: Report) -> str:
    """The document; it needs nothing but itself.

    Raises:
        ModuleNotFoundError: Jinja2 is not installed.
    """
    from contract_tests.common.html import rendered

    return rendered(
        "contract_tests.clients.reports", "report.html.j2", report=report, noun="situations", words=WORDS
    )
