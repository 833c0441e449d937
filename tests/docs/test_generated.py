"""What the pages say of the code: the generated ones are up to date, the modules that are named are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.generated import COVERAGE, OPTIONS, coverage, options
from tests.docs.snippets import DOCUMENTS, ROOT


def test_table_of_operations_is_up_to_date() -> None:
    assert COVERAGE.read_text() == coverage(), "make docs"


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
