"""The examples for CI systems: what can run without them runs against a mock, and they name what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ksef_mock.serving.tls import GATEWAYS
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.docs.snippets import DOCUMENTS, ROOT
from tests.docs.test_snippets import run

EXAMPLES = ROOT / "examples"
FILES = sorted([*EXAMPLES.glob("*.yml"), *EXAMPLES.glob("*.yaml")])
NIP = "5265877635"


def load(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text())


@pytest.fixture
def guarded() -> Any:
    with MockServer(Settings(control_token="secret")) as mock:
        yield mock


def logs_in(mock: MockServer, token: str, folder: Path) -> bool:
    command = ["ksef", "auth", "login", "--env", mock.url, "--nip", NIP, "--token", token]
    return run(command, folder, KSEF_HOME=str(folder)).returncode == 0


def test_script_of_the_github_workflow_gets_a_token(guarded: MockServer, tmp_path: Path) -> None:
    (job,) = load("github-actions.yml")["jobs"].values()
    (step,) = (each for each in job["steps"] if "token" in each.get("name", "").lower())
    command = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
    done = run(command, tmp_path, KSEF_BASE_URL=guarded.url, GITHUB_ENV=str(tmp_path / "env"))
    assert done.returncode == 0, done.stderr
    name, _, token = (tmp_path / "env").read_text().strip().partition("=")
    assert name == "KSEF_TOKEN"
    assert logs_in(guarded, token, tmp_path)


def test_script_of_the_gitlab_job_gets_a_token(guarded: MockServer, tmp_path: Path) -> None:
    first, *_ = load("gitlab-ci.yml")["test"]["script"]
    script = f'{first}\nprintf %s "$KSEF_TOKEN"'
    done = run(["bash", "-e", "-c", script], tmp_path, KSEF_BASE_URL=guarded.url)
    assert done.returncode == 0, done.stderr
    assert logs_in(guarded, done.stdout, tmp_path)


def test_application_of_the_compose_file_reaches_ksef_by_its_own_name(tmp_path: Path) -> None:
    services = load("compose.yaml")["services"]
    (alias,) = services["ksef"]["networks"]["default"]["aliases"]
    assert alias in GATEWAYS
    with MockServer(tls=True) as mock:
        # In the place of the network, the mock's address for its name; the certificate must bear that name.
        resolve = f"ask('127.0.0.1', {httpx.URL(mock.url).port}, type=socket.SOCK_STREAM)"
        leading = f"import socket; ask = socket.getaddrinfo; socket.getaddrinfo = lambda *a, **o: {resolve}; "
        program, option, code = services["application"]["command"]
        done = run([program, option, leading + code], tmp_path, SSL_CERT_FILE=str(mock.ca_file))
        assert done.returncode == 0, done.stderr
        assert mock.journal.last("/auth/challenge").status == 200


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_environment_variables_are_options_of_the_server(path: Path) -> None:
    from ksef_mock.commands.serve import serve

    options = {p.name for p in serve.params}
    for name in re.findall(r"KSEF_MOCK_([A-Z_]+)", path.read_text()):
        assert name.lower() in options, name


def test_compose_file_is_one_to_docker_compose() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    command = [docker, "compose", "-f", str(EXAMPLES / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.exists()], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"\w+:", target):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
