"""The examples for CI systems: what can run without them runs against a mock, and they name what there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
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
#: Where the commands of this project are.
BIN = Path(sys.executable).parent


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


def as_written(lines: list[str]) -> str:
    """The commands of a recipe: but for the installation, and with a login in the place of the tests."""
    assert any("pip install" in line for line in lines)
    assert any("make test" in line for line in lines)
    kept = [line for line in lines if "pip install" not in line]
    return "\n".join(kept).replace("make test", "ksef auth login").replace("--detach", "--detach --port 0")


def test_gitlab_job_without_an_image_logs_in_and_stops(tmp_path: Path) -> None:
    job = load("gitlab-ci-package.yml")["test"]
    script = as_written(job["before_script"] + job["script"])
    # `after_script` is a shell of its own.
    after = "\n".join(job["after_script"]).replace("--failed", '--failed --url "$(cut -d= -f2 url)"')
    done = run(["bash", "-e", "-c", f"{script}\ngrep KSEF_URL ksef.env > url"], tmp_path)
    ended = run(["bash", "-e", "-c", after], tmp_path)
    assert (done.returncode, ended.returncode) == (0, 0), done.stderr + ended.stderr
    assert "stopped process" in ended.stdout


def test_azure_pipeline_logs_in_and_stops(tmp_path: Path) -> None:
    steps = [step["script"] for step in load("azure-pipelines.yml")["steps"] if "script" in step]
    install, *others = steps
    start, tests, stop = as_written([install, "\0".join(others)]).split("\0")
    assert "setvariable" in start
    done = run(["bash", "-e", "-c", start], tmp_path)
    assert done.returncode == 0, done.stderr
    variables = dict(re.findall(r"##vso\[task\.setvariable variable=(\w+)\](.+)", done.stdout))
    assert variables.keys() == {"KSEF_URL", "KSEF_NIP", "KSEF_TOKEN"}
    variables["KSEF_MOCK_URL"] = variables["KSEF_URL"]
    for script in (tests, stop):
        done = run(["bash", "-e", "-c", script], tmp_path, BIN, KSEF_HOME=str(tmp_path), **variables)
        assert done.returncode == 0, done.stderr
    assert "stopped process" in done.stdout


def test_action_installs_starts_and_tells_where(tmp_path: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    given = {f"inputs.{name}": each["default"] for name, each in action["inputs"].items()}
    given |= {"github.action_path": str(ROOT), "inputs.options": "--token-key ec --profile demo"}
    files = {name: tmp_path / name for name in ("GITHUB_PATH", "GITHUB_ENV", "GITHUB_OUTPUT")}
    environment = {name: str(path) for name, path in files.items()} | {"RUNNER_TEMP": str(tmp_path)}
    for path in files.values():
        path.touch()
    try:
        for step in action["runs"]["steps"]:
            assert step["shell"] == "bash"
            values = {name: given[value.strip("${} ")] for name, value in step["env"].items()}
            search = ":".join([*reversed(files["GITHUB_PATH"].read_text().split()), os.environ["PATH"]])
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            # What a step has put on the path comes first there.
            command = ["env", f"PATH={search}", *command]
            done = run(command, tmp_path, BIN, **environment, **values)
            assert done.returncode == 0, done.stdout + done.stderr
        outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        assert outputs.keys() == {"url", "nip", "token"} == action["outputs"].keys() - {"ca"}
        told = dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
        assert told == {f"KSEF_{name.upper()}": value for name, value in outputs.items()}
        assert httpx.get(f"{outputs['url']}/_mock/health").json()["profile"] == "demo"
        command = ["ksef", "auth", "login"]
        assert run(command, tmp_path, BIN, KSEF_HOME=str(tmp_path), **told).returncode == 0
    finally:
        run(["ksef-mock", "stop"], tmp_path)


def test_workflow_uses_what_the_action_has() -> None:
    (job,) = load("github-actions-package.yml")["jobs"].values()
    (step,) = (each for each in job["steps"] if "ksef-mock@" in each.get("uses", ""))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert step["uses"].endswith(f"@v{version}")
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert step["with"].keys() <= action["inputs"].keys()


def test_compose_file_says_how_it_ends_with_the_exit_code_of_the_application() -> None:
    first = (EXAMPLES / "compose.yaml").read_text().splitlines()[0]
    (service,) = re.findall(r"^# docker compose -f \S+ up --exit-code-from (\w+)$", first)
    assert service in load("compose.yaml")["services"]


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

    options = {p.name for p in serve.params} | {"url"}  # of the commands that ask a running mock
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
