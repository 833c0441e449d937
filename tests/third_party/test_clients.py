"""Unmodified clients of other people log in, call, are refreshed and end their session (docs/clients.md)."""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ksef_mock.core.environment import TokenKey
from ksef_mock.crypto.pki import Credential, KeyKind, person, seal
from ksef_mock.testing import MockServer
from tests.served import serving
from tests.third_party.node_client import install
from tests.third_party.programs import client, kept, program, python_client, run
from tests.third_party.tunnel import tunnel

HERE = Path(__file__).parent
PYTHON = HERE / "python"
NIP = "5265877635"
OWNER = person("Jan", "Kowalski", nip=NIP)
KINDS: Sequence[KeyKind] = ("rsa", "ec")

#: Writes a certificate and its key to two files.
PemFiles = Callable[[Credential], tuple[Path, Path]]


@pytest.fixture
def pem_files(tmp_path: Path) -> PemFiles:
    def write(credential: Credential) -> tuple[Path, Path]:
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_bytes(credential.certificate_pem)
        key.write_bytes(credential.key_pem)
        return certificate, key

    return write


def last_line(output: str) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(output.splitlines()[-1])
    return seen


def lived_a_session(seen: dict[str, Any], mock: MockServer) -> None:
    """What a client has seen that knows limits, tokens, the refresh and the end of a session."""
    assert seen["maxInvoices"] > 0
    assert seen["perSecond"] > 0
    assert seen["made"] in seen["tokens"]
    assert (seen["expired"], seen["sessions"], seen["ended"]) == (401, [True], 400)
    assert [entry.status for entry in mock.journal.entries(path="/auth/token/refresh")] == [200, 400]
    assert [entry.status for entry in mock.journal.entries(path="/auth/sessions/current")] == [204]


# ---- PyPI ksef-client


def ksef_client(mock: MockServer, folder: Path, *how: str | Path) -> None:
    arguments = (PYTHON / "run_ksef_client.py", mock.url, NIP, *how)
    seen = last_line(client(python_client("ksef-client"), *arguments, folder=folder))
    lived_a_session(seen, mock)
    assert seen["collective"] > 0, "a required member since API 2.7"
    assert seen["maxCertificates"] > 0
    assert seen["status"] in ("Pending", "Active")
    assert seen["granted"] == 200
    assert seen["permissions"] == ["InvoiceRead"]


@pytest.mark.parametrize("token_key", KINDS)
def test_pypi_ksef_client_with_a_token(tmp_path: Path, token_key: TokenKey) -> None:
    with MockServer(token_key=token_key) as mock:
        ksef_client(mock, tmp_path, "token", mock.issue_token(NIP), token_key)


@pytest.mark.parametrize("key", KINDS)
def test_pypi_ksef_client_with_a_certificate(
    ksef_mock: MockServer, tmp_path: Path, pem_files: PemFiles, key: KeyKind
) -> None:
    ksef_client(ksef_mock, tmp_path, "certificate", *pem_files(ksef_mock.pki.self_signed(OWNER, key=key)))


# ---- PyPI ksef2, whose source distribution carries the tests that its authors run against TEST

#: It sees 401 as `application/json`; the OpenAPI document says problem+json, and so does the mock.
DISPUTED = "test_a_missing_token_401_is_read_as_problem_details"
BATCH = "test_open_batch_session"
#: Makes PDFs of files with a library that is not needed here, and asks KSeF nothing.
PDF = "test_example_batch_export_to_pdf"


def sources_of_ksef2() -> Path:
    """The folder of its source distribution."""
    python, pins = python_client("ksef2"), (PYTHON / "ksef2.txt").read_text().split()
    [pin] = (line for line in pins if line.startswith("ksef2=="))

    def unpack(folder: Path) -> None:
        folder.mkdir()
        fetch = ("-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder)
        run("the tests of ksef2", python, *fetch, pin)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")

    return next(kept("ksef2-tests", pin.encode(), unpack).glob("ksef2-*/"))


def ksef2_passes_its_own_tests(python: Path, plugin: str, **environment: str) -> str:
    """All of its integration tests pass, with a plugin that leads it to a mock; what they have said."""
    with MockServer() as mock:
        without = [DISPUTED, PDF] if mock.coverage()["POST /sessions/batch"] else [DISPUTED, PDF, BATCH]
    output = client(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin),
        *("-m", "integration", "-k", " and ".join(f"not {name}" for name in without)),
        "tests/integration",
        folder=sources_of_ksef2(),
        KSEF_TEST_SUBJECT_NIP=NIP,
        KSEF_TEST_PERSON_NIP="1234563218",
        KSEF_TEST_PERSON_PESEL="90010112349",
        **environment,
    )
    assert re.search(r"\b\d\d+ passed", output), output
    assert "skipped" not in output, output
    return output


def test_pypi_ksef2_passes_its_own_tests() -> None:
    with serving() as served:
        environment = {"PYTHONPATH": str(PYTHON), "KSEF_URL": served.url}
        ksef2_passes_its_own_tests(python_client("ksef2"), "led_to_the_mock", **environment)


# ---- both, told nothing but an environment: `MockServer.capture_hosts` in their own process

IN_PROCESS = {"PYTHONPATH": os.pathsep.join((str(HERE.parents[1]), str(PYTHON)))}


def test_pypi_ksef2_passes_its_own_tests_at_the_address_that_it_knows() -> None:
    output = ksef2_passes_its_own_tests(python_client("captured"), "captured_by_a_mock", **IN_PROCESS)
    asked = re.search(r"the mock was asked (\d+) times", output)
    assert asked is not None, output
    assert int(asked[1]) > 100


