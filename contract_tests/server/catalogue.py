"""The catalogue: what a requirement is, how one is written, and how all of them are found.

A requirement is a function in a module of `contract_tests.server.requirements`, made one by `@requirement`; a
family is one function checked with several values, each under an id of its own. The catalogue is read off the
modules, so a new module needs to be named nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, TypeVar

from contract_tests.common.catalogue import Severity, area_of, chosen, in_order, members_of
from contract_tests.server.capabilities import Capability
from contract_tests.server.evidence import BASELINE, Evidence, evidence_of, since_of
from contract_tests.server.probe import Probe

T = TypeVar("T")
Check: TypeAlias = "Callable[[Probe], None]"


@dataclass(frozen=True)
class Requirement:
    """One thing that KSeF does, and the function that finds out whether a target does it."""

    id: str
    #: One sentence, in the indicative.
    sentence: str
    #: Where it is written or who has seen it: an OpenAPI path, a schema type, the documentation, TEST.
    source: str
    severity: Severity
    needs: frozenset[Capability]
    #: Whether checking it changes nothing on the target: only such requirements run against production.
    read_only: bool
    check: Check
    #: The best that there is for it.
    evidence: Evidence = Evidence.DOC
    #: Version of the API since which it holds.
    since: str = BASELINE

    @property
    def area(self) -> str:
        """The group in the id: `AUTH` of `KSEF-AUTH-017`."""
        return area_of(self.id)

    def unmet(self, capabilities: Collection[Capability]) -> list[Capability]:
        """What the requirement needs and a target with these capabilities lacks, in order of definition."""
        return [need for need in Capability if need in self.needs and need not in capabilities]


Family: TypeAlias = tuple[Requirement, ...]


def requirement(
    identifier: str,
    sentence: str,
    *,
    source: str,
    severity: Severity = "must",
    needs: Collection[Capability] = (),
    read_only: bool = False,
    evidence: Evidence | None = None,
) -> Callable[[Check], Requirement]:
    """Make `def check(ctx: Probe) -> None` a requirement of the catalogue.

    Args:
        source: where it is written or who has seen it; `since API 2.6.1` in it names the version.
        evidence: what the source is worth, unless its words tell.
    """

    def decorate(check: Check) -> Requirement:
        return Requirement(
            identifier,
            sentence,
            source,
            severity,
            frozenset(needs),
            read_only,
            check,
            evidence or evidence_of(source),
            since_of(source),
        )

    return decorate


def family(
    cases: Mapping[str, T],
    sentence: str | Callable[[T], str],
    *,
    source: str,
    severity: Severity = "must",
    needs: Collection[Capability] = (),
    read_only: bool = False,
    evidence: Evidence | None = None,
) -> Callable[[Callable[[Probe, T], None]], Family]:
    """Make `def check(ctx: Probe, case: T) -> None` one requirement for each case.

    Args:
        cases: id of the requirement -> the value to check with.
        sentence: a text in which `{}` stands for the case, or a function of the case.
    """

    def decorate(check: Callable[[Probe, T], None]) -> Family:
        return tuple(
            Requirement(
                identifier,
                sentence.format(case) if isinstance(sentence, str) else sentence(case),
                source,
                severity,
                frozenset(needs),
                read_only,
                _bound(check, case),
                evidence or evidence_of(source),
                since_of(source),
            )
            for identifier, case in cases.items()
        )

    return decorate


@cache
def catalogue() -> tuple[Requirement, ...]:
    """All requirements, in the order of `AREAS` and of their ids.

    Raises:
        ValueError: an id is malformed, of an unknown area, or given twice.
    """
    from contract_tests.server import requirements

    # Those that a module merely imports belong to the other module.
    found = [
        each
        for module, each in members_of(requirements, Requirement)
        if each.check.__module__ == module.__name__
    ]
    return in_order(found, "KSEF", AREAS)


def selected(patterns: Collection[str] = ()) -> tuple[Requirement, ...]:
    """The requirements whose id matches one of the patterns; all of them without patterns.

    A pattern is an id (`KSEF-CHAL-001`), an area (`CHAL`), or a glob over ids (`KSEF-*-00?`), in any case.

    Raises:
        LookupError: a pattern matches nothing.
    """
    return chosen(catalogue(), patterns, "requirement", AREAS)


#: Group of ids -> what the group is about, in the order of reports.
AREAS: dict[str, str] = {
    "CHAL": "Challenge",
    "KEYS": "Published keys and their rotation",
    "TOKEN": "Login with a KSeF token",
    "XADES": "Login with a signed document (XAdES)",
    "STATUS": "Status of a login",
    "REDEEM": "Redeeming a login for tokens",
    "REFRESH": "Refreshing the access token",
    "JWT": "The three JWTs and their claims",
    "SESS": "Sessions",
    "ERR": "Errors in both formats",
    "HEAD": "Headers and addresses",
    "LIMIT": "Limits and rate limits",
    "KTOK": "KSeF tokens",
    "CERT": "KSeF certificates",
    "PERM": "Permissions",
    "DATA": "Test data",
    "SEND": "Interactive sessions",
    "BATCH": "Batch sessions",
    "UPO": "Confirmations of receipt (UPO)",
    "INV": "Invoices and their metadata",
    "PARTY": "Who issues whose invoices, who finds them, and what is told of them",
    "EXP": "Exports of invoices",
    "COLL": "Collective identifiers",
}


def _bound(check: Callable[[Probe, T], None], case: T) -> Check:
    def bound(ctx: Probe) -> None:
        check(ctx, case)

    bound.__doc__, bound.__module__, bound.__wrapped__ = check.__doc__, check.__module__, check  # type: ignore[attr-defined]
    return bound
