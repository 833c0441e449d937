"""What a serving process keeps for good is no garbage: the collector need not look at it again and again."""

from __future__ import annotations

import gc


def grown() -> None:
    """Modules or parts have come that stay: frozen too, where the process froze what it began with."""
    if gc.get_freeze_count():
        gc.freeze()
