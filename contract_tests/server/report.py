"""What a run found: the verdict on each requirement with its evidence, and the report as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from contract_tests.common.catalogue import area_of
from contract_tests.common.exchange import Exchange, Message
from contract_tests.common.report import Findings, Mark
from contract_tests.common.words import counted
from contract_tests.server.catalogue import AREAS, Requirement
from contract_tests.server.evidence import Evidence

#: Of the JSON form: the first number changes when readers of the old one could no longer read it.
SCHEMA = "ksef-conformance-report/1.1"


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
    #: How well it is known: a value of `Evidence`.
    evidence: str = ""
    #: Version of the API since which it holds.
    since: str = ""

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
            requirement.evidence.value,
            requirement.since,
        )

    @property
    def grounds(self) -> str:
        """The source, how well it is known, and since when it holds."""
        known = f" [{self.evidence}: {Evidence(self.evidence).meaning}]" if self.evidence else ""
        return f"{self.source}{known}{f', since {self.since}' if self.since else ''}"

    @property
    def area(self) -> str:
        """The group in the id."""
        return area_of(self.id)

    @property
    def decisive(self) -> Exchange | None:
        """The exchange that decided it, if any was needed."""
        return self.exchanges[-1] if self.exchanges else None

    @property
    def mark(self) -> Mark:
        return Mark(self.verdict)

    @property
    def seconds(self) -> float:
        return self.duration / 1_000

    @property
    def account(self) -> str:
        """The message, the source, and all that was sent and answered."""
        parts = [self.message, f"source: {self.grounds}"]
        for exchange in self.exchanges:
            parts += [exchange.line, exchange.request.body, exchange.response.body]
        return "\n\n".join(part for part in parts if part)

    @property
    def output(self) -> str:
        return ""


@dataclass
class Report(Findings[Result]):
    """A whole run."""

    schema: ClassVar[str] = SCHEMA
    areas: ClassVar[Mapping[str, str]] = AREAS

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
    def title(self) -> str:
        address = f" ({self.url})" if self.target != self.url else ""
        return f"KSeF conformance of {self.target}{address}"

    @property
    def answer(self) -> str:
        failed = [result for result in self.results if result.verdict is Verdict.FAILED]
        skipped = self.marks[Mark.SKIPPED]
        checked = len(self.results) - skipped
        parts = []
        if failed:
            musts = sum(result.severity == "must" for result in failed)
            which = f"{musts} of them `must`"
            if musts == len(failed):
                which = "a `must`" if musts == 1 else "all of them `must`"
            parts.append(
                f"{self.target} does not meet {len(failed)} of {counted(checked, 'requirements')}, {which}"
            )
        elif checked:
            which = (
                "the one requirement that was" if checked == 1 else f"all {checked} requirements that were"
            )
            parts.append(f"{self.target} meets {which} checked")
        else:
            parts.append("no requirement was checked")
        if self.marks[Mark.ERROR]:
            parts.append(f"{self.marks[Mark.ERROR]} could not be judged, for a fault of the suite")
        if checked and skipped:
            parts.append(f"{skipped} {'was' if skipped == 1 else 'were'} not checked")
        if self.aborted is not None:
            parts.append(f"the run broke off: {self.aborted}")
        return "; ".join(parts) + "."

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
