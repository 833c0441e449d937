"""The fenced code blocks of the documentation, and what is said of each about being run.

A block is run if a comment before it says how: `<!-- run: sh -->`. One that cannot be run says why there:
`<!-- not run: needs a container engine -->`. JSON and YAML are read anyway, `text` is not. Commands in a
line of text are `commands`: each is read as its program reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.pl.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "bench" / "README.md",
    ROOT / "certs" / "README.md",
    ROOT / "examples" / "downstream" / "README.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]

_BLOCK = re.compile(
    r"(?:^(?P<before>\S[^\n]*)\n)?(?P<indent>^[ ]*)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_RUN = re.compile(r"<!-- run: (?P<how>\w+) -->")
_NOT_RUN = re.compile(r"<!-- not run: .+ -->")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Snippet:
    """One block of a document."""

    document: Path
    number: int
    language: str
    #: As what it is run; None: it is not.
    how: str | None
    #: It is said why it is not run.
    excused: bool
    code: str

    def __str__(self) -> str:
        folder = self.document.parent.relative_to(ROOT)
        name = self.document.stem if str(folder) in (".", "docs") else f"{folder.name}-{self.document.stem}"
        return f"{name}-{self.number}-{self.how or self.language}"


def snippets_of(document: Path) -> list[Snippet]:
    found = []
    for number, block in enumerate(_BLOCK.finditer(document.read_text()), 1):
        before = (block["before"] or "").strip()
        run = _RUN.fullmatch(before)
        found.append(
            Snippet(
                document,
                number,
                block["language"],
                run["how"] if run else None,
                _NOT_RUN.fullmatch(before) is not None,
                block["code"],
            )
        )
    return found


def commands(document: Path, *programs: str) -> list[str]:
    """The commands of these programs that stand in a line of the document's text, each once."""
    text = _BLOCK.sub("", document.read_text())
    spans = (span.replace("\\|", "|") for span in _INLINE.findall(text))
    parts = {part for span in spans for part in re.split(r"\s+[|>]\s+", span)}
    return sorted(part for part in parts if part.split()[:1] and part.split()[0] in programs)


SNIPPETS = [each for document in DOCUMENTS if document.exists() for each in snippets_of(document)]
