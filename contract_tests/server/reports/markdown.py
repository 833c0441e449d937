"""The catalogue as Markdown: docs/conformance.md."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.common.markdown import tables
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import AREAS, Requirement
from contract_tests.server.evidence import BASELINE, Evidence

_HEAD = """\
# What the conformance suite asks

Made by `ksef-conformance list --markdown`; `ksef-conformance run TARGET` checks it.

{number} requirements, {must} of them `must`: where a server breaks one, a client breaks or security does.
`should` is documented too, and clients get by without it. A requirement is checked on every target (`mock`,
`test`, any URL), but for what it needs beyond plain answers:

| Need | | Targets that have it |
|---|---|---|
{needs}

Requirements marked *reads only* are checked on production too, if a run there is forced.

What is known how: {evidence}. Where no version is named a requirement holds since {since}.

"""

_TARGETS = {
    Capability.SELF_SIGNED: "mock, TEST, other URLs (not production)",
    Capability.TEST_DATA: "mock, TEST, other URLs (not production)",
}


def catalogue(requirements: Sequence[Requirement]) -> str:
    """The whole document."""
    used = [need for need in Capability if any(need in each.needs for each in requirements)]
    needs = "\n".join(f"| {need.short} | {need.value} | {_TARGETS.get(need, 'mock')} |" for need in used)
    must = sum(each.severity == "must" for each in requirements)
    evidence = "; ".join(f"`{each}` {each.meaning}" for each in Evidence)
    head = _HEAD.format(number=len(requirements), must=must, needs=needs, evidence=evidence, since=BASELINE)
    columns = ("Id", "Requirement", "Source", "Evidence", "")
    return head + tables(requirements, AREAS, columns, _row, heading="##")


def _row(each: Requirement) -> tuple[str, ...]:
    marks: list[str] = ["should"] if each.severity == "should" else []
    marks += [need.short for need in Capability if need in each.needs]
    marks += ["*reads only*"] if each.read_only else []
    known = each.evidence if each.since == BASELINE else f"{each.evidence}, since {each.since}"
    return each.id, each.sentence, each.source, known, ", ".join(marks)
