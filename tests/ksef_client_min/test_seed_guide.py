"""The guide that the `ksef` command follows, line by line: its commands, and the steps of its library.

Commands are run as they are written there. Changed are the environment (a mock), the placeholders in capitals
and angle brackets, and nothing else. Documents are signed by another tool, signxml, where the guide says to
sign them elsewhere. The steps of the library are taken with the library itself, npm `ksef-client-ts`; what
they are in `ksef_client_min` stands in docs/guide.md, whose snippets are tests too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ksef_mock.crypto.pki import Credential, person
from ksef_mock.testing import MockServer
from tests import openapi
from tests.ksef_client_min.test_xades import by_signxml
from tests.support import NIP
from tests.third_party.node_client import NODE, install

GUIDE = openapi.DOCUMENT.parent / "seed-authentication-guide.txt"
YOURS, THEIRS, PESEL = "1234567890", "9876543210", "90010112349"
TOKEN = "AAAA-BBBB-CCCC-DDDD"

EXTERNAL = (
    "ksef auth login-external --generate --nip 1234567890 --env prod --output unsigned.xml",
    "ksef auth login-external --submit --input signed.xml --nip 1234567890 --env prod",
)
OTHER_CONTEXT = (
    "ksef auth login-external --generate --nip 9876543210 --env prod --output unsigned.xml",
    "ksef auth login-external --submit --input signed.xml --nip 9876543210 --env prod",
    'ksef invoice query --from "2026-01-01T00:00:00+00:00" --subjectType Subject2 --size 10',
)
ENROLMENT = (
    "ksef auth login-external --generate --nip YOUR_NIP --env prod --output unsigned.xml",
    "ksef auth login-external --submit --input signed.xml --nip YOUR_NIP --env prod",
    'ksef cert enroll --type Authentication --name "My automation cert"',
    "ksef cert get <reference-number>",
)
WITH_LOCKED_KEY = (
    "ksef auth login --cert ./ksef-cert.pem --key ./ksef-key.pem"
    " --key-password 'my_passphrase' --nip YOUR_NIP",
    "ksef auth login --cert ./ksef-cert.pem --key ./ksef-key.pem"
    " --key-password 'my_passphrase' --nip 9876543210",
)
WITH_OPEN_KEY = (
    "ksef auth login --cert ./ksef-cert.pem --key ./ksef-key.pem --nip YOUR_NIP",
    "ksef auth login --cert ./ksef-cert.pem --key ./ksef-key.pem --nip 1234567890",
)
BY_TOKEN = (
    "ksef config set --nip 1234567890",
    'ksef auth login --token "AAAA-BBBB-CCCC-DDDD"',
    'ksef auth login --token "AAAA-BBBB-CCCC-DDDD" --nip 1234567890',
    "ksef auth whoami",
    "ksef auth logout",
)
OTHERS = ("ksef auth challenge", "ksef auth status <reference-number>", "ksef auth refresh")

Run = Callable[..., str]


@pytest.fixture(scope="module")
def node_modules() -> Path:
    return install()


COMMANDS = {*EXTERNAL, *OTHER_CONTEXT, *ENROLMENT, *WITH_LOCKED_KEY, *WITH_OPEN_KEY, *BY_TOKEN, *OTHERS}

#: What the guide's library is told to do, and the step of tests/third_party/node/guide.mjs that does it.
STEPS = {
    "loginWithToken(": "token",
    "invoices.queryInvoiceMetadata(": "token",
    "client.logout(": "token",
    "loginWithCertificate(": "certificate",
    "authenticateWithExternalSignature(": "external",
    "auth.getChallenge(": "manual",
    "crypto.init(": "manual",
    "crypto.encryptKsefToken(": "manual",
    "auth.submitKsefTokenAuthRequest(": "manual",
    "auth.getAccessToken(": "manual",
    "authManager.setAccessToken(": "manual",
    "authManager.setRefreshToken(": "manual",
    "authManager.onUnauthorized(": "refresh",
    "KSeFUnauthorizedError": "failedRefresh",
    "new MyAuthManager(": "manager",
    "requireSession(": "hydration",
}
needs_guide = pytest.mark.skipif(not GUIDE.is_file(), reason=f"the guide is not at {GUIDE}")


@needs_guide
def test_all_commands_of_the_guide_are_run_here() -> None:
    text = GUIDE.read_text()
    assert {command for command in COMMANDS if command not in text} == set()
    # As the page was saved, a sentence may follow its command without a space.
    lines = [line for line in text.splitlines() if re.match(r"ksef [a-z]+ [a-z-]+", line)]
    assert [line for line in lines if not line.startswith(tuple(COMMANDS))] == []


@needs_guide
def test_all_steps_of_the_library_are_taken_here() -> None:
    text, script = GUIDE.read_text(), (NODE / "guide.mjs").read_text()
    assert {call for call in STEPS if call not in text} == set()
    called = re.findall(r"\bclient\.([a-zA-Z.]+)\(", text)
    assert {call for call in called if f"{call}(" not in script} == set()


def test_steps_of_the_library(node_modules: Path, ksef_mock: MockServer, tmp_path: Path) -> None:
    mine = ksef_mock.pki.qualified(person("Jan", "Kowalski", nip=NIP))
    (tmp_path / "cert.pem").write_bytes(mine.certificate_pem)
    (tmp_path / "private-key.pem").write_bytes(mine.key_pem)
    seed = {"seller": {"nip": YOURS}, "buyer": {"identifier": {"type": "Nip", "value": NIP}}}
    httpx.post(f"{ksef_mock.url}/_mock/invoices", json={"invoices": [seed]}).raise_for_status()
    files = (tmp_path / "cert.pem", tmp_path / "private-key.pem")
    command = (
        "node",
        NODE / "guide.mjs",
        node_modules,
        ksef_mock.url,
        NIP,
        ksef_mock.issue_token(NIP),
        *files,
    )
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen == {
        "token": {"invoices": 1},
        "certificate": {"invoices": 1},
        "external": {"invoices": 1},
        "manual": {"invoices": 1},
        "refresh": {"calls": 5, "refreshes": 1, "another": True, "kept": True},
        "failedRefresh": {"unauthorized": True, "refreshes": 1},
        "manager": {"invoices": 1, "asked": 1},
        "hydration": {"invoices": 1, "another": True},
    }
    assert set(seen) == set(STEPS.values())


@pytest.fixture
def run(ksef_mock: MockServer, tmp_path: Path) -> Run:
    """Run a line of the guide in a shell, in a folder and a home of its own; returns what it printed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "HOME": str(tmp_path)}
    for variable in ("KSEF_HOME", "KSEF_TOKEN", "KSEF_KEY_PASSWORD"):
        environment.pop(variable, None)

    def shell(command: str, reference: str = "") -> str:
        line = command.replace("--env prod", f"--env {ksef_mock.url}")
        line = line.replace("YOUR_NIP", YOURS).replace("<reference-number>", reference)
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    shell(f"ksef config set --env {ksef_mock.url}")
    return shell


