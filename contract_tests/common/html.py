"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from contract_tests.common.exchange import Message
from contract_tests.common.report import Mark
from contract_tests.common.words import counted

#: Where the page that all reports share lies, with its style sheet and its script.
_SHARED = files("contract_tests.common") / "templates"


def rendered(package: str, template: str, *, words: Mapping[Mark, str], **variables: Any) -> str:
    """A template in a package, which may extend `page.html.j2`; `words` are what marks are called in it."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(partial(_source, package)),
    )
    environment.filters["laid_out"] = _laid_out
    environment.filters["counted"] = counted
    return environment.get_template(template).render(
        variables,
        style=_source("", "report.css"),
        script=_source("", "report.js"),
        words=words,
        marks=list(words),
    )


def _source(package: str, name: str) -> str | None:
    for folder in (_SHARED, *([files(package)] if package else [])):
        found = folder / name
        if found.is_file():
            return found.read_text("utf-8")
    return None


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
