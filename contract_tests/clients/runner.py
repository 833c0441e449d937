"""Runs a client through situations: `check(["python", "client.py"])`."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contract_tests.clients import command as process
from contract_tests.clients import evidence
from contract_tests.clients.catalogue import Script, Situation, selected
from contract_tests.clients.observed import Failed, NotExercised, Observed
from contract_tests.clients.report import Report, Result, Verdict
from contract_tests.clients.stage import Method, Stage
from contract_tests.clients.tap import Call

#: Seconds that a client may take for one situation.
TIME_LIMIT = 60.0
#: Situations at a time.
JOBS = 4
#: What shells exit with for a command that is none, and for one that is not there.
_NOT_STARTED = (126, 127)


def check(
    command: Sequence[str],
    only: Collection[str] = (),
    *,
    method: Method = "token",
    limit: float = TIME_LIMIT,
    jobs: int = JOBS,
    on_result: Callable[[Result], None] | None = None,
) -> Report:
    """Run a client's command through the situations that match `only`, and judge it.

    Args:
        command: program and arguments; `{url}` and the like are filled in (`docs/client-conformance.md`).
        only: ids, areas, globs; all situations without any.
        method: how the client is asked to log in.
        limit: seconds for each situation.
        jobs: how many situations at a time, each with a mock of its own.
        on_result: called after each situation, from this thread.

    Raises:
        LookupError: a pattern matches nothing.
        CommandNotFound: the command cannot be started.
    """
    chosen = selected(only)
    begin = time.monotonic()
    report = Report(
        list(command), method, datetime.now(UTC).isoformat(timespec="seconds"), version("ksef-mock")
    )
    found: dict[str, Result] = {}
    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="situation")
    try:
        pending: set[Future[Result]] = {
            pool.submit(meet, situation, command, method, limit=limit, stop=stop) for situation in chosen
        }
        while pending:
            # With a time-out: an interrupt that comes just before a wait without end does not end that wait.
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                found[result.id] = result
                if on_result is not None:
                    on_result(result)
    except KeyboardInterrupt:
        report.aborted = "interrupted"
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    report.results = [
        found.get(each.id) or Result.not_run(each, f"not reached: {report.aborted}") for each in chosen
    ]
    report.duration = round(time.monotonic() - begin, 2)
    return report


def meet(
    situation: Situation,
    command: Sequence[str],
    method: Method,
    *,
    limit: float = TIME_LIMIT,
    stop: threading.Event | None = None,
) -> Result:
    """Run a client's command through one situation, and judge it.

    Raises:
        CommandNotFound: the command cannot be started.
    """
    if method not in situation.methods:
        return Result.not_run(situation, f"only with a login by {' or '.join(situation.methods)}")
    stage = Stage(method, situation.settings)
    stage.task = situation.task
    script = situation.script(stage)
    with tempfile.TemporaryDirectory(prefix="ksef-client-") as folder:
        stage.open()
        try:
            next(script)
            given = process.given(stage, situation.id, Path(folder))
            started = time.monotonic()
            ended = process.run(command, given, limit=limit, stop=stop or threading.Event())
        finally:
            stage.close()
    if ended.exit_code in _NOT_STARTED and not stage.calls:
        said = (ended.output.strip().splitlines() or ["it said nothing"])[-1]
        reason = evidence.output_of(said, given.secrets)
        raise process.CommandNotFound(
            f"the command cannot be started (exit code {ended.exit_code}): {reason}"
        )
    run = Observed(method, ended.exit_code, ended.output, ended.duration, tuple(stage.calls), given.secrets)
    verdict, message = _judged(script, run, limit)
    return Result(
        situation.id,
        situation.sentence,
        situation.right,
        situation.severity,
        verdict,
        evidence.output_of(message, given.secrets),
        round(ended.duration, 2),
        ended.exit_code,
        evidence.output_of(ended.output, given.secrets),
        evidence.requests_of(run.calls, started, stage.mock.url),
    )


def _judged(script: Script, run: Observed, limit: float) -> tuple[Verdict, str]:
    if run.exit_code is None:
        script.close()
        return (
            Verdict.FAILED,
            f"was still running after {limit:g} s{_last(run.calls)}",
        )
    try:
        script.send(run)
    except StopIteration:
        return Verdict.SURVIVED, "; ".join(run.remarks)
    except NotExercised as reason:
        return Verdict.NOT_EXERCISED, str(reason)
    except Failed as reason:
        return Verdict.FAILED, str(reason)
    raise AssertionError("a situation yields once")


def _last(calls: Sequence[Call]) -> str:
    if not calls:
        return ", having sent nothing to the mock"
    last = calls[-1]
    again = sum((call.method, call.path) == (last.method, last.path) for call in calls)
    return f", {len(calls)} requests, the last one {last.method} {last.path} ({again} times)"
