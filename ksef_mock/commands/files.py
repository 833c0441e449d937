"""Files with private keys and tokens."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file, in place of one that is there, that nobody but its owner can read.

    Raises:
        OSError: it cannot be written.
    """
    # Never readable by others, not even before its mode could be changed.
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
