"""Collective identifiers by the clients, synchronous and asynchronous, and by `ksef collective`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ksef_client_min import AsyncKsefClient, KsefApiError, KsefClient
from ksef_client_min.cli import main
from ksef_client_min.models import Payment
from ksef_client_min.operations import collective
from ksef_mock.testing import MockServer
from tests.invoices.test_metadata import seed
from tests.support import NIP, OTHER_NIP

Ksef = Callable[..., Result]


@pytest.fixture
def numbers(ksef_mock: MockServer) -> list[str]:
    return seed(ksef_mock, *[{"seller": {"nip": OTHER_NIP}}] * 11)


@pytest.fixture
def ksef(tmp_path: Path, ksef_mock: MockServer, ksef_token: str) -> Ksef:
    def run(*arguments: str) -> Result:
        environment = {"KSEF_HOME": str(tmp_path), "KSEF_TOKEN": None, "COLUMNS": "200"}
        return CliRunner(env=environment).invoke(main, arguments)

    assert run("auth", "login", "--token", ksef_token, "--nip", NIP, "--env", ksef_mock.url).exit_code == 0
    return run


def test_all_four_operations(ksef_client: KsefClient, ksef_token: str, numbers: list[str]) -> None:
    ksef_client.login_with_token(ksef_token, nip=NIP)
    detailed = collective.entry(numbers[0], (45.5, "PLN"), "Opis")
    made = ksef_client.call(collective.generate([detailed, *numbers[1:]])).collective_identifier_number
    now = datetime.now(UTC) + timedelta(minutes=1)
    span = (now - timedelta(days=99), now)
    listed = ksef_client.call(collective.query(*span, createdInCurrentContext=True))
    assert [
        (each.collective_identifier_number, each.invoice_count) for each in listed.collective_identifiers
    ] == [(made, 11)]
    assert ksef_client.call(collective.query(*span, invoiceCountTo=2)).collective_identifiers == ()
    first = ksef_client.call(collective.invoices([made]))
    second = ksef_client.call(collective.invoices([made], continuation_token=first.continuation_token))
    assert second.continuation_token is None
    found = {each.ksef_number: each for each in (*first.invoices, *second.invoices)}
    assert set(found) == set(numbers)
    assert (found[numbers[0]].payment, found[numbers[0]].description) == (Payment(45.5, "PLN"), "Opis")
    [naming] = ksef_client.call(collective.of_invoice(numbers[3])).collective_identifiers
    assert (naming.collective_identifier_number, naming.created_in_current_context) == (made, True)
    with pytest.raises(KsefApiError) as refused:
        ksef_client.call(collective.generate([numbers[0]] * 2))
    assert refused.value.code == 71005


def test_the_same_awaited(ksef_mock: MockServer, ksef_token: str, numbers: list[str]) -> None:
    async def live() -> None:
        async with AsyncKsefClient(ksef_mock.url) as ksef:
            await ksef.login_with_token(ksef_token, nip=NIP)
            made = (await ksef.call(collective.generate(numbers[:2]))).collective_identifier_number
            page = await ksef.call(collective.invoices([made]))
            assert sorted(each.ksef_number for each in page.invoices) == sorted(numbers[:2])

    asyncio.run(live())


def test_by_command(ksef: Ksef, numbers: list[str]) -> None:
    options = ["--pay", numbers[0], "45.50", "EUR", "--note", numbers[1], "zaliczka"]
    created = ksef("collective", "create", *numbers[:2], *options)
    assert created.exit_code == 0, created.output
    made = created.stdout.strip()
    listed = json.loads(ksef("collective", "list", "--json").stdout)
    assert [
        (row["collectiveIdentifierNumber"], row["invoices"]) for row in listed["collectiveIdentifiers"]
    ] == [(made, 2)]
    assert ksef("collective", "list", "--made-by-others").stdout == "Nothing found.\n"
    rows = json.loads(ksef("collective", "invoices", made, "--json").stdout)["invoices"]
    told = {row["ksefNumber"]: (row["amount"], row["currency"], row["description"]) for row in rows}
    assert told == {numbers[0]: (45.5, "EUR", None), numbers[1]: (None, None, "zaliczka")}
    assert made in ksef("collective", "find", numbers[0]).stdout


def test_what_a_command_refuses(ksef: Ksef, numbers: list[str]) -> None:
    stray = ksef("collective", "create", *numbers[:2], "--pay", numbers[2], "1", "PLN")
    assert (stray.exit_code, numbers[2] in stray.stderr) == (2, True)
    twice = ksef("collective", "create", numbers[0], numbers[0])
    assert twice.exit_code == 1
    assert "71005" in twice.stderr
    assert ksef("collective", "list", "--from", "yesterday").exit_code == 2
