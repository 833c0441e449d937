"""The catalogue as pytest items: `pytest --pyargs contract_tests --ksef-target mock|test|URL`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from contract_tests.common.exchange import Exchange
from contract_tests.server.catalogue import Requirement, catalogue
from contract_tests.server.opening import open_target
from contract_tests.server.report import Verdict
from contract_tests.server.runner import Runner
from contract_tests.server.targets import TargetRefused, TargetUnreachable


@pytest.fixture(scope="session")
def conformance(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """The runner of this process; it logs in once and cleans up at the end."""
    options = request.config.option
    # Under xdist every worker is a client of its own, all from one address: they share the rate limits.
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    try:
        with (
            open_target(options.ksef_target, force_production=options.ksef_force_production) as target,
            Runner(target, share=1 / workers) as runner,
        ):
            yield runner
    except (TargetRefused, TargetUnreachable) as error:
        _stop(request.session, error)
    if runner.left_behind:
        request.config.get_terminal_writer().line(
            f"\nleft behind on {target.name}: {', '.join(runner.left_behind)}"
        )


@pytest.mark.parametrize("requirement", catalogue(), ids=lambda requirement: requirement.id)
def test_requirement(
    request: pytest.FixtureRequest,
    requirement: Requirement,
    conformance: Runner,
    record_property: Callable[[str, object], None],
) -> None:
    """One requirement of KSeF."""
    try:
        result = conformance.check(requirement)
    except TargetUnreachable as error:
        _stop(request.session, error)
    for name in ("sentence", "source", "severity", "evidence", "since"):
        record_property(name, str(getattr(requirement, name)))  # xdist sends nothing but plain types
    if result.verdict is Verdict.SKIPPED:
        pytest.skip(result.message)
    if result.verdict is not Verdict.PASSED:
        evidence = "\n\n".join(map(_written_out, result.exchanges))
        pytest.fail(
            f"{requirement.sentence}\n({requirement.source})\n\n{result.message}\n\n{evidence}", pytrace=False
        )


def _stop(session: pytest.Session, error: Exception) -> NoReturn:
    # Not pytest.exit: xdist takes that for a crash of its worker.
    session.shouldfail = str(error)
    pytest.fail(str(error), pytrace=False)


def _written_out(exchange: Exchange) -> str:
    answer = "\n".join(f"< {name}: {value}" for name, value in exchange.response.headers)
    parts = [exchange.line, exchange.request.body, answer, exchange.response.body]
    return "\n".join(part for part in parts if part)
