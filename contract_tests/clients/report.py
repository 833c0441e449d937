"""What was found out about a client: the verdict on each situation with its evidence; JSON."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from contract_tests.clients.catalogue import AREAS, Situation
from contract_tests.common.catalogue import area_of
from contract_tests.common.exchange import Exchange
from contract_tests.common.report import Findings, Mark
from contract_tests.common.words import counted

#: Of the JSON form: the first number changes when readers of the old one could no longer read it.
SCHEMA = "ksef-client-conformance-report/1.0"


class Verdict(StrEnum):
    """How a client came through a situation."""

    SURVIVED = "survived"
    FAILED = "failed"
    #: It never came to the point, or the situation does not belong to its way of logging in.
    NOT_EXERCISED = "not exercised"


#: How a verdict counts -> what it is called here.
WORDS = {Mark.PASSED: "survived", Mark.FAILED: "failed", Mark.SKIPPED: "not exercised"}
_MARKS = {word: mark for mark, word in WORDS.items()}


@dataclass(frozen=True)
class Request:
    """A request of the client, as it is kept in a report; secrets are masked."""

    #: Seconds since the command was started.
    at: float
    #: What the mock noted: why it refused, what it did to the connection.
    note: str
    exchange: Exchange


@dataclass(frozen=True)
class Result:
    """The verdict on one situation."""

    id: str
    sentence: str
    right: str
    severity: str
    verdict: Verdict
    #: What was expected and received; how it survived; why it was not exercised.
    message: str
    #: Seconds that the command ran.
    duration: float = 0.0
    #: Of the command; None if it was stopped at the time limit, or was not run.
    exit_code: int | None = None
    #: What the command printed, secrets masked.
    output: str = ""
    requests: tuple[Request, ...] = ()

    @classmethod
    def not_run(cls, situation: Situation, reason: str) -> Result:
        """The result of a situation for which the command was not run."""
        named = situation.id, situation.sentence, situation.right, situation.severity
        return cls(*named, Verdict.NOT_EXERCISED, reason)

    @property
    def area(self) -> str:
        """The group in the id."""
        return area_of(self.id)

    @property
    def mark(self) -> Mark:
        return _MARKS[self.verdict]

    @property
    def seconds(self) -> float:
        return self.duration

    @property
    def account(self) -> str:
        """What would be right, and the requests in order."""
        lines = [f"A right client {self.right}.", ""]
        for request in self.requests:
            note = f" ({request.note})" if request.note else ""
            lines.append(f"{request.at:8.3f} s  {request.exchange.line}{note}")
        return "\n".join(lines)


@dataclass
class Report(Findings[Result]):
    """A whole run."""

    schema: ClassVar[str] = SCHEMA
    areas: ClassVar[Mapping[str, str]] = AREAS

    #: As given, placeholders not filled in.
    command: list[str]
    method: str
    #: ISO 8601, UTC.
    started: str
    #: Version of ksef-mock.
    version: str
    results: list[Result] = field(default_factory=list)
    #: Seconds.
    duration: float = 0.0
    #: Why the run ended before its end, if it did.
    aborted: str | None = None

    @property
    def title(self) -> str:
        return f"What {shlex.join(self.command)} survives (login by {self.method})"

    @property
    def answer(self) -> str:
        must, should = len(self.failed("must")), len(self.failed("should"))
        met = len(self.results) - self.marks[Mark.SKIPPED]
        if not met:
            told = "the client came to none of the situations, so nothing is known of it"
        elif must or should:
            kinds = ((must, "that it must survive"), (should, "that it should"))
            counts = " and ".join(f"{number} {what}" for number, what in kinds if number)
            told = f"of {counted(met, 'situations')} the client does not survive {counts}"
        else:
            situations = "the one situation" if met == 1 else f"all {met} situations"
            told = f"the client survives {situations} that it came to"
        if met and self.marks[Mark.SKIPPED]:
            told += f"; {self.marks[Mark.SKIPPED]} it did not come to"
        if self.aborted is not None:
            told += f"; the run broke off: {self.aborted}"
        return f"{told[0].upper()}{told[1:]}."

    def failed(self, severity: str) -> list[Result]:
        """The situations of this severity that the client has not survived."""
        return [each for each in self.results if each.verdict is Verdict.FAILED and each.severity == severity]
