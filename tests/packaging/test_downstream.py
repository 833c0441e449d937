"""A project of somebody else: it installs ksef-mock and uses its fixtures, its suite, its commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Installation

EXAMPLE = ROOT / "examples" / "downstream"


@pytest.fixture
def downstream(install: Callable[..., Installation]) -> Installation:
    return install("downstream", "conformance", str(EXAMPLE))


def test_example_passes_with_nothing_but_its_dependencies(downstream: Installation, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    done = downstream.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_suite_runs_in_a_project_that_merely_has_it(downstream: Installation, tmp_path: Path) -> None:
    arguments = ("-q", "-p", "no:cacheprovider", "--pyargs", "contract_tests", "-k", "KSEF-CHAL")
    done = downstream.run("python", "-m", "pytest", *arguments, f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "KSEF-CHAL-001" in (tmp_path / "junit.xml").read_text()


def test_command_is_there(downstream: Installation, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    page = tmp_path / "report.html"
    arguments = ("run", "mock", "--only", "KSEF-KEYS-001", "--json", report, "--html", page)
    done = downstream.run("ksef-conformance", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [result["verdict"] for result in json.loads(report.read_text())["results"]] == ["passed"]
    assert "KSEF-KEYS-001" in page.read_text()


def test_conformance_says_in_one_line_what_it_needs(bare: Installation, wheel: Path) -> None:
    done = bare.run("ksef-conformance", "list")
    assert done.returncode == 2
    assert done.stderr.endswith(f'pip install "{wheel}[conformance]"\n')
    assert "Traceback" not in done.stderr
