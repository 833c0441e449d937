"""What Latarnia, the ministry's lighthouse, tells of KSeF's availability, and how that changes.

The statuses, categories and types are those of the official C# client; ids, dates and which messages stand
where are those of TEST's documents as recorded in 2026. The lighthouse knows nothing of the API: a failure
may be announced while KSeF works, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from ksef_mock.clock import EARLIEST, LATEST, SECOND, Instant, from_datetime, to_datetime
from ksef_mock.core.dates import warsaw
from ksef_mock.core.expected import between, wrong

#: Documented: messages stay for 30 days. From which date on nobody has answered; here, from the day on which
#: what they speak of is over.
_RETENTION: Instant = 30 * 86_400 * SECOND
#: Messages at a time, and characters of a title and of a text.
MAX_NOTICES = 200
MAX_TITLE = 200
MAX_TEXT = 4_000
#: Real seconds that an answer of the lighthouse may be made to take.
MAX_SLOW = 300.0
#: TEST's first event has this number.
_FIRST_EVENT = 1_000


class InvalidNotice(ValueError):
    """The order makes no sense; the message names what is wrong."""


class Category(StrEnum):
    """What a message is about; the worst one comes last."""

    MAINTENANCE = "MAINTENANCE"
    FAILURE = "FAILURE"
    TOTAL_FAILURE = "TOTAL_FAILURE"


class Kind(StrEnum):
    """The `type` of a message."""

    FAILURE_START = "FAILURE_START"
    FAILURE_END = "FAILURE_END"
    MAINTENANCE_ANNOUNCEMENT = "MAINTENANCE_ANNOUNCEMENT"


#: `status` while no event is under way; otherwise it is the worst category of those that are.
AVAILABLE = "AVAILABLE"


class Breakdown(StrEnum):
    """How the lighthouse itself fails (seen by integrators in 2026)."""

    BAD_GATEWAY = "502"
    GATEWAY_TIMEOUT = "504"
    #: 403 with the XML of its file store.
    ACCESS_DENIED = "access-denied"
    #: 403 with the JSON of the firewall in front of it.
    FIREWALL = "firewall"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    #: As `K/2026/AWR/02`.
    id: str
    #: The same for start and end of one event.
    event: int
    category: Category
    kind: Kind
    title: str
    text: str
    start: Instant
    #: None: it is not over.
    end: Instant | None = None
    #: From then on it is there.
    published: Instant
    #: 1; one more with each correction.
    version: int = 1


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is to be announced. Moments are instants of the mock's clock."""

    category: Category
    #: None: now.
    start: Instant | None = None
    #: None: not known yet, which a maintenance must not be.
    end: Instant | None = None
    #: None: in the words of the mock.
    title: str | None = None
    text: str | None = None


class Scenario(StrEnum):
    """A course of events, from the moment on at which it is played."""

    #: A failure is announced and the API answers 503; an hour later both are over.
    OUTAGE = "outage"
    #: A failure of the API grows into a total one after a quarter of an hour; over after two hours.
    TOTAL_OUTAGE = "total-outage"
    #: A maintenance is announced; it begins in an hour and lasts two, in which the API answers 503.
    MAINTENANCE = "maintenance"
    #: A failure is announced for an hour, and the API works.
    FALSE_ALARM = "false-alarm"
    #: The API answers 503 for an hour, of which the lighthouse says nothing.
    UNANNOUNCED = "unannounced"
    #: What TEST's lighthouse has said since January 2026, word for word, for ever.
    TEST_NOW = "test-now"
    #: Nothing has happened: no message, no fault of an event, the lighthouse works.
    ALL_CLEAR = "all-clear"


#: Seconds from now that an order may count with.
_FARTHEST = 366 * 86_400.0


