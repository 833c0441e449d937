"""The catalogue: what a situation is, how one is written, and how all of them are found.

A situation is a generator function in a module of `contract_tests.clients.situations`, made one by
`@situation`. It sets up the stage, yields, is sent what the client did, and judges: by returning, or by
raising `Failed` or `NotExercised`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from contract_tests.clients.observed import Observed
from contract_tests.clients.stage import Method, Stage, Task
from contract_tests.common.catalogue import Severity, area_of, chosen, in_order, members_of
from ksef_mock.settings import Settings

Script: TypeAlias = Generator[None, Observed, None]
_BOTH: tuple[Method, ...] = ("token", "certificate")

#: Group of ids -> what the group is about, in the order of reports.
AREAS: dict[str, str] = {
    "LOGIN": "Logging in",
    "KEYS": "Published keys and their rotation",
    "CHAL": "Challenge",
    "SUBMIT": "Submission",
    "STATUS": "Status of the login",
    "REDEEM": "Redeeming",
    "SESS": "The session afterwards",
    "SECRET": "Secrets",
    "SEND": "Sending an invoice",
    "BATCH": "Sending a package of invoices",
    "EXPORT": "Exporting invoices",
}
#: Area -> what the client is asked to do in its situations; elsewhere to log in.
_TASKS: dict[str, Task] = {"SEND": "send", "BATCH": "batch", "EXPORT": "export"}


@dataclass(frozen=True)
class Situation:
    """Something that KSeF does to its clients."""

    id: str
    #: What happens, in one sentence.
    sentence: str
    #: What a right client does then, in the third person.
    right: str
    severity: Severity
    #: The ways to log in with which it can be met.
    methods: tuple[Method, ...]
    settings: Settings
    script: Callable[[Stage], Script]

    @property
    def area(self) -> str:
        """The group in the id: `KEYS` of `CLIENT-KEYS-005`."""
        return area_of(self.id)

    @property
    def task(self) -> Task:
        """What the client is asked to do in it."""
        return _TASKS.get(self.area, "login")


def situation(
    identifier: str,
    sentence: str,
    *,
    right: str,
    severity: Severity = "must",
    methods: tuple[Method, ...] = _BOTH,
    settings: Settings | None = None,
) -> Callable[[Callable[[Stage], Script]], Situation]:
    """Make a generator function a situation of the catalogue; `settings` are those of its mock."""

    def decorate(script: Callable[[Stage], Script]) -> Situation:
        return Situation(identifier, sentence, right, severity, methods, settings or Settings(), script)

    return decorate


@cache
def situations() -> tuple[Situation, ...]:
    """All situations, in the order of `AREAS` and of their ids.

    Raises:
        ValueError: an id is malformed, of an unknown area, or given twice.
    """
    from contract_tests.clients import situations as package

    return in_order([each for _, each in members_of(package, Situation)], "CLIENT", AREAS)


def selected(patterns: Collection[str] = ()) -> tuple[Situation, ...]:
    """The situations whose id matches one of the patterns; all of them without patterns.

    A pattern is an id (`CLIENT-KEYS-005`), an area (`KEYS`), or a glob over ids, in any case.

    Raises:
        LookupError: a pattern matches nothing.
    """
    return chosen(situations(), patterns, "situation", AREAS)
