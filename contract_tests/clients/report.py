"""What was found out about a client: the verdict on each situation with its evidence; JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from contract_tests.clients.catalogue import AREAS, Situation
from contract_tests.server.exchange import Exchange
from contract_tests.server.report import by_area

#: Of the JSON form: the first number changes when readers of the old one could no longer read it.
SCHEMA = "ksef-client-conformance-report/1.0"


class Verdict(StrEnum):
    """How a client came through a situation."""

    SURVIVED = "survived"
    FAILED = "failed"
    #: It never came to the point, or the situation does not belong to its way of logging in.
    NOT_EXERCISED = "not exercised"


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
        return self.id.split("-")[1]


@dataclass
class Report:
    """A whole run."""

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
    def counts(self) -> dict[Verdict, int]:
        """How many situations got each verdict."""
        found = Counter(result.verdict for result in self.results)
        return {verdict: found[verdict] for verdict in Verdict}

    def failed(self, severity: str) -> list[Result]:
        """The situations of this severity that the client has not survived."""
        return [each for each in self.results if each.verdict is Verdict.FAILED and each.severity == severity]

    def by_area(self) -> dict[str, list[Result]]:
        """Results by the title of their area, in the catalogue's order."""
        return by_area(self.results, AREAS)

    def to_json(self) -> str:
        """The report as JSON of the schema `SCHEMA`."""
        return json.dumps({"schema": SCHEMA} | asdict(self), ensure_ascii=False, indent=1)
