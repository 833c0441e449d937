"""The suite on our own mock: it passes wholly, skips nothing, and states what it needs."""

from __future__ import annotations

from pathlib import Path

from contract_tests.server.catalogue import catalogue
from contract_tests.server.reports import markdown
from contract_tests.server.runner import run

ROOT = Path(__file__).resolve().parents[3]


def test_every_requirement_passes_on_the_mock() -> None:
    report = run("mock")
    assert [(result.id, result.verdict, result.message) for result in report.results if result.message] == []
    assert report.conforms
    assert len(report.results) == len(catalogue())


def test_the_document_of_the_catalogue_is_current() -> None:
    document = ROOT / "docs" / "conformance.md"
    assert document.read_text("utf-8") == markdown.catalogue(catalogue()), (
        "not that of the catalogue: ksef-conformance list --markdown > docs/conformance.md"
    )
