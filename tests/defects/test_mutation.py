"""The suite bites: on a mock with any one of the deliberate defects a requirement fails."""

from __future__ import annotations

import pytest

from bench.mutation import examine, likely, recorded
from ksef_mock.defects import catalogue


@pytest.mark.parametrize("name", catalogue())
def test_the_suite_finds_the_defect(name: str) -> None:
    finding = examine(name, first=likely(name), whole=False)
    assert finding.is_caught, f"no requirement fails on a mock where: {catalogue()[name].summary}"
    assert not finding.broken
    assert not finding.crashes


def test_the_record_is_of_the_defects_that_there_are() -> None:
    assert set(recorded()) == set(catalogue()), "python -m bench.mutation --quick --record"
