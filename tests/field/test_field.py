"""Cases from the field: reports of integrators and the official clients' own tests, as programs.

They lie in `../shared/field`, beside the checkout, and are run as they are, each against a `ksef-mock serve`
of its own with the defaults of the command, or with the profile that a case names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import Served, serving

FIELD = Path(__file__).resolve().parents[3] / "shared" / "field"

#: The exit code of a case that cannot be tried against this mock.
_NOT_HERE = 77
#: Seconds for one program; they wait for nothing but the mock.
_PATIENCE = 600

pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason=f"the cases from the field are not at {FIELD}")


def cases(folder: str) -> list[str]:
    return sorted(path.parent.name for path in (FIELD / folder).glob("[0-9]*/expected.json"))


def profiles() -> Iterator[tuple[str, str]]:
    """Each signed document with each environment that its facts are about."""
    for case in cases("xades/cases"):
        expected = json.loads((FIELD / "xades" / "cases" / case / "expected.json").read_text())
        for profile in expected.get("profiles", ["test"]):
            yield case, profile


def run(served: Served, *program: str | Path, **environment: str) -> str:
    """What a program prints that agrees with the mock.

    Its output is the message of the failure if it does not.
    """
    done = subprocess.run(
        [sys.executable, *map(str, program)],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        env={
            **os.environ,
            "KSEF_URL": served.url,
            "KSEF_LATARNIA_URL": f"{served.url}/latarnia",
            "KSEF_QR_URL": f"{served.url}/qr",
            **environment,
        },
    )
    said = f"{done.stdout[-6000:]}{done.stderr[-3000:]}"
    if done.returncode == _NOT_HERE:
        pytest.skip(said.strip() or "cannot be tried against this mock")
    assert done.returncode == 0, said
    return done.stdout


@pytest.mark.parametrize("case", cases("token"))
def test_token(case: str) -> None:
    with serving() as served:
        run(served, FIELD / "token" / case / "run.py")


@pytest.mark.parametrize("case", cases("invoices"))
def test_invoice(case: str) -> None:
    with serving() as served:
        run(served, FIELD / "invoices" / case / "run.py")


@pytest.mark.parametrize(("case", "profile"), list(profiles()))
def test_signed_document(case: str, profile: str) -> None:
    with serving("--profile", profile) as served:
        run(served, FIELD / "xades" / "lib" / "run.py", FIELD / "xades" / "cases" / case)


@pytest.mark.parametrize("spelling", ["camel", "pascal"])
@pytest.mark.parametrize("suite", sorted(path.name for path in (FIELD / "e2e").glob("java_*.py")))
def test_official_clients_tests(suite: str, spelling: str) -> None:
    with serving() as served:
        said = run(served, FIELD / "e2e" / suite, KSEF_CASE=spelling)
    assert "\nok " in f"\n{said}", "not one scenario was run"
