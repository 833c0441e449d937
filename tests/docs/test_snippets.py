"""Every snippet of the documentation that is marked as runnable runs, verbatim but for the port."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]

_SNIPPET = re.compile(r"<!-- run: (?P<how>\w+) -->\n```\w+\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """One marked block of a document."""

    document: Path
    number: int
    how: str
    code: str

    def __str__(self) -> str:
        return f"{self.document.stem}-{self.number}-{self.how}"


SNIPPETS = [
    Snippet(document, number, match["how"], match["code"])
    for document in DOCUMENTS
    for number, match in enumerate(_SNIPPET.finditer(document.read_text()), 1)
]


def test_the_readme_has_snippets_of_each_kind() -> None:
    assert {snippet.how for snippet in SNIPPETS if snippet.document.name == "README.md"} == {"pytest", "sh"}


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s.how == "pytest"], ids=str)
def test_python_snippet_passes_as_a_test_file(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "test_snippet.py").write_text(snippet.code)
    done = run([sys.executable, "-m", "pytest", "-q", "-W", "error", "test_snippet.py"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s.how == "sh"], ids=str)
def test_shell_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    port = free_port()
    code = snippet.code.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    code = code.replace("ksef-mock serve", f"ksef-mock serve --port {port}")
    script = f"set -eu -o pipefail -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{code}"
    done = run(["bash", "-c", script], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
