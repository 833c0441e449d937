"""The suite judges the mock, so it knows nothing of it: only what starts mocks imports them."""

from __future__ import annotations

import ast
from pathlib import Path

import contract_tests

_PACKAGE = Path(contract_tests.__file__).parent
_STARTS_MOCKS = {"mock_target.py"}
#: Says how the distribution is installed in full, which the mock's package knows.
_SAYS_HOW_TO_INSTALL = {"__main__.py"}


def imported_by(path: Path) -> set[str]:
    """The packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_only_what_starts_mocks_imports_the_mock() -> None:
    # The client conformance starts mocks for the clients that it judges.
    modules = [each for each in _PACKAGE.rglob("*.py") if "clients" not in each.relative_to(_PACKAGE).parts]
    assert len(modules) > 30
    importing = {path.name for path in modules if "ksef_mock" in imported_by(path)}
    assert importing == _STARTS_MOCKS | _SAYS_HOW_TO_INSTALL


def test_nothing_of_the_suite_is_imported_by_the_mock_or_the_client() -> None:
    root = _PACKAGE.parent
    for package in ("ksef_mock", "ksef_client_min"):
        for path in (root / package).rglob("*.py"):
            assert "contract_tests" not in imported_by(path), path
