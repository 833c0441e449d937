"""What the pages say of the code: the generated ones are up to date, the modules that are named are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ksef_mock.gateway.operations import API_VERSION, OPERATIONS
from tests.docs.generated import COVERAGE, OPTIONS, coverage, options
from tests.docs.snippets import DOCUMENTS, ROOT


def test_table_of_operations_is_up_to_date() -> None:
    assert COVERAGE.read_text() == coverage(), "make docs"


@pytest.mark.parametrize(
    ("page", "every"), [("README.md", "every operation"), ("README.pl.md", "każda operacja")]
)
def test_readme_promises_as_many_operations_as_there_are(page: str, every: str) -> None:
    assert f"[{every}](docs/coverage.md)" in (text := (ROOT / page).read_text())
    assert f" API {API_VERSION}: " in text
    assert f"{len(OPERATIONS)} of {len(OPERATIONS)} are simulated." in coverage()


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_table_of_options_is_up_to_date() -> None:
    assert OPTIONS.read_text() == options(), "make docs"


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.exists()], ids=lambda path: path.name)
def test_files_that_are_named_are_there(document: Path) -> None:
    named = r"`((?:ksef_mock|ksef_client_min|contract_tests|tests|bench|docs|docker)/[\w./-]*)`"
    for name in re.findall(named, document.read_text()):
        assert (ROOT / name).exists(), f"{document.name}: {name}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


def test_every_package_of_the_mock_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = {path.parent.name for path in (ROOT / "ksef_mock").glob("*/__init__.py")}
    assert {package for package in packages if f"`ksef_mock/{package}/`" not in text} == set()
