"""What TEST's lighthouse tells, as it was recorded: one of the boards that can be played."""

from __future__ import annotations

from datetime import datetime

from ksef_mock.clock import Instant, from_datetime
from ksef_mock.core.lighthouse import Board, Category, Kind, Notice


def _utc(text: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text))


def as_test_now() -> Board:
    """TEST's documents, unchanged since 2026-01-22, before the days that they speak of, in summer time."""
    return Board(
        notices=(
            Notice(
                id="K/2026/NI/01",
                event=1000,
                category=Category.MAINTENANCE,
                kind=Kind.MAINTENANCE_ANNOUNCEMENT,
                title="Niedostępność",
                text="W dniu 2026-01-26 od godz. 12:00 do 00:00 nastąpi niedostępność KSeF związana "
                "z planowanymi pracami serwisowymi",
                start=_utc("2026-01-26T10:00:00Z"),
                end=_utc("2026-01-26T22:00:00Z"),
                published=_utc("2026-01-22T08:00:00Z"),
            ),
            Notice(
                id="K/2026/AWR/01",
                event=1002,
                category=Category.FAILURE,
                kind=Kind.FAILURE_START,
                title="Wystąpiła awaria",
                text="Od godziny 12:13 31 stycznia trwa awaria...",
                start=_utc("2026-01-31T10:13:00Z"),
                published=_utc("2026-01-31T10:13:00Z"),
            ),
            Notice(
                id="K/2026/AWR/02",
                event=1003,
                category=Category.TOTAL_FAILURE,
                kind=Kind.FAILURE_START,
                title="Wystąpiła całkowita awaria",
                text="Od godziny 13:27 31 stycznia trwa całkowita awaria...",
                start=_utc("2026-01-31T11:27:00Z"),
                published=_utc("2026-01-31T11:35:00Z"),
            ),
        ),
        next_event=1004,
        numbers={"K/2026/NI/": 1, "K/2026/AWR/": 2},
        still=True,
    )
