"""A report as JUnit XML, as CI systems read it: a suite for each area, a case for each entry."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from contract_tests.common.report import F, Finding, Findings, Mark

#: What XML 1.0 cannot carry, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {Mark.FAILED: "failure", Mark.ERROR: "error", Mark.SKIPPED: "skipped"}


def document(report: Findings[F], package: str) -> bytes:
    """The whole document. `package` stands before the area in the name of a case's class."""
    root = etree.Element("testsuites", _totals(report.results) | {"name": _writable(report.title)})
    for title, results in report.by_area().items():
        head = {"name": title, "timestamp": report.started}
        suite = etree.SubElement(root, "testsuite", _totals(results) | head)
        for result in results:
            _case(suite, result, package)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _totals(results: Sequence[Finding]) -> dict[str, str]:
    def count(mark: Mark) -> str:
        return str(sum(result.mark is mark for result in results))

    return {
        "tests": str(len(results)),
        "failures": count(Mark.FAILED),
        "errors": count(Mark.ERROR),
        "skipped": count(Mark.SKIPPED),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _case(suite: etree._Element, result: Finding, package: str) -> None:
    case = etree.SubElement(
        suite,
        "testcase",
        {
            "classname": f"{package}.{result.area}",
            "name": f"{result.id} {_writable(result.sentence)}",
            "time": f"{result.seconds:.3f}",
        },
    )
    element = _ELEMENTS.get(result.mark)
    if element is not None:
        told = etree.SubElement(case, element, {"message": _writable(result.message)})
        if result.mark is not Mark.SKIPPED:
            told.set("type", result.severity)
            told.text = _writable(result.account)
    if result.output:
        etree.SubElement(case, "system-out").text = _writable(result.output)


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
