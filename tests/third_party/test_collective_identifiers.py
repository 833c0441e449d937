"""Unmodified clients of other people make collective identifiers and resolve them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from ksef_mock.clock import to_datetime
from ksef_mock.testing import MockServer
from tests.invoices.test_metadata import seed
from tests.third_party.programs import client, python_client
from tests.third_party.test_clients import last_line

NIP, BUYER = "5265877635", "7762811692"
PYTHON = Path(__file__).parent / "python"


def numbers(mock: MockServer) -> list[str]:
    return seed(mock, *[{"seller": {"nip": NIP}}] * 4)


def around(mock: MockServer) -> list[str]:
    now = to_datetime(mock.clock.now())
    return [(now + timedelta(days=days)).isoformat() for days in (-1, 1)]


def test_pypi_ksef_client_makes_and_resolves_them(ksef_mock: MockServer, tmp_path: Path) -> None:
    days = [moment[:10] for moment in around(ksef_mock)]
    arguments = (ksef_mock.url, BUYER, ksef_mock.issue_token(BUYER), *days, *numbers(ksef_mock))
    script = PYTHON / "collective_with_ksef_client.py"
    seen = last_line(client(python_client("ksef-client"), script, *arguments, folder=tmp_path))
    assert seen == {
        "valid": True,
        "refused": 71001,
        "listed": [10, 1],
        "counts": [4],
        "all": True,
        "invoices": 12,
        "described": ["opis"],
        "hidden": False,
        "of_invoice": 11,
    }


def test_pypi_ksef2_makes_and_resolves_them(ksef_mock: MockServer, tmp_path: Path) -> None:
    arguments = (BUYER, ksef_mock.issue_token(BUYER), *around(ksef_mock), *numbers(ksef_mock))
    script = PYTHON / "collective_with_ksef2.py"
    where = {"PYTHONPATH": str(PYTHON), "KSEF_URL": ksef_mock.url}
    seen = last_line(client(python_client("ksef2"), script, *arguments, folder=tmp_path, **where))
    assert seen == {
        "all": True,
        "counts": [4],
        "here": True,
        "invoices": 12,
        "paid": [[45.5, "EUR"]],
        "of_invoice": 11,
    }
