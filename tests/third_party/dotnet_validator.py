"""What .NET's XmlSchemaValidator says of documents, where Mono and its compiler are installed."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.once import once

_CACHE = Path(__file__).parents[2] / ".cache"
_SOURCE = Path(__file__).with_name("dotnet") / "Validator.cs"

needs_dotnet = pytest.mark.skipif(
    not (shutil.which("mono") and shutil.which("mcs")), reason="Mono (mono, mcs) is not installed"
)


def sentences(
    schema: Path, documents: Sequence[str | bytes], folder: Path, imported: Path | None = None
) -> list[list[str]]:
    """The validator's errors of each document, in order.

    Args:
        folder: a directory for the documents.
        imported: where the documents lie that the schema imports by absolute addresses.
    """
    paths = [folder / f"{number}.xml" for number in range(len(documents))]
    for path, document in zip(paths, documents, strict=True):
        path.write_bytes(document.encode() if isinstance(document, str) else document)
    told = subprocess.run(
        ["mono", str(_compiled()), str(schema), str(imported or folder)],
        input="".join(f"{path}\n" for path in paths).encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    told = re.sub("as well as(?=['a])", "as well as ", told)  # Mono's table of texts has lost this blank
    return [part.splitlines()[1:] for part in re.split(r"(?m)^== ", told)[1:]]


def _compiled() -> Path:
    """The compiled validator; the first call of any process compiles it."""

    def build(target: Path) -> None:
        target.mkdir(exist_ok=True)
        command = ["mcs", str(_SOURCE), "-r:System.Xml.dll", f"-out:{target / 'Validator.exe'}"]
        subprocess.run(command, check=True, capture_output=True)

    _CACHE.mkdir(exist_ok=True)
    version = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    return once(_CACHE / f"dotnet-{version}", build) / "Validator.exe"
