"""What a run found, whatever it judged: verdicts by area, counted, and which of them speak against it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from contract_tests.common.exchange import stable


class Mark(StrEnum):
    """How a verdict counts. The values are classes of the style sheet, and JUnit's elements are called so."""

    PASSED = "passed"
    #: It speaks against what was judged.
    FAILED = "failed"
    #: Nothing was found out; the message says why.
    SKIPPED = "skipped"
    #: It speaks against the suite.
    ERROR = "error"


class Finding(Protocol):
    """The verdict on one entry of a catalogue."""

    @property
    def id(self) -> str: ...

    @property
    def area(self) -> str: ...

    @property
    def sentence(self) -> str: ...

    @property
    def severity(self) -> str: ...

    @property
    def message(self) -> str:
        """What was expected and received, or why nothing was found out."""

    @property
    def verdict(self) -> StrEnum: ...

    @property
    def mark(self) -> Mark: ...

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def account(self) -> str:
        """For people: what led to the verdict."""

    @property
    def output(self) -> str:
        """What a command printed, if one was run."""


F = TypeVar("F", bound=Finding)


def is_bad(finding: Finding) -> bool:
    """Whether it speaks against what was judged (or, as an error, against the suite)."""
    return finding.mark in (Mark.FAILED, Mark.ERROR)


class Findings(Generic[F]):
    """A whole run: what a report of either kind, a dataclass with these fields, can be asked."""

    #: Schema of the JSON form.
    schema: ClassVar[str]
    #: Area -> title, in the order of reports.
    areas: ClassVar[Mapping[str, str]]
    #: ISO 8601, UTC.
    started: str
    results: list[F]
    #: Seconds.
    duration: float
    #: Why the run ended before its end, if it did.
    aborted: str | None

    @property
    def title(self) -> str:
        """What was judged, as a headline."""
        raise NotImplementedError

    @property
    def marks(self) -> dict[Mark, int]:
        """How many results count how."""
        found = Counter(result.mark for result in self.results)
        return {mark: found[mark] for mark in Mark}

    def by_area(self) -> dict[str, list[F]]:
        """Results by the title of their area, in the catalogue's order."""
        return by_area(self.results, self.areas)

    def failures_first(self) -> dict[str, list[F]]:
        """The same, in each area with those first that speak against what was judged."""
        return by_area(sorted(self.results, key=lambda each: not is_bad(each)), self.areas)

    def to_json(self) -> str:
        """The report as JSON of its schema."""
        return json.dumps({"schema": self.schema} | self._fields(), ensure_ascii=False, indent=1)

    @property
    def conforms(self) -> bool:
        """Whether the run ended by itself and found nothing that speaks against what was judged."""
        return self.aborted is None and not any(is_bad(result) for result in self.results)

    @property
    def answer(self) -> str:
        """What the run found out, as a sentence."""
        raise NotImplementedError

    def causes(self) -> list[tuple[str, list[F]]]:
        """The findings that are bad, by what they say without what differs each time; most of one first."""
        found: dict[str, list[F]] = {}
        for result in self.results:
            if is_bad(result):
                found.setdefault(stable(result.message), []).append(result)
        return sorted(found.items(), key=lambda entry: -len(entry[1]))

    def _fields(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # a dataclass in both cases


class _HasArea(Protocol):
    @property
    def area(self) -> str: ...


A = TypeVar("A", bound=_HasArea)


def by_area(entries: Iterable[A], areas: Mapping[str, str]) -> dict[str, list[A]]:
    """Entries by the title of their area, in the order of `areas` (area -> title); no empty areas."""
    found: dict[str, list[A]] = {}
    for each in entries:
        found.setdefault(each.area, []).append(each)
    return {title: found[area] for area, title in areas.items() if area in found}
