"""A run as JUnit XML, as CI systems read it: a suite for each area, a case for each situation."""

from __future__ import annotations

import shlex

from lxml import etree

from contract_tests.clients.report import Report, Result, Verdict
from contract_tests.server.reports.junit import writable


def junit(report: Report) -> str:
    """The document. A situation that was not exercised is skipped; one that was not survived, a failure."""
    name = writable(f"situations for {shlex.join(report.command)}")
    root = etree.Element("testsuites", _totals(report.results) | {"name": name})
    for area, results in report.by_area().items():
        head = {"name": area, "timestamp": report.started}
        suite = etree.SubElement(root, "testsuite", _totals(results) | head)
        for result in results:
            _case(suite, result)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True).decode()


def _totals(results: list[Result]) -> dict[str, str]:
    verdicts = [result.verdict for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(verdicts.count(Verdict.FAILED)),
        "errors": "0",
        "skipped": str(verdicts.count(Verdict.NOT_EXERCISED)),
        "time": f"{sum(result.duration for result in results):.3f}",
    }


def _case(suite: etree._Element, result: Result) -> None:
    case = etree.SubElement(
        suite,
        "testcase",
        {
            "classname": f"ksef.client.{result.area}",
            "name": f"{result.id} {writable(result.sentence)}",
            "time": f"{result.duration:.3f}",
        },
    )
    if result.verdict is Verdict.FAILED:
        told = etree.SubElement(
            case, "failure", {"type": result.severity, "message": writable(result.message)}
        )
        told.text = writable(_evidence(result))
    elif result.verdict is Verdict.NOT_EXERCISED:
        etree.SubElement(case, "skipped", {"message": writable(result.message)})
    if result.output:
        etree.SubElement(case, "system-out").text = writable(result.output)


def _evidence(result: Result) -> str:
    lines = [f"A right client {result.right}.", ""]
    for request in result.requests:
        note = f" ({request.note})" if request.note else ""
        lines.append(f"{request.at:8.3f} s  {request.exchange.line}{note}")
    return "\n".join(lines)
