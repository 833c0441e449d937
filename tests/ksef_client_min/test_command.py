"""The `ksef` command: what it prints, what it keeps, how it ends."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from contract_tests.cli import main as conformance_main
from ksef_client_min.cli import main
from ksef_client_min.commands.common import show_list
from ksef_mock.cli import main as ksef_mock_main
from ksef_mock.testing import MockServer
from tests.support import NIP

Ksef = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ksef(home: Path) -> Ksef:
    def run(*arguments: str, token: str | None = None, stdin: str | None = None) -> Result:
        environment = {"KSEF_HOME": str(home), "KSEF_TOKEN": token}
        return CliRunner(env=environment).invoke(main, ["auth", *arguments], input=stdin)

    return run


@pytest.fixture
def logged_in(ksef: Ksef, ksef_mock: MockServer, ksef_token: str) -> Ksef:
    result = ksef("login", "--token", ksef_token, "--nip", NIP, "--env", ksef_mock.url)
    assert result.exit_code == 0, result.output
    return ksef


def test_login_with_an_option_prints_one_line(ksef: Ksef, ksef_mock: MockServer, ksef_token: str) -> None:
    result = ksef("login", "--token", ksef_token, "--nip", NIP, "--env", ksef_mock.url)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Logged in to {ksef_mock.url} as {NIP} (")
    assert ksef_token not in result.output


def test_login_with_the_environment_finds_the_nip_in_the_token(
    ksef: Ksef, ksef_mock: MockServer, ksef_token: str
) -> None:
    result = ksef("login", "--env", ksef_mock.url, "--json", token=ksef_token)
    assert json.loads(result.stdout)["nip"] == NIP


def test_login_needs_no_option_with_what_the_mock_writes_into_an_env_file(
    home: Path, ksef_mock: MockServer, ksef_token: str
) -> None:
    given = {
        "KSEF_HOME": str(home),
        "KSEF_URL": ksef_mock.url,
        "KSEF_NIP": NIP,
        "KSEF_TOKEN": ksef_token,
    }
    done = CliRunner(env=given).invoke(main, ["auth", "login", "--json"])
    assert json.loads(done.stdout)["environment"] == ksef_mock.url
    other = CliRunner(env=given | {"KSEF_URL": "prod"}).invoke(
        main, ["auth", "login", "--env", ksef_mock.url, "--json"]
    )
    assert json.loads(other.stdout)["nip"] == NIP


def test_login_with_a_prompt_does_not_show_the_token(
    ksef: Ksef, ksef_mock: MockServer, ksef_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ksef_client_min.commands.auth.no_prompt", str)
    result = ksef("login", "--env", ksef_mock.url, stdin=f"{ksef_token}\n")
    assert result.exit_code == 0
    assert ksef_token not in result.output


def test_login_asks_nobody_where_no_terminal_is(ksef: Ksef, ksef_mock: MockServer) -> None:
    result = ksef("login", "--env", ksef_mock.url, stdin="anything\n")
    assert result.exit_code == 2
    assert "KSEF_TOKEN" in result.stderr


def test_list_cuts_nothing_and_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    long = "20261126-EC-0894F2C000-730183EA34-91" * 4
    show_list(False, "tokens", [{"number": long, "text": "\x1b[2Jżółw"}], ["number", "text"])
    head, line = capsys.readouterr().out.splitlines()
    assert line == f"{long}  \N{REPLACEMENT CHARACTER}[2Jżółw"
    assert head.split() == ["number", "text"]


@pytest.mark.parametrize(("given", "options"), [("1", []), ("", ["--no-color"])])
@pytest.mark.parametrize("program", [main, ksef_mock_main, conformance_main], ids=str)
def test_colours_can_be_turned_off_in_each_command(
    program: click.Group, given: str, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", given)
    with program.make_context("it", [*options, "anything"]) as context:
        assert context.color is False


def test_token_without_a_nip_needs_the_option(ksef: Ksef, ksef_mock: MockServer) -> None:
    result = ksef("login", "--env", ksef_mock.url, "--token", "opaque")
    assert result.exit_code == 2
    assert "--nip" in result.stderr


def test_files_are_private(home: Path, logged_in: Ksef) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path.name for path in home.iterdir()] == ["session.json"]
    assert stat.S_IMODE((home / "session.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_in_which_others_can_write_is_refused(home: Path, logged_in: Ksef, mode: int) -> None:
    home.chmod(mode)
    refused = logged_in("whoami")
    assert refused.exit_code != 0
    assert f"chmod 700 {home}" in refused.stderr
    home.chmod(0o755)
    assert logged_in("whoami").exit_code == 0


def test_whoami_and_status(logged_in: Ksef, ksef_mock: MockServer) -> None:
    shown = json.loads(logged_in("whoami", "--json").stdout)
    assert (shown["contextValue"], shown["authenticationMethod"], shown["status"]) == (NIP, "Token", 200)
    assert f"Nip {NIP} on {ksef_mock.url}" in logged_in("whoami").stdout
    status = json.loads(logged_in("status", "--json").stdout)
    assert (status["referenceNumber"], status["code"]) == (shown["referenceNumber"], 200)
    assert "200 Uwierzytelnianie zakończone sukcesem" in logged_in("status", shown["referenceNumber"]).stdout


def test_expired_access_token_is_refreshed_once_and_saved(
    logged_in: Ksef, home: Path, ksef_mock: MockServer
) -> None:
    before = (home / "session.json").read_bytes()
    ksef_mock.clock.advance(seconds=16 * 60)
    assert logged_in("whoami").exit_code == 0
    assert (home / "session.json").read_bytes() != before
    assert logged_in("whoami").exit_code == 0
    assert len(ksef_mock.journal.entries(path="/auth/token/refresh")) == 1


def test_refresh(logged_in: Ksef, home: Path) -> None:
    before = (home / "session.json").read_bytes()
    assert "valid until" in logged_in("refresh").stdout
    assert (home / "session.json").read_bytes() != before


def test_challenge_needs_no_login(ksef: Ksef, ksef_mock: MockServer) -> None:
    shown = json.loads(ksef("challenge", "--env", ksef_mock.url, "--json").stdout)
    assert len(shown["challenge"]) == 36
    assert " ms)" in ksef("challenge", "--env", ksef_mock.url).stdout


def test_logout_ends_the_session_and_deletes_the_file(
    logged_in: Ksef, home: Path, ksef_mock: MockServer
) -> None:
    assert logged_in("logout").stdout == "Logged out.\n"
    assert list(home.iterdir()) == []
    assert ksef_mock.journal.last().path.endswith("/auth/sessions/current")
    assert logged_in("logout").stdout == "There was no login.\n"


def test_logout_of_a_session_that_has_ended_is_a_logout(
    logged_in: Ksef, home: Path, ksef_mock: MockServer
) -> None:
    ksef_mock.reset()
    assert logged_in("logout").exit_code == 0
    assert list(home.iterdir()) == []


def test_logout_that_does_not_reach_ksef_keeps_the_login(ksef: Ksef, home: Path) -> None:
    with MockServer() as mock:
        ksef("login", "--token", mock.issue_token(NIP), "--env", mock.url)
    result = ksef("logout")
    assert result.exit_code == 3
    assert (home / "session.json").exists()


@pytest.mark.parametrize("command", ["whoami", "status", "refresh"])
def test_without_a_login_the_exit_code_is_4_and_the_line_says_what_to_do(ksef: Ksef, command: str) -> None:
    result = ksef(command)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "ksef auth login" in result.stderr


def test_login_that_is_no_longer_valid(logged_in: Ksef, ksef_mock: MockServer) -> None:
    ksef_mock.reset()
    result = logged_in("whoami")
    assert result.exit_code == 4
    assert result.stderr == "Error: the login is no longer valid. Run: ksef auth login\n"


def test_refused_token_exits_1_with_the_reason(ksef: Ksef, ksef_mock: MockServer) -> None:
    result = ksef("login", "--token", "wrong", "--nip", NIP, "--env", ksef_mock.url)
    assert result.exit_code == 1
    assert "Nieprawidłowy token" in result.stderr
    assert "wrong" not in result.stderr


def test_refused_request_exits_1_with_code_and_trace(
    ksef: Ksef, ksef_mock: MockServer, ksef_token: str
) -> None:
    result = ksef("login", "--token", ksef_token, "--nip", "123", "--env", ksef_mock.url)
    assert result.exit_code == 1
    assert "21405" in result.stderr
    assert ksef_mock.journal.last().trace_id in result.stderr


def test_unreachable_exits_3(ksef: Ksef) -> None:
    result = ksef("challenge", "--env", "http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "--env" in result.stderr


def test_bad_environment_exits_2(ksef: Ksef) -> None:
    assert ksef("challenge", "--env", "moon").exit_code == 2


def test_damaged_session_file_says_what_to_do(logged_in: Ksef, home: Path) -> None:
    (home / "session.json").write_text("{")
    result = logged_in("whoami")
    assert result.exit_code == 4
    assert "delete it and begin again" in result.stderr
