"""Work that several test processes need and one of them does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path


def once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, a folder that `make` fills at the first call of any process; the others wait for it.

    `make` gets the folder's final path (which virtual environments need to know). A folder that was not
    finished, because `make` raised or the process was killed, is made again in its place.
    """
    finished = target.with_name(f"{target.name}.finished")
    with locked(target.with_name(f"{target.name}.lock")):
        if not finished.exists():
            make(target)
            finished.touch()
    return target


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the processes of this machine have in common."""
    try:
        import fcntl
    except ImportError:  # Windows: at worst two processes do the same work at once
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
