"""The files that reports are written to: tried before a run, so that no long run ends without its report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class NotWritable(Exception):
    """A report cannot be written there; the message says why."""


def tried(paths: Iterable[Path | None]) -> None:
    """Open each file for writing and leave it as it was.

    Raises:
        NotWritable: one cannot be written.
    """
    for path in paths:
        if path is not None:
            was_there = path.exists()
            written(path, b"", mode="ab")
            if not was_there:
                path.unlink(missing_ok=True)


def written(path: Path, content: bytes, *, mode: str = "wb") -> None:
    """Write a report.

    Raises:
        NotWritable: it cannot be written.
    """
    try:
        with path.open(mode) as file:
            file.write(content)
    except OSError as error:
        raise NotWritable(f"{path} cannot be written: {error.strerror or error}") from None
