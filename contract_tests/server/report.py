"""What a run found: the verdict on each requirement with its evidence, and the report as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from contract_tests.server.catalogue import AREAS, Requirement
from contract_tests.server.exchange import Exchange, Message

#: Of the JSON form: the first number changes when readers of the old one could no longer read it.
SCHEMA = "ksef-conformance-report/1.0"


class Verdict(StrEnum):
    """How a requirement went."""

    PASSED = "passed"
    #: The target does not do it.
    FAILED = "failed"
    #: Not checked; the message says why.
    SKIPPED = "skipped"
    #: The check itself broke: a fault of the suite, not of the target.
    ERROR = "error"


@dataclass(frozen=True)
class Result:
    """The verdict on one requirement."""

    id: str
    sentence: str
    source: str
    severity: str
    verdict: Verdict
    #: What was expected and received; why it was skipped; empty if it passed.
    message: str
    #: Milliseconds.
    duration: float
    #: What was sent and answered, in order; the last one decided.
    exchanges: tuple[Exchange, ...] = ()

    @classmethod
    def of(
        cls,
        requirement: Requirement,
        verdict: Verdict,
        message: str = "",
        duration: float = 0.0,
        exchanges: Iterable[Exchange] = (),
    ) -> Result:
        return cls(
            requirement.id,
            requirement.sentence,
            requirement.source,
            requirement.severity,
            verdict,
            message,
            round(duration, 1),
            tuple(exchanges),
        )

    @property
    def area(self) -> str:
        """The group in the id."""
        return self.id.split("-")[1]

    @property
    def decisive(self) -> Exchange | None:
        """The exchange that decided it, if any was needed."""
        return self.exchanges[-1] if self.exchanges else None

    @property
    def is_bad(self) -> bool:
        """Whether it speaks against the target (or, as an error, against the suite)."""
        return self.verdict in (Verdict.FAILED, Verdict.ERROR)


@dataclass
class Report:
    """A whole run."""

    target: str
    url: str
    #: ISO 8601, UTC.
    started: str
    #: Version of ksef-mock, which the suite comes with.
    version: str
    results: list[Result] = field(default_factory=list)
    #: Seconds.
    duration: float = 0.0
    #: Why the run ended before its end, if it did.
    aborted: str | None = None
    #: What could not be cleaned up on the target.
    left_behind: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many requirements got each verdict."""
        found = Counter(result.verdict for result in self.results)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def conforms(self) -> bool:
        """Whether the run ended by itself and found nothing that speaks against the target."""
        return self.aborted is None and not any(result.is_bad for result in self.results)

    def by_area(self) -> dict[str, list[Result]]:
        """Results by the title of their area, in the catalogue's order."""
        return by_area(self.results, AREAS)

    def to_json(self) -> str:
        """The report as JSON of the schema `SCHEMA`."""
        return json.dumps({"schema": SCHEMA} | asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def read(cls, path: Path) -> Report:
        """A report from its JSON file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no report, or one of a schema that this version does not know.
        """
        try:
            document = json.loads(path.read_text("utf-8"))
            schema = str(document.pop("schema"))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise ValueError(f"{path} is no report of ksef-conformance") from None
        if schema.partition(".")[0] != SCHEMA.partition(".")[0]:
            raise ValueError(f"{path} has the schema {schema}; this version reads {SCHEMA}")
        try:
            results = [_result(entry) for entry in document.pop("results")]
            return cls(**document, results=results)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}") from None


def _result(entry: Mapping[str, Any]) -> Result:
    exchanges = tuple(
        Exchange(**(each | {"request": _message(each["request"]), "response": _message(each["response"])}))
        for each in entry["exchanges"]
    )
    return Result(**(dict(entry) | {"verdict": Verdict(entry["verdict"]), "exchanges": exchanges}))


def _message(entry: Mapping[str, Any]) -> Message:
    return Message(tuple((name, value) for name, value in entry["headers"]), entry["body"])


class _HasArea(Protocol):
    @property
    def area(self) -> str: ...


R = TypeVar("R", bound=_HasArea)


def by_area(results: Iterable[R], areas: Mapping[str, str]) -> dict[str, list[R]]:
    """Results by the title of their area, in the order of `areas` (area -> title); no empty areas."""
    found: dict[str, list[R]] = {}
    for result in results:
        found.setdefault(result.area, []).append(result)
    return {title: found[area] for area, title in areas.items() if area in found}
