"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from contract_tests.exchange import Message
from contract_tests.report import Report, Verdict


def page(report: Report) -> str:
    """The whole page."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["laid_out"] = _laid_out
    folder = files("contract_tests.reports") / "templates"
    template = environment.from_string((folder / "report.html.j2").read_text("utf-8"))
    return template.render(
        report=report,
        verdicts=list(Verdict),
        style=(folder / "report.css").read_text("utf-8"),
        script=(folder / "report.js").read_text("utf-8"),
    )


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
