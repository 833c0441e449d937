"""A report as JUnit XML, as CI systems read it: a suite for each area, a case for each requirement."""

from __future__ import annotations

import re

from lxml import etree

from contract_tests.server.report import Report, Result, Verdict

#: What XML 1.0 cannot carry, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(report: Report) -> bytes:
    """The whole document."""
    root = etree.Element(
        "testsuites", _totals(report.results) | {"name": f"KSeF conformance of {report.target}"}
    )
    for area, results in report.by_area().items():
        suite = etree.SubElement(
            root, "testsuite", _totals(results) | {"name": area, "timestamp": report.started}
        )
        for result in results:
            _case(suite, result)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _totals(results: list[Result]) -> dict[str, str]:
    def count(verdict: Verdict) -> str:
        return str(sum(result.verdict is verdict for result in results))

    return {
        "tests": str(len(results)),
        "failures": count(Verdict.FAILED),
        "errors": count(Verdict.ERROR),
        "skipped": count(Verdict.SKIPPED),
        "time": f"{sum(result.duration for result in results) / 1_000:.3f}",
    }


def _case(suite: etree._Element, result: Result) -> None:
    case = etree.SubElement(
        suite,
        "testcase",
        {
            "classname": f"ksef.{result.area}",
            "name": f"{result.id} {writable(result.sentence)}",
            "time": f"{result.duration / 1_000:.3f}",
        },
    )
    kind = {Verdict.FAILED: "failure", Verdict.ERROR: "error", Verdict.SKIPPED: "skipped"}.get(result.verdict)
    if kind is not None:
        told = etree.SubElement(case, kind, {"message": writable(result.message)})
        if result.is_bad:
            told.text = writable(_evidence(result))


def _evidence(result: Result) -> str:
    parts = [result.message, f"source: {result.source}"]
    for exchange in result.exchanges:
        parts += [exchange.line, exchange.request.body, exchange.response.body]
    return "\n\n".join(part for part in parts if part)


def writable(text: str) -> str:
    """`text` without what XML 1.0 cannot carry."""
    return _UNWRITABLE.sub("\ufffd", text)
