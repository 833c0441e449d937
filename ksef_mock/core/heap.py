"""What a serving process keeps for good is no garbage: the collector need not look at it again and again."""

from __future__ import annotations

import gc

# Of the process, as the collector is. To ask it how much is frozen takes as long as counting that.
_is_frozen = False


def freeze() -> None:
    """What was made so far stays, in a process that serves and does nothing else."""
    global _is_frozen
    gc.freeze()
    _is_frozen = True


def grown() -> None:
    """Modules or parts have come that stay: frozen too, where the process froze what it began with."""
    if _is_frozen:
        gc.freeze()