@pytest.fixture
def you(ksef_mock: MockServer) -> Credential:
    """Your Trusted Profile: known by PESEL, and by the NIP that belongs to it."""
    body = {"nip": YOURS, "pesel": PESEL, "isBailiff": False, "description": "sole proprietor"}
    assert httpx.post(f"{ksef_mock.url}/v2/testdata/person", json=body).status_code == 200
    return ksef_mock.pki.trusted_profile(person("Anna", "Nowak", pesel=PESEL))


@pytest.fixture
def granted(ksef_mock: MockServer) -> None:
    """You may read the invoices of THEIRS."""
    body = {
        "contextIdentifier": {"type": "Nip", "value": THEIRS},
        "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
        "permissions": [{"permissionType": "InvoiceRead", "description": "accountant"}],
    }
    assert httpx.post(f"{ksef_mock.url}/v2/testdata/permissions", json=body).status_code == 200


def sign_elsewhere(folder: Path, you: Credential) -> None:
    unsigned = (folder / "unsigned.xml").read_bytes()
    (folder / "signed.xml").write_bytes(by_signxml(unsigned, you, folder))


def test_external_signing(run: Run, you: Credential, tmp_path: Path) -> None:
    generate, submit = EXTERNAL
    run(generate)
    sign_elsewhere(tmp_path, you)
    assert f"as {YOURS}" in run(submit)


def test_external_signing_by_the_stand_in(run: Run, you: Credential, ksef_mock: MockServer) -> None:
    """What the guide leaves to a person at podpis.gov.pl is a command here."""
    generate, submit = EXTERNAL
    run(generate)
    run(f"ksef-mock sign unsigned.xml --as pesel:{PESEL} -o signed.xml --url {ksef_mock.url}")
    assert f"as {YOURS}" in run(submit)


def test_external_signing_in_somebody_elses_context(
    run: Run, you: Credential, granted: None, ksef_mock: MockServer, tmp_path: Path
) -> None:
    generate, submit, query = OTHER_CONTEXT
    run(generate)
    sign_elsewhere(tmp_path, you)
    assert f"as {THEIRS}" in run(submit)
    # KSeF answers for three months at most, and the guide's period begins in January.
    ksef_mock.clock.set(datetime(2026, 2, 15, tzinfo=UTC))
    seed = {"seller": {"nip": YOURS}, "buyer": {"identifier": {"type": "Nip", "value": THEIRS}}}
    httpx.post(f"{ksef_mock.url}/_mock/invoices", json={"invoices": [seed]}).raise_for_status()
    assert YOURS in run(query)


def test_certificate_of_ksef_from_enrolment_to_login(
    run: Run, you: Credential, granted: None, tmp_path: Path
) -> None:
    generate, submit, enroll, get = ENROLMENT
    run(generate)
    sign_elsewhere(tmp_path, you)
    run(submit)
    requested = run(enroll)
    run(get, reference=requested.split()[-1])

    for line in WITH_OPEN_KEY:
        assert f"as {YOURS}" in run(line)
    key = tmp_path / "ksef-key.pem"
    locked = load_pem_private_key(key.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"my_passphrase")
    )
    key.write_bytes(locked)
    own, other = (run(line) for line in WITH_LOCKED_KEY)
    assert f"as {YOURS}" in own
    assert f"as {THEIRS}" in other


def test_token_and_the_other_commands(run: Run, ksef_mock: MockServer) -> None:
    ksef_mock.issue_token(YOURS, token=TOKEN)
    configure, login, login_with_nip, whoami, logout = BY_TOKEN
    run(configure)
    for line in (login, login_with_nip):
        assert f"as {YOURS}" in run(line)
    shown = run(whoami)
    assert f"Nip {YOURS}" in shown
    challenge, status, refresh = OTHERS
    assert "-CR-" in run(challenge)
    assert "200" in run(status, reference=shown.split()[-1])
    assert "valid until" in run(refresh)
    assert run(logout) == "Logged out.\n"
