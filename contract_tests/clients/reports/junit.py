"""A run as JUnit XML, which CI systems read: a situation is a test case."""

from __future__ import annotations

import re
import shlex
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from contract_tests.clients.report import Report, Result, Verdict

#: What XML 1.0 cannot contain.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """The document. A situation that was not exercised is skipped; one that was not survived, a failure."""
    counts = report.counts
    numbers = {
        "tests": str(len(report.results)),
        "failures": str(counts[Verdict.FAILED]),
        "errors": "0",
        "skipped": str(counts[Verdict.NOT_EXERCISED]),
        "time": f"{report.duration:.3f}",
    }
    root = Element("testsuites", {"name": "ksef-conformance client", **numbers})
    suite = SubElement(
        root,
        "testsuite",
        {"name": _clean(shlex.join(report.command)), "timestamp": report.started, **numbers},
    )
    for result in report.results:
        _case(suite, result)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, result: Result) -> None:
    case = SubElement(
        suite,
        "testcase",
        {
            "classname": f"ksef.client.{result.area.lower()}",
            "name": _clean(f"{result.id} {result.sentence}"),
            "time": f"{result.duration:.3f}",
        },
    )
    if result.verdict is Verdict.FAILED:
        attributes = {"type": result.severity, "message": _clean(result.message)}
        SubElement(case, "failure", attributes).text = _clean(_evidence(result))
    elif result.verdict is Verdict.NOT_EXERCISED:
        SubElement(case, "skipped", {"message": _clean(result.message)})
    if result.output:
        SubElement(case, "system-out").text = _clean(result.output)


def _evidence(result: Result) -> str:
    lines = [f"A right client {result.right}.", ""]
    for request in result.requests:
        note = f" ({request.note})" if request.note else ""
        lines.append(f"{request.at:8.3f} s  {request.exchange.line}{note}")
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
