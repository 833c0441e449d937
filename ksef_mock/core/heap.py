"""What a serving process keeps for good is no garbage: the collector need not look at it again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Of the process, as the collector is. To ask it how much is frozen takes as long as counting that.
_is_frozen = False


_ORDINARY = gc.get_threshold()
#: More objects than a process imports and makes before it serves.
_BEGINNING = 1_000_000


@contextmanager
def beginning() -> Iterator[None]:
    """A command: what it imports and makes until `freeze` stays, and is not looked through on the way."""
    gc.set_threshold(_BEGINNING)
    try:
        yield
    finally:
        gc.set_threshold(*_ORDINARY)


def freeze() -> None:
    """What was made so far stays, in a process that serves and does nothing else."""
    global _is_frozen
    gc.freeze()
    gc.set_threshold(*_ORDINARY)
    _is_frozen = True


def grown() -> None:
    """Modules or parts have come that stay: frozen too, where the process froze what it began with."""
    if _is_frozen:
        gc.freeze()
