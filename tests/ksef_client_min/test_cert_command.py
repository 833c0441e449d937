"""`ksef cert`: from the request to the revocation."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ksef_client_min import load_pem
from ksef_client_min.cli import main
from ksef_mock.crypto.pki import person
from ksef_mock.testing import MockServer
from tests.support import NIP

Ksef = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ksef(folder: Path, ksef_mock: MockServer) -> Ksef:
    """The command, logged in with a certificate."""
    owner = ksef_mock.pki.qualified(person("Jan", "Kowalski", nip=NIP), key="ec")
    (folder / "own.pem").write_bytes(owner.certificate_pem)
    (folder / "own.key").write_bytes(owner.key_pem)

    def run(*arguments: str) -> Result:
        environment = {"KSEF_HOME": "home", "KSEF_KEY_PASSWORD": None, "KSEF_TOKEN": None, "COLUMNS": "200"}
        return CliRunner(env=environment).invoke(main, arguments)

    assert run("config", "set", "--nip", NIP, "--env", ksef_mock.url).exit_code == 0
    assert run("auth", "login", "--cert", "own.pem", "--key", "own.key").exit_code == 0
    return run


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
def test_life_of_a_certificate(ksef: Ksef, folder: Path, key_type: str) -> None:
    requested = json.loads(ksef("cert", "enroll", "--name", "robot", "--key-type", key_type, "--json").stdout)
    assert stat.S_IMODE((folder / "ksef-key.pem").stat().st_mode) == 0o600
    got = json.loads(ksef("cert", "get", requested["referenceNumber"], "--json").stdout)
    assert load_pem(folder / "ksef-cert.pem", folder / "ksef-key.pem")
    assert ksef("auth", "login", "--cert", "ksef-cert.pem", "--key", "ksef-key.pem").exit_code == 0

    (row,) = json.loads(ksef("cert", "list", "--json").stdout)["certificates"]
    assert (row["serialNumber"], row["name"], row["status"]) == (got["serialNumber"], "robot", "Active")
    assert got["serialNumber"] in ksef("cert", "list", "--name", "rob").stdout
    assert ksef("cert", "list", "--name", "nobody").stdout == "Nothing found.\n"
    limits = json.loads(ksef("cert", "limits", "--json").stdout)
    assert limits == {"canRequest": True, "enrollmentsLeft": 299, "certificatesLeft": 99}
    assert "certificates left  99 of 100" in ksef("cert", "limits").stdout

    revoked = ksef("cert", "revoke", got["serialNumber"], "--reason", "Superseded")
    assert revoked.stdout == f"Revoked {got['serialNumber']}.\n"
    refused = ksef("auth", "login", "--cert", "ksef-cert.pem", "--key", "ksef-key.pem")
    assert refused.exit_code == 1
    assert "Certyfikat odwołany" in refused.stderr


def test_private_key_can_be_encrypted(ksef: Ksef, folder: Path) -> None:
    result = ksef("cert", "enroll", "--name", "robot", "--key-password", "sekret", "--key-output", "k.pem")
    assert result.exit_code == 0
    assert b"ENCRYPTED" in (folder / "k.pem").read_bytes()
    assert f"ksef cert get {result.stdout.split()[-1]}" in result.stdout


def test_existing_key_is_never_overwritten(ksef: Ksef, folder: Path) -> None:
    (folder / "ksef-key.pem").write_text("precious")
    result = ksef("cert", "enroll", "--name", "robot")
    assert result.exit_code == 4
    assert "give another --key-output" in result.stderr
    assert (folder / "ksef-key.pem").read_text() == "precious"


def test_refused_request_leaves_no_key_behind(ksef: Ksef, folder: Path) -> None:
    result = ksef("cert", "enroll", "--name", "no")
    assert result.exit_code == 1
    assert "21405" in result.stderr
    assert not (folder / "ksef-key.pem").exists()


def test_login_with_a_token_cannot_enrol(ksef: Ksef, ksef_token: str) -> None:
    assert ksef("auth", "login", "--token", ksef_token).exit_code == 0
    result = ksef("cert", "enroll", "--name", "robot")
    assert result.exit_code == 1
    assert "25001" in result.stderr


def test_unknown_numbers_are_refused_with_their_code(ksef: Ksef) -> None:
    assert "25005" in ksef("cert", "get", "20250514-EH-2DFC46C000-3AC6D5877F-D4").stderr
    assert "25008" in ksef("cert", "revoke", "0000000000000000").stderr
