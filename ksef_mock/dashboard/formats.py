"""How the pages write times, durations and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def clock_time(moment: datetime) -> str:
    """`14:03:27.123`."""
    return moment.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def date_time(moment: datetime) -> str:
    """`2026-03-01 14:03:27 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """Two units at most: `0.4 ms`, `12 ms`, `3.4 s`, `4 min 5 s`, `2 h 10 min`, `8 d 1 h`; with its sign."""
    sign = "-" if seconds < 0 else ""
    seconds = abs(seconds)
    if seconds < 1:
        return sign + milliseconds(seconds * 1_000)
    if seconds < 60:
        return f"{sign}{seconds:.1f} s"
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount or parts:
            parts.append(f"{amount} {unit}" if amount else "")
    return sign + " ".join(part for part in parts[:2] if part)


def milliseconds(value: float) -> str:
    """`0.04 ms`, `1.6 ms`, `12 ms`."""
    return f"{value:.{2 if value < 0.1 else 1 if value < 10 else 0}f} ms"


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)
