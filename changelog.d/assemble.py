"""Moves the fragments of this folder into CHANGELOG.md: `python changelog.d/assemble.py [VERSION]`.

A fragment is a file `SLUG.KIND.md`, KIND one of added, changed, fixed, removed:
one entry, of a line or a few.
Without a version they go to "Unreleased"; with one, that section gets its number and the date of today.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

KINDS = ("added", "changed", "fixed", "removed")
FOLDER = Path(__file__).parent


def entries(folder: Path) -> dict[str, list[str]]:
    """The fragments by kind, each as an entry of a list.

    Raises:
        ValueError: a file is named after no kind, or is empty.
    """
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for file in sorted(folder.glob("*.md")):
        kind = file.stem.rpartition(".")[2]
        lines = file.read_text("utf-8").split("\n")
        text = "\n  ".join(line.rstrip() for line in lines if line.strip()).removeprefix("- ")
        if kind not in found or not text:
            raise ValueError(
                f"{file.name}: a fragment is SLUG.KIND.md, not empty, KIND of {', '.join(KINDS)}"
            )
        found[kind].append(f"- {text}")
    return found


def assembled(changelog: str, found: dict[str, list[str]], version: str | None, day: str) -> str:
    """The changelog with these entries at the ends of their lists, under "Unreleased" or the new version."""
    head, _, rest = changelog.partition("## Unreleased\n")
    own, separator, older = rest.partition("\n## ")
    for kind, new in found.items():
        title = f"### {kind.capitalize()}\n"
        if not new:
            continue
        before, _, after = own.rstrip("\n").partition(title)
        present, cut, following = after.partition("\n\n### ")
        lines = "\n".join(filter(None, (present.rstrip("\n"), *new)))
        own = f"{before.rstrip()}\n\n{title}{lines.lstrip()}{cut}{following}\n"
    own = f"\n{own.strip()}\n"
    title = "## Unreleased\n" if version is None else f"## Unreleased\n\n## {version} - {day}\n"
    return f"{head}{title}{own}{separator}{older}"


def main() -> None:
    changelog = FOLDER.parent / "CHANGELOG.md"
    version = sys.argv[1] if len(sys.argv) > 1 else None
    found = entries(FOLDER)
    text = assembled(changelog.read_text("utf-8"), found, version, f"{datetime.now(UTC):%Y-%m-%d}")
    changelog.write_text(text, "utf-8")
    for file in FOLDER.glob("*.md"):
        file.unlink()


if __name__ == "__main__":
    main()
