"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from contract_tests.server.exchange import Message
from contract_tests.server.report import Report, Verdict

_HERE = "contract_tests.server.reports.templates"


def page(report: Report) -> str:
    """The whole page."""
    return rendered(_HERE, "report.html.j2", report=report, verdicts=list(Verdict))


def rendered(package: str, template: str, **variables: Any) -> str:
    """A template in a package, with the style sheet and the script of all reports."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["laid_out"] = _laid_out
    return environment.from_string(_text(package, template)).render(
        variables, style=_text(_HERE, "report.css"), script=_text(_HERE, "report.js")
    )


def _text(package: str, name: str) -> str:
    # A folder of templates is no package; it lies in one.
    parent, _, folder = package.rpartition(".")
    return (files(parent) / folder / name).read_text("utf-8")


def _laid_out(message: Message) -> str:
    """Headers, an empty line, the body; JSON indented."""
    head = "\n".join(f"{name}: {value}" for name, value in message.headers)
    return f"{head}\n\n{_indented(message.body)}".strip()


def _indented(body: str) -> str:
    if not body.startswith(("{", "[")):
        return body
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body
