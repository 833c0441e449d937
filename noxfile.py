"""The tests with each supported Python that is here: `make versions`, or `nox -s tests-3.13`."""

from __future__ import annotations

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_PROJECT = nox.project.load_toml("pyproject.toml")

nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, or those that are named after `--`."""
    session.install("-e", ".[all,judge]", *nox.project.dependency_groups(_PROJECT, "dev"))
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)
