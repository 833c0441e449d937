"""`ksef config`, `ksef token`, `ksef invoice`: what they show, what they keep, how they end."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from ksef_client_min.cli import main
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP

Ksef = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ksef(home: Path) -> Ksef:
    def run(*arguments: str) -> Result:
        environment = {"KSEF_HOME": str(home), "KSEF_TOKEN": None, "COLUMNS": "200"}
        return CliRunner(env=environment).invoke(main, arguments)

    return run


@pytest.fixture
def logged_in(ksef: Ksef, ksef_mock: MockServer, ksef_token: str) -> Ksef:
    assert ksef("config", "set", "--nip", NIP, "--env", ksef_mock.url).exit_code == 0
    result = ksef("auth", "login", "--token", ksef_token)
    assert result.exit_code == 0, result.output
    return ksef


# -- config -----------------------------------------------------------------------------------------------


def test_configuration_is_kept_privately_and_value_by_value(ksef: Ksef, home: Path) -> None:
    assert json.loads(ksef("config", "show", "--json").stdout)["nip"] is None
    ksef("config", "set", "--nip", NIP)
    ksef("config", "set", "--env", "demo")
    shown = json.loads(ksef("config", "show", "--json").stdout)
    assert (shown["nip"], shown["environment"], shown["folder"]) == (NIP, "demo", str(home))
    assert f"nip          {NIP}" in ksef("config", "show").stdout
    assert stat.S_IMODE((home / "config.json").stat().st_mode) == 0o600


def test_options_count_more_than_the_configuration(
    ksef: Ksef, ksef_mock: MockServer, ksef_token: str
) -> None:
    ksef("config", "set", "--nip", OTHER_NIP, "--env", "http://127.0.0.1:1")
    result = ksef("auth", "login", "--token", ksef_token, "--nip", NIP, "--env", ksef_mock.url, "--json")
    assert json.loads(result.stdout)["nip"] == NIP


@pytest.mark.parametrize("options", [[], ["--env", "moon"], ["--env", "ftp://x"]])
def test_configuration_that_makes_no_sense_is_refused(ksef: Ksef, options: list[str]) -> None:
    assert ksef("config", "set", *options).exit_code == 2
    assert json.loads(ksef("config", "show", "--json").stdout)["environment"] is None


def test_damaged_configuration_is_named(ksef: Ksef, home: Path) -> None:
    home.mkdir()
    (home / "config.json").write_text("{")
    for command in (["config", "show"], ["auth", "challenge"]):
        result = ksef(*command)
        assert result.exit_code == 4
        assert "config.json is damaged" in result.stderr


# -- token ------------------------------------------------------------------------------------------------


def test_life_of_a_token(logged_in: Ksef) -> None:
    options = ["--permission", "InvoiceRead", "--permission", "InvoiceWrite", "--description", "robot"]
    made = json.loads(logged_in("token", "generate", *options, "--json").stdout)
    reference = made["referenceNumber"]
    assert made["token"].startswith(f"{reference}|nip-{NIP}|")

    shown = json.loads(logged_in("token", "get", reference, "--json").stdout)
    assert (shown["status"], shown["permissions"]) == ("Active", ["InvoiceRead", "InvoiceWrite"])
    assert shown["context"] == f"Nip {NIP}"
    listed = json.loads(logged_in("token", "list", "--description", "robot", "--json").stdout)
    assert [row["referenceNumber"] for row in listed["tokens"]] == [reference]
    assert listed["hasMore"] is False

    assert logged_in("auth", "login", "--token", made["token"]).exit_code == 0
    assert logged_in("token", "revoke", reference).stdout == f"Revoked {reference}.\n"
    result = logged_in("auth", "login", "--token", made["token"])
    assert result.exit_code == 1
    assert "Token unieważniony" in result.stderr


def test_token_for_people(logged_in: Ksef) -> None:
    options = ["--permission", "InvoiceRead", "--description", "people"]
    shown = logged_in("token", "generate", *options).stdout
    assert "never shown again" in shown
    assert shown.splitlines()[0].count("|") == 2
    table = logged_in("token", "list").stdout
    assert "referenceNumber" in table
    assert "people" in table
    assert logged_in("token", "list", "--description", "no such").stdout == "Nothing found.\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--description", "no permission"],
        ["--permission", "Everything", "--description", "unknown"],
        ["--permission", "InvoiceRead"],
    ],
)
def test_token_orders_that_make_no_sense(logged_in: Ksef, options: list[str]) -> None:
    assert logged_in("token", "generate", *options).exit_code == 2


def test_refusals_have_their_code(logged_in: Ksef) -> None:
    unknown = "20250514-EC-2DFC46C000-3AC6D5877F-D4"
    for command in ("get", "revoke"):
        result = logged_in("token", command, unknown)
        assert result.exit_code == 1
        assert "KSeF refused: HTTP 400" in result.stderr


@pytest.mark.parametrize("command", [["token", "list"], ["invoice", "query", "--from", "2026-01-01"]])
def test_without_a_login(ksef: Ksef, command: list[str]) -> None:
    assert ksef(*command).exit_code == 4


# -- invoice ----------------------------------------------------------------------------------------------


def test_invoices_are_found(ksef_mock: MockServer, logged_in: Ksef) -> None:
    seed = {"seller": {"nip": OTHER_NIP}, "buyer": {"identifier": {"type": "Nip", "value": NIP}}}
    assert httpx.post(f"{ksef_mock.url}/_mock/invoices", json={"invoices": [seed]}).status_code == 201
    since = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    command = ["invoice", "query", "--from", since, "--size", "10", "--subjectType"]
    found = json.loads(logged_in(*command, "Subject2", "--json").stdout)
    assert [row["seller"] for row in found["invoices"]] == [OTHER_NIP]
    assert "ksefNumber" in logged_in(*command, "Subject2").stdout
    assert logged_in(*command, "Subject1").stdout == "Nothing found.\n"


def test_time_that_is_none_is_refused(logged_in: Ksef) -> None:
    assert logged_in("invoice", "query", "--from", "yesterday").exit_code == 2