def test_python_clients_that_were_made_before_and_after_log_in_at_the_address_they_know(
    tmp_path: Path,
) -> None:
    command = (python_client("captured"), PYTHON / "run_captured.py", NIP)
    seen = last_line(client(*command, folder=tmp_path, **IN_PROCESS))
    assert seen["ksef-client"] > 0
    assert seen["ksef2"] > 0
    assert seen["lighthouse"].endswith("AVAILABLE")
    assert seen["redeemed"] == [200, 200]


# ---- PyPI pyksef, a command that logs in with the certificate in a file and does no more


@pytest.mark.parametrize("key", KINDS)
def test_pypi_pyksef_with_a_certificate(
    ksef_mock: MockServer, tmp_path: Path, pem_files: PemFiles, key: KeyKind
) -> None:
    # It takes the method from the certificate's signature, so that the issuer's key must be of the same kind.
    certificate, private = pem_files(ksef_mock.pki.self_signed(seal("Firma sp. z o.o.", nip=NIP), key=key))
    options: dict[str, str | Path] = {
        "--cert-file": certificate,
        "--key-file": private,
        "--api-base-url": f"{ksef_mock.url}/v2",
        "--context-id": NIP,
    }
    arguments = [part for option in options.items() for part in option]
    command = (python_client("pyksef"), "-m", "pyksef.cli.ksef_auth_file")
    output = client(*command, *arguments, folder=tmp_path, given="\n")
    final = json.loads(output[output.index("{") :])["ksefPollAuthFinalizedResult"]
    assert final["authState"]["status"]["code"] == 200
    assert final["redeemResult"]["accessToken"]["token"]


# ---- PyPI ksef2.0_python


def ksef2_0_python(mock: MockServer, folder: Path, *how: str | Path) -> dict[str, Any]:
    arguments = (PYTHON / "run_ksef2_0_python.py", mock.url, NIP, *how)
    seen = last_line(client(python_client("ksef2.0_python"), *arguments, folder=folder))
    [ended] = mock.journal.entries(path="/auth/sessions/*")
    assert (ended.method, ended.status) == ("DELETE", 204)
    return seen


def test_pypi_ksef2_0_python_with_a_token(ksef_mock: MockServer, tmp_path: Path) -> None:
    token = ksef_mock.issue_token(NIP)
    assert ksef2_0_python(ksef_mock, tmp_path, "token", token) == {"tokens": [token.partition("|")[0]]}


@pytest.mark.parametrize("key", KINDS)
def test_pypi_ksef2_0_python_with_a_certificate(
    ksef_mock: MockServer, tmp_path: Path, pem_files: PemFiles, key: KeyKind
) -> None:
    files = pem_files(ksef_mock.pki.self_signed(OWNER, key=key))
    assert ksef2_0_python(ksef_mock, tmp_path, "certificate", *files) == {"tokens": []}


# ---- npm ksef-client


def npm_ksef_client(mock: MockServer, folder: Path, *how: str | Path) -> None:
    project = HERE / "node-ksef-client"
    command = (program("npm ksef-client", "node"), project / "life.mjs", install(project))
    lived_a_session(last_line(client(*command, mock.url, NIP, *how, folder=folder)), mock)


@pytest.mark.parametrize("token_key", KINDS)
def test_npm_ksef_client_with_a_token(tmp_path: Path, token_key: TokenKey) -> None:
    with MockServer(token_key=token_key) as mock:
        npm_ksef_client(mock, tmp_path, "token", mock.issue_token(NIP), token_key)


@pytest.mark.parametrize("key", KINDS)
def test_npm_ksef_client_with_a_certificate(
    ksef_mock: MockServer, tmp_path: Path, pem_files: PemFiles, key: KeyKind
) -> None:
    files = pem_files(ksef_mock.pki.self_signed(OWNER, key=key))
    npm_ksef_client(ksef_mock, tmp_path, "certificate", *files)


# ---- Rust: the crate ksef, which knows KSeF's own addresses only


def rust_client() -> Path:
    """The program of `rust/`, built with the crates of its Cargo.lock."""
    source = HERE / "rust"
    cargo = program("the crate ksef", "cargo")
    program("the crate ksef", "cc")
    version = run("the crate ksef", cargo, "--version").split()[1]
    if tuple(map(int, version.split(".")[:2])) < (1, 85):
        pytest.skip(f"the crate ksef is written in the edition of 2024, which cargo {version} does not know")
    pins = b"".join(path.read_bytes() for path in sorted(source.rglob("*")) if path.is_file())

    def build(folder: Path) -> None:
        build = ("build", "--quiet", "--locked", "--target-dir", folder)
        run("the crate ksef", cargo, *build, "--manifest-path", source / "Cargo.toml")

    return kept("ksef-rust", pins, build) / "debug" / "ksef-rust-client"


def test_rust_ksef_with_a_token(tmp_path: Path) -> None:
    binary = rust_client()
    with MockServer(tls=True) as mock, tunnel(urlsplit(mock.url).port or 0) as proxy:
        led = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(mock.ca_file)}
        token = mock.issue_token(NIP)
        output = client(binary, NIP, token, folder=tmp_path, **led)
        assert output.splitlines() == ["refreshed true", "sessions 1", "same true", "refused true"]
        assert [entry.status for entry in mock.journal.entries(path="/auth/token/refresh")] == [200, 403]