class AnnouncementOrder(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An announcement as it is ordered, by /_mock or in a seed.

    Moments are ISO 8601, UTC unless they say otherwise, or seconds.
    """

    category: Category
    start: datetime | None = None
    end: datetime | None = None
    #: Instead of `start`: so many seconds from now. Instead of `end`: so many seconds after the start.
    in_seconds: float | None = None
    for_seconds: float | None = None
    title: str | None = None
    text: str | None = None
    #: Whether the API answers 503 as long as the event is under way.
    with_api: bool = False

    def announcement(self, now: Instant) -> Announcement:
        """
        Raises:
            InvalidNotice: a moment is given twice, or is out of bounds.
        """
        for name, moment, other, seconds in (
            ("start", self.start, "inSeconds", self.in_seconds),
            ("end", self.end, "forSeconds", self.for_seconds),
        ):
            if moment is not None and seconds is not None:
                raise InvalidNotice(f"{name}, {other}: expected one of them, got both")
            if seconds is not None and not -_FARTHEST <= seconds <= _FARTHEST:
                raise InvalidNotice(wrong(other, between(-_FARTHEST, _FARTHEST), seconds))
        start = moment_of("start", self.start)
        if self.in_seconds is not None:
            start = now + round(self.in_seconds * SECOND)
        end = moment_of("end", self.end)
        if self.for_seconds is not None:
            end = (now if start is None else start) + round(self.for_seconds * SECOND)
        return Announcement(self.category, start, end, self.title, self.text)


def moment_of(name: str, moment: datetime | None) -> Instant | None:
    """A moment of an order as an instant; naive means UTC.

    Raises:
        InvalidNotice: the mock's clock cannot come there.
    """
    if moment is None:
        return None
    try:
        instant = from_datetime(moment)
    except OverflowError:  # the first and the last day that there are, with an offset
        instant = 0
    if not EARLIEST.timestamp() <= instant / SECOND < LATEST.timestamp():
        raise InvalidNotice(
            wrong(name, f"a moment from {EARLIEST.year} to {LATEST.year - 1}", moment.isoformat())
        )
    return instant


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What the lighthouse has to tell, now and later, and whether it can. All methods are pure."""

    #: In the order in which they were ordered.
    notices: tuple[Notice, ...] = ()
    next_event: int = _FIRST_EVENT
    #: The last number of the ids that begin so.
    numbers: dict[str, int] = {}
    #: The documents do not follow the clock, as those of TEST.
    still: bool = False
    #: None: it works.
    breakdown: Breakdown | None = None
    #: Real seconds by which its answers are late.
    slow: float = 0.0

    def published(self, now: Instant) -> list[Notice]:
        """The document `/messages`: what has been published and is not too old, the newest first."""
        if self.still:
            return list(reversed(self.notices))
        ends = self._ends(now)
        found = [
            notice
            for notice in reversed(self.notices)
            if notice.published <= now and not now >= ends.get(notice.event, now) + _RETENTION
        ]
        # Stable: of two of the same second the later one comes first.
        return sorted(found, key=lambda notice: notice.published, reverse=True)

    def active(self, now: Instant) -> list[Notice]:
        """The messages beside the status: those that opened the events under way, the newest first."""
        ends = {} if self.still else self._ends(now)
        return [
            notice
            for notice in self.published(now)
            if notice.kind is not Kind.FAILURE_END
            and (self.still or notice.start <= now)
            and (notice.end is None if self.still else now < ends.get(notice.event, now + 1))
        ]

    def status(self, now: Instant) -> str:
        """The worst category of the events under way, or AVAILABLE."""
        categories = [notice.category for notice in self.active(now)]
        return str(max(categories, key=list(Category).index)) if categories else AVAILABLE

    def _ends(self, now: Instant) -> dict[int, Instant]:
        """By event: when it is over, as far as that has been published."""
        return {
            notice.event: notice.end
            for notice in self.notices
            if notice.end is not None and notice.published <= now
        }

    def not_over(self, now: Instant) -> dict[int, Notice]:
        """By event: of what has been ordered, each opening message that is not known to be over."""
        ends = self._ends(now)
        return {
            notice.event: notice
            for notice in self.notices
            if notice.kind is not Kind.FAILURE_END and now < ends.get(notice.event, now + 1)
        }

    def announce(self, what: Announcement, now: Instant) -> tuple[Board, tuple[Notice, ...]]:
        """Announce an event. A failure whose end is known gets its second message when it comes.

        Raises:
            InvalidNotice: the dates contradict each other, a text is too long, or there is no more room.
        """
        now = whole_seconds(now)
        start = now if what.start is None else whole_seconds(what.start)
        end = None if what.end is None else whole_seconds(what.end)
        _require_text(what.title, what.text)
        if end is not None and end <= start:
            raise InvalidNotice("end: must come after start")
        board = self if not self.still else Board(breakdown=self.breakdown, slow=self.slow)
        event = board.next_event
        board = msgspec.structs.replace(board, next_event=event + 1)
        if what.category is Category.MAINTENANCE:
            if end is None:
                raise InvalidNotice("end: missing, a maintenance has one: name it, or for how long")
            title, text = _maintenance(start, end)
            return board._with(
                event, what.category, Kind.MAINTENANCE_ANNOUNCEMENT, what.title or title, what.text or text,
                start, end, published=now,
            )  # fmt: skip
        title, text = _failure(what.category, start)
        board, opened = board._with(
            event, what.category, Kind.FAILURE_START, what.title or title, what.text or text,
            start, None, published=max(now, start),
        )  # fmt: skip
        if end is None:
            return board, opened
        board, closed = board._close(opened[0], end)
        return board, opened + closed

    def end(self, event: int | None, now: Instant) -> tuple[Board, tuple[Notice, ...]]:
        """End an event, or all that are under way: failures by a second message of the same event, a
        maintenance by a correction of its announcement. What has not begun is withdrawn.

        Returns:
            The messages that say so.

        Raises:
            InvalidNotice: there is no such event, or it is over.
        """
        now = whole_seconds(now)
        open_events = self.not_over(now)
        if event is None:
            chosen = [notice for notice in open_events.values() if notice.start <= now]
        elif event in open_events:
            chosen = [open_events[event]]
        else:
            raise InvalidNotice(f"eventId: no event {event} is under way or to come")
        if not chosen:
            raise InvalidNotice("no event is under way")
        board = self
        said: tuple[Notice, ...] = ()
        for opened in chosen:
            board, more = board._ended(opened, now)
            said += more
        return board, said

    def _ended(self, opened: Notice, now: Instant) -> tuple[Board, tuple[Notice, ...]]:
        planned = {
            notice.id
            for notice in self.notices
            if notice.event == opened.event and (notice.published > now or notice.start > now)
        }
        board = msgspec.structs.replace(
            self, notices=tuple(notice for notice in self.notices if notice.id not in planned), still=False
        )
        if opened.id in planned:
            return board, ()
        if opened.kind is Kind.MAINTENANCE_ANNOUNCEMENT:
            _, text = _maintenance(opened.start, now)
            return board.correct(opened.id, now, text=text, end=now)
        return board._close(opened, now)

    def _close(self, opened: Notice, end: Instant) -> tuple[Board, tuple[Notice, ...]]:
        title, text = _failure_end(opened.category, opened.start, end)
        return self._with(
            opened.event, opened.category, Kind.FAILURE_END, title, text, opened.start, end, published=end
        )

    def correct(
        self,
        notice_id: str,
        now: Instant,
        *,
        title: str | None = None,
        text: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> tuple[Board, tuple[Notice, ...]]:
        """Replace a message by its next version, published now.

        Raises:
            InvalidNotice: there is no such message, nothing is changed, or its dates contradict each other.
        """
        known = next((notice for notice in self.notices if notice.id == notice_id), None)
        if known is None:
            raise InvalidNotice(f"id: there is no message {notice_id[:64]!r}")
        if title is None and text is None and start is None and end is None:
            raise InvalidNotice("a correction changes title, text, start or end")
        _require_text(title, text)
        if end is not None and known.kind is Kind.FAILURE_START:
            raise InvalidNotice("end: a failure ends by a message of its own")
        corrected = msgspec.structs.replace(
            known,
            title=known.title if title is None else title,
            text=known.text if text is None else text,
            start=known.start if start is None else whole_seconds(start),
            end=known.end if end is None else whole_seconds(end),
            published=max(whole_seconds(now), known.published),
            version=known.version + 1,
        )
        if corrected.end is not None and corrected.end < corrected.start:
            raise InvalidNotice("end: must come after start")
        others = tuple(notice for notice in self.notices if notice is not known)
        return msgspec.structs.replace(self, notices=(*others, corrected)), (corrected,)

    def withdrawn(self) -> Board:
        """Without any message. Numbers go on: no event gets the number of another."""
        return msgspec.structs.replace(self, notices=(), still=False)

    def _with(
        self,
        event: int,
        category: Category,
        kind: Kind,
        title: str,
        text: str,
        start: Instant,
        end: Instant | None,
        *,
        published: Instant,
    ) -> tuple[Board, tuple[Notice, ...]]:
        if len(self.notices) >= MAX_NOTICES:
            raise InvalidNotice(f"there are {MAX_NOTICES} messages already: withdraw them")
        letters = "NI" if category is Category.MAINTENANCE else "AWR"
        series = f"K/{_local(published).year}/{letters}/"
        number = self.numbers.get(series, 0) + 1
        notice = Notice(
            id=f"{series}{number:02}",
            event=event,
            category=category,
            kind=kind,
            title=title,
            text=text,
            start=start,
            end=end,
            published=published,
        )
        following = msgspec.structs.replace(
            self, notices=(*self.notices, notice), numbers={**self.numbers, series: number}
        )
        return following, (notice,)


def events_of(notices: Iterable[Notice]) -> set[int]:
    """The events that messages are about."""
    return {notice.event for notice in notices}


def whole_seconds(moment: Instant) -> Instant:
    """The dates of messages have no fractions."""
    return moment - moment % SECOND


def _require_text(title: str | None, text: str | None) -> None:
    for name, value, most in (("title", title, MAX_TITLE), ("text", text, MAX_TEXT)):
        if value is not None and not 0 < len(value) <= most:
            raise InvalidNotice(wrong(name, f"a text of 1 to {most} characters", value))


_MONTHS = (
    *("stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września"),
    *("października", "listopada", "grudnia"),
)


def _local(moment: Instant) -> datetime:
    return to_datetime(moment).astimezone(warsaw())


def _hour(moment: Instant) -> str:
    local = _local(moment)
    return f"{local:%H:%M} {local.day} {_MONTHS[local.month - 1]}"


def _failure(category: Category, start: Instant) -> tuple[str, str]:
    """Title and text of the beginning."""
    what = "całkowita awaria" if category is Category.TOTAL_FAILURE else "awaria"
    return f"Wystąpiła {what}", f"Od godziny {_hour(start)} trwa {what} KSeF."


def _failure_end(category: Category, start: Instant, end: Instant) -> tuple[str, str]:
    total = category is Category.TOTAL_FAILURE
    what = "Całkowita awaria" if total else "Awaria"
    return (
        "Zakończyła się " + what[0].lower() + what[1:],
        f"{what} KSeF, która trwała od godziny {_hour(start)}, zakończyła się o godzinie {_hour(end)}.",
    )


def _maintenance(start: Instant, end: Instant) -> tuple[str, str]:
    return (
        "Niedostępność",
        f"Od godziny {_hour(start)} do godziny {_hour(end)} KSeF nie będzie dostępny "
        "z powodu planowanych prac serwisowych.",
    )
