"""Does the conformance suite bite? `python -m bench.mutation [--only NAME…] [--jobs N] [--quick] [--record]`.

The whole suite runs against a sound mock, where every requirement must pass, and then against one mock for
each deliberate defect (`ksef_mock.defects`), where at least one must fail. A requirement whose check breaks
(`error`) or that is skipped has caught nothing. Prints a line for each defect; exits with 1 if one survives,
or makes the mock crash: a defect is a wrong answer, not an error in the mock.

`--quick` ends with a defect at the first requirement that fails, beginning with the one that caught it when
`--record` was last given. That proves as much, since the requirement is one of the suite, and takes a
fraction of the time; what it does not tell is how many others would have failed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from bench._process import machine
from contract_tests.server.catalogue import Requirement
from contract_tests.server.catalogue import catalogue as requirements
from contract_tests.server.mock_target import DEFAULTS, mock_target
from contract_tests.server.report import Result, Verdict
from contract_tests.server.runner import Runner
from contract_tests.server.targets import TargetUnreachable
from ksef_mock.defects import catalogue as defects
from ksef_mock.defects import require_known

#: Which requirement caught each defect when the whole suite was last run and recorded.
RECORD = Path(__file__).with_name("mutation.json")

#: Area of a defect -> areas of the requirements that most probably catch it, to begin with.
_NEAR = {
    "answers": ("ERR", "HEAD", "LIMIT"),
    "challenges": ("CHAL",),
    "jwts": ("JWT", "REFRESH"),
    "keys": ("KEYS",),
    "batch": ("BATCH",),
    "bodies": ("ERR",),
    "collective": ("COLL",),
    "invoicing": ("PARTY",),
    "exports": ("EXP",),
    "certificates": ("CERT",),
    "operations": ("STATUS", "REDEEM", "REFRESH", "SESS"),
    "permissions": ("PERM",),
    "sending": ("SEND", "UPO", "INV"),
    "resources": ("CERT", "KTOK", "PERM", "DATA"),
    "testdata": ("DATA", "PERM"),
    "token_login": ("TOKEN",),
    "xades_login": ("XADES",),
}


@dataclass(frozen=True)
class Finding:
    """What the suite found on one mock."""

    #: None: the sound mock.
    defect: str | None
    #: Ids of the requirements that failed, in the order of the run.
    failed: tuple[str, ...]
    #: Of those whose checks broke, with what they said.
    broken: tuple[str, ...]
    #: Errors inside of the mock, which no defect is meant to be.
    crashes: tuple[str, ...]
    #: Requirements that were checked or skipped.
    checked: int
    seconds: float

    @property
    def is_caught(self) -> bool:
        return bool(self.failed)


def examine(defect: str | None, *, first: Iterable[str] = (), whole: bool = True) -> Finding:
    """Run the suite against a mock with this defect.

    Args:
        first: ids of requirements to begin with.
        whole: go on after the first failure.
    """
    settings = DEFAULTS if defect is None else replace(DEFAULTS, defects=(defect,))
    failed: list[str] = []
    broken: list[str] = []
    checked = 0
    begin = time.perf_counter()
    with _crashes() as crashes, mock_target(settings) as target, Runner(target) as runner:
        for requirement in _ordered(first):
            checked += 1
            try:
                result: Result = runner.check(requirement)
            except TargetUnreachable as error:
                broken.append(f"{requirement.id}: {error}")
                break
            if result.verdict is Verdict.ERROR:
                broken.append(f"{requirement.id}: {result.message}")
            elif result.verdict is Verdict.FAILED:
                failed.append(requirement.id)
                if not whole:
                    break
    seconds = time.perf_counter() - begin
    return Finding(defect, tuple(failed), tuple(broken), tuple(crashes), checked, seconds)


def recorded() -> dict[str, str]:
    """Defect -> the requirement that caught it, as last recorded."""
    known: dict[str, str] = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    return known


def likely(defect: str) -> list[str]:
    """Ids of requirements to begin with: the recorded one, then those of the same area."""
    near = _NEAR.get(defects()[defect].area, ())
    known = recorded().get(defect)
    return [*([known] if known else []), *(each.id for each in requirements() if each.area in near)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.mutation", description="Does the suite bite?")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="these defects alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument("--quick", action="store_true", help="end at the first failure of each defect")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    options = parser.parse_args()
    try:
        require_known(options.only)
    except ValueError as error:
        parser.error(str(error))
    names = options.only or list(defects())
    begin = time.perf_counter()
    print(f"{machine()}; {len(requirements())} requirements, {len(names)} defects", flush=True)

    sound = examine(None)
    print(f"without a defect: {sound.checked - len(sound.failed)} of {sound.checked} requirements hold")
    for line in (*sound.failed, *sound.broken, *sound.crashes):
        print(f"  does not hold: {line}")

    width = max(map(len, names))
    findings = {}
    for finding in _examined(names, options.jobs, quick=options.quick):
        assert finding.defect is not None
        findings[finding.defect] = finding
        print(f"{finding.defect:{width}}  {_verdict(finding, quick=options.quick)}", flush=True)

    crashed = [name for name in names if findings[name].crashes]
    survivors = [name for name in names if not findings[name].is_caught]
    caught = len(names) - len(survivors)
    print(f"{caught} of {len(names)} defects are caught, in {time.perf_counter() - begin:.0f} s")
    for name in survivors:
        print(f"  survives: {name}: {defects()[name].summary}")
    if options.record:
        _record(findings)
    sys.exit(bool(survivors or crashed or not _is_sound(sound)))


@contextmanager
def _crashes() -> Iterator[list[str]]:
    """The errors that mocks of this process log meanwhile: instead of writing them to stderr."""
    crashes: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            crashes.append(f"{record.exc_info[1]!r}" if record.exc_info else record.getMessage())

    logger, collector = logging.getLogger("ksef_mock"), Collector(logging.ERROR)
    logger.addHandler(collector)
    try:
        yield crashes
    finally:
        logger.removeHandler(collector)


def _is_sound(finding: Finding) -> bool:
    return not finding.failed and not finding.broken and not finding.crashes


def _ordered(first: Iterable[str]) -> Iterator[Requirement]:
    known = {requirement.id: requirement for requirement in requirements()}
    beginning = dict.fromkeys(name for name in first if name in known)
    yield from (known[name] for name in beginning)
    yield from (requirement for name, requirement in known.items() if name not in beginning)


def _examined(names: Iterable[str], jobs: int, *, quick: bool) -> Iterator[Finding]:
    # Processes of their own: threads would share the interpreter, and each suite has its servers in threads.
    with ProcessPoolExecutor(max(1, jobs), mp_context=get_context("spawn")) as pool:
        pending = [
            pool.submit(examine, name, first=likely(name) if quick else [], whole=not quick) for name in names
        ]
        for done in as_completed(pending):
            yield done.result()


def _verdict(finding: Finding, *, quick: bool) -> str:
    trouble = f"; {len(finding.broken)} checks broke, e.g. {finding.broken[0]}" if finding.broken else ""
    if finding.crashes:
        trouble += f"; the mock crashed: {finding.crashes[0]}"
    if not finding.is_caught:
        return f"SURVIVES {finding.checked} requirements{trouble}"
    others = "" if quick else f" and {len(finding.failed) - 1} others"
    return f"{finding.failed[0]}{others} ({finding.seconds:.1f} s){trouble}"


def _record(findings: dict[str, Finding]) -> None:
    known = recorded() | {name: found.failed[0] for name, found in findings.items() if found.failed}
    current = {name: known[name] for name in sorted(known) if name in defects()}
    RECORD.write_text(json.dumps(current, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
