"""The changelog's fragments, and how they come into CHANGELOG.md."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "changelog.d" / "assemble.py"))

BEFORE = """\
# Changelog

## Unreleased

### Added
- one

### Changed
- two

## 0.1.0 - 2026-01-01

### Added
- zero
"""


def test_fragments_join_the_lists_of_their_kinds() -> None:
    found = {"added": ["- three"], "changed": [], "fixed": ["- four\n  goes on"], "removed": []}
    after = SCRIPT["assembled"](BEFORE, found, None, "2026-02-02")
    assert after == BEFORE.replace("- one\n", "- one\n- three\n").replace(
        "- two\n", "- two\n\n### Fixed\n- four\n  goes on\n"
    )


def test_a_version_gets_what_was_unreleased() -> None:
    found = {"added": [], "changed": ["- three"], "fixed": [], "removed": []}
    after = SCRIPT["assembled"](BEFORE, found, "0.2.0", "2026-02-02")
    assert after == BEFORE.replace("## Unreleased\n", "## Unreleased\n\n## 0.2.0 - 2026-02-02\n").replace(
        "- two\n", "- two\n- three\n"
    )


def test_the_fragments_that_wait_are_right() -> None:
    SCRIPT["entries"](ROOT / "changelog.d")


@pytest.mark.parametrize(
    ("name", "text"), [("thing.md", "x"), ("thing.better.md", "x"), ("a.fixed.md", "\n")]
)
def test_a_fragment_of_no_kind_or_without_text_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"SLUG\.KIND\.md"):
        SCRIPT["entries"](tmp_path)
