"""A run as one HTML file: each situation with its verdict and the requests that decided it."""

from __future__ import annotations

import shlex
from pathlib import Path

from contract_tests.clients.report import Report


def html(report: Report) -> str:
    """The document; it needs nothing but itself.

    Raises:
        ModuleNotFoundError: Jinja2 is not installed (`pip install ksef-mock[conformance]`).
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report, command=shlex.join(report.command)
    )
