"""Runs requirements against a target: `run("mock")`, `run("test", only=["CHAL"])`."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self

import httpx

from contract_tests.server.catalogue import Requirement, selected
from contract_tests.server.expect import Failed, Skipped
from contract_tests.server.opening import open_target
from contract_tests.server.probe import Probe
from contract_tests.server.report import Report, Result, Verdict
from contract_tests.server.targets import Target, TargetUnreachable, ping
from contract_tests.server.workspace import Workspace

#: Exchanges of one requirement that a report keeps: the last ones.
_MOST_EVIDENCE = 12


class Runner:
    """Checks requirements on one target, and cleans up when it is left."""

    def __init__(self, target: Target, *, share: float = 1.0) -> None:
        """`share`: the part of the target's rate limits that this runner may use, if several run at once."""
        self.target = target
        self._workspace = Workspace(target, share=share)
        #: What could not be cleaned up; known once the runner is left.
        self.left_behind: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left_behind = self._workspace.close()

    def check(self, requirement: Requirement) -> Result:
        """The verdict on one requirement.

        Raises:
            TargetUnreachable: the target has stopped answering.
        """
        reason = self.why_not(requirement)
        if reason is not None:
            return Result.of(requirement, Verdict.SKIPPED, reason)
        probe = Probe(self._workspace, requirement)
        begin = time.perf_counter()
        verdict, message = self._judge(requirement, probe)
        duration = (time.perf_counter() - begin) * 1_000
        if probe.disturbed and self.target.controls is not None:
            self.target.controls.reset()
            self._workspace.forget()
        return Result.of(requirement, verdict, message, duration, probe.exchanges[-_MOST_EVIDENCE:])

    def why_not(self, requirement: Requirement) -> str | None:
        """Why the requirement cannot be checked on this target; None if it can."""
        if self.target.read_only and not requirement.read_only:
            return "changes something, and nothing is changed on production"
        unmet = requirement.unmet(self.target.capabilities)
        return self.target.lacking(unmet) if unmet else None

    def _judge(self, requirement: Requirement, probe: Probe) -> tuple[Verdict, str]:
        try:
            requirement.check(probe)
        except Failed as failure:
            return Verdict.FAILED, str(failure)
        except Skipped as skipped:
            return Verdict.SKIPPED, str(skipped)
        except httpx.TransportError as error:
            ping(self.target)
            return Verdict.FAILED, f"expected an answer, received none: {error or type(error).__name__}"
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return Verdict.ERROR, (
                f"the check broke: {type(error).__name__}: {error} ({place.name}, line {place.lineno})"
            )
        return Verdict.PASSED, ""


def run(
    target: str | Target | AbstractContextManager[Target],
    only: Collection[str] = (),
    *,
    force_production: bool = False,
    on_result: Callable[[Result], None] | None = None,
    on_start: Callable[[Requirement], None] | None = None,
) -> Report:
    """Check the requirements that match `only` (ids, areas, globs; all without any) on a target.

    Args:
        target: `mock` (starts one), `test`, a URL, or what `open_target` and `mock_target` give.
        on_start, on_result: called before and after each requirement.

    Raises:
        LookupError: a pattern matches nothing.
        TargetRefused: no such target, or production without `force_production`.
        TargetUnreachable: it does not answer. If it stops to do so later, the report says that.
    """
    requirements = selected(only)
    if isinstance(target, Target):
        return _run(target, requirements, on_start, on_result)
    if isinstance(target, str):
        target = open_target(target, force_production=force_production)
    with target as opened:
        return _run(opened, requirements, on_start, on_result)


def _run(
    target: Target,
    requirements: Sequence[Requirement],
    on_start: Callable[[Requirement], None] | None,
    on_result: Callable[[Result], None] | None,
) -> Report:
    report = Report(
        target.name, target.url, datetime.now(UTC).isoformat(timespec="seconds"), version("ksef-mock")
    )
    begin = time.perf_counter()
    runner = Runner(target)
    try:
        with runner:
            for requirement in requirements:
                if on_start is not None:
                    on_start(requirement)
                result = runner.check(requirement)
                report.results.append(result)
                if on_result is not None:
                    on_result(result)
    except KeyboardInterrupt:
        report.aborted = "interrupted"
    except TargetUnreachable as error:
        report.aborted = str(error)
    checked = {result.id for result in report.results}
    report.results += [
        Result.of(each, Verdict.SKIPPED, f"not reached: {report.aborted}")
        for each in requirements
        if each.id not in checked
    ]
    report.left_behind = runner.left_behind
    report.duration = round(time.perf_counter() - begin, 2)
    return report
