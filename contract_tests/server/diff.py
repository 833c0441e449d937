"""Two runs compared: two targets, or one at two dates, to notice when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract_tests.common.exchange import stable
from contract_tests.common.report import is_bad
from contract_tests.server.report import Report, Result, Verdict

_IN_PROGRESS = "100"


class Kind(StrEnum):
    """What differs."""

    WORSE = "worse"
    BETTER = "better"
    #: Neither: passed or failed on one side, skipped on the other.
    OTHERWISE = "otherwise"
    #: The same verdict, but something else was answered.
    ANSWER = "answer"
    #: Only in the second report.
    NEW = "new"
    #: Only in the first report.
    GONE = "gone"


@dataclass(frozen=True)
class Change:
    """A difference in one requirement."""

    id: str
    sentence: str
    kind: Kind
    before: str
    after: str


def compare(first: Report, second: Report) -> list[Change]:
    """What differs, in the order of the reports."""
    before = {result.id: result for result in first.results}
    after = {result.id: result for result in second.results}
    changes = [
        change
        for identifier, old in before.items()
        if (change := _change(old, after.get(identifier))) is not None
    ]
    changes += [
        Change(new.id, new.sentence, Kind.NEW, "", _told(new))
        for identifier, new in after.items()
        if identifier not in before
    ]
    return changes


def got_worse(changes: list[Change]) -> bool:
    """Whether something passed, or was not there, that now speaks against the target."""
    bad = tuple(verdict.value for verdict in (Verdict.FAILED, Verdict.ERROR))
    return any(
        change.kind is Kind.WORSE or (change.kind is Kind.NEW and change.after.startswith(bad))
        for change in changes
    )


def _change(old: Result, new: Result | None) -> Change | None:
    if new is None:
        return Change(old.id, old.sentence, Kind.GONE, _told(old), "")
    if old.verdict is not new.verdict:
        return Change(new.id, new.sentence, _kind(old, new), _told(old), _told(new))
    before, after = _answers(old), _answers(new)
    if before == after:
        return None
    position = next(
        (at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )
    return Change(
        new.id,
        new.sentence,
        Kind.ANSWER,
        before[position] if position < len(before) else "nothing more",
        after[position] if position < len(after) else "nothing more",
    )


def _kind(old: Result, new: Result) -> Kind:
    if is_bad(new):
        return Kind.WORSE
    return Kind.BETTER if new.verdict is Verdict.PASSED and is_bad(old) else Kind.OTHERWISE


def _answers(result: Result) -> list[str]:
    if result.verdict is Verdict.SKIPPED:
        return []
    lines: list[str] = []
    for exchange in result.exchanges:
        # How often a check had to wait for a login says nothing.
        if exchange.outcome != _IN_PROGRESS and (not lines or lines[-1] != exchange.fingerprint):
            lines.append(exchange.fingerprint)
    return [*lines, stable(result.message)] if result.message else lines


def _told(result: Result) -> str:
    return f"{result.verdict.value}: {stable(result.message)}" if result.message else result.verdict.value
