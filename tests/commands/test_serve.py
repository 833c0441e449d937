"""`ksef-mock serve` as a process of its own."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import pytest

from ksef_mock.serving.tls import TlsAuthority
from tests.support import NIP, OTHER_NIP, Api


@dataclass(frozen=True)
class Served:
    """A running mock and what it printed."""

    process: subprocess.Popen[str]
    url: str
    nip: str
    token: str


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, scheme: str = "http") -> Served:
        process = subprocess.Popen(
            [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(3)]
        ready = re.fullmatch(rf"ksef-mock ready on ({scheme}://\S+:\d+)", lines[0])
        nip = re.fullmatch(r"NIP:   (\d{10})", lines[1])
        token = re.fullmatch(r"Token: (\S+)", lines[2])
        assert ready, lines
        assert nip, lines
        assert token, lines
        return Served(process, ready[1], nip[1], token[1])

    yield start
    for process in running:
        process.kill()
        process.communicate()


def failure(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_it_prints_logs_in(serve: Serve) -> None:
    served = serve()
    api = Api(served.url)
    assert api.limits(api.login(served.token, nip=served.nip).access_token).status_code == 200
    api.close()
    assert served.nip == NIP
    assert served.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_at_once_and_cleanly(serve: Serve, number: signal.Signals) -> None:
    served = serve()
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))), httpx.Client(base_url=served.url) as http:
        http.get("/_mock/health")  # a keep-alive connection, besides the idle one
        served.process.send_signal(number)
        # Nobody closes the idle connection: if that were waited for, it would be for ever.
        _, stderr = served.process.communicate(timeout=60)
    assert (served.process.returncode, stderr) == (0, "")


def test_options_reach_the_mock(serve: Serve) -> None:
    served = serve("--token-key", "ec", "--profile", "prod", "--nip", OTHER_NIP, "--delay-polls", "1")
    api = Api(served.url)
    assert served.nip == OTHER_NIP
    request = api.token_request(served.token, nip=OTHER_NIP)
    submitted = api.submit(request)
    claims = jwt.decode(submitted.json()["authenticationToken"]["token"], options={"verify_signature": False})
    assert claims["iss"] == "ksef-api-pr"
    assert [api.status(submitted)["code"] for _ in range(2)] == [100, 200]
    decrypted = httpx.get(f"{served.url}/_mock/journal", params={"path": "/auth/ksef-token"}).json()
    assert decrypted["entries"][0]["facts"]["decrypted"]["scheme"].startswith("EC, Java layout")
    api.close()


def test_control_token(serve: Serve) -> None:
    served = serve("--control-token", "secret")
    url = f"{served.url}/_mock/journal"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"X-Mock-Control-Token": "secret"}).status_code == 200


def test_tls_by_the_ca_that_the_command_prints(serve: Serve, tmp_path: Path) -> None:
    folder = str(tmp_path / "tls")
    served = serve("--tls", "--tls-ca-dir", folder, "--tls-host", "ksef.test", scheme="https")
    printed = subprocess.run(
        [sys.executable, "-m", "ksef_mock.cli", "ca", "--tls-ca-dir", folder],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    context = ssl.create_default_context(cadata=printed)
    assert httpx.get(f"{served.url}/_mock/health", verify=context).status_code == 200

    again = serve("--tls", "--tls-ca-dir", folder, scheme="https")
    assert httpx.get(f"{again.url}/_mock/health", verify=context).status_code == 200


def test_tls_with_a_certificate_of_ones_own(serve: Serve, tmp_path: Path) -> None:
    authority = TlsAuthority.create()
    issued = authority.issue()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)
    served = serve("--tls-cert", str(certificate), "--tls-key", str(key), scheme="https")
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    assert httpx.get(f"{served.url}/_mock/health", verify=context).status_code == 200


def test_options_can_come_from_the_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSEF_MOCK_NIP", OTHER_NIP)
    monkeypatch.setenv("KSEF_MOCK_CONTROL_TOKEN", "secret")
    served = serve()
    assert served.nip == OTHER_NIP
    assert httpx.get(f"{served.url}/_mock/journal").status_code == 401


def test_port_in_use_is_one_readable_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = failure("--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    hint = "take another by --port, 0 for a free one"
    assert done.stderr == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; {hint}\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--nip", "123"],
        ["--profile", "moon"],
        ["--token-key", "dsa"],
        ["--port", "70000"],
        ["--delay-polls", "-1"],
        ["--trust", __file__],
        ["--schemas", __file__],
        ["--schemas", str(Path(__file__).parent)],
        ["--trusted-proxy", "somewhere"],
        ["--defect", "no-such-defect"],
        ["--tls", "--tls-host", "example.com"],
        ["--tls-cert", __file__, "--tls-key", __file__],
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str]) -> None:
    done = failure(*options, "--port", "0") if "--port" not in options else failure(*options)
    assert done.returncode == 2
    assert "Error: Invalid value" in done.stderr
    assert "Traceback" not in done.stderr


def test_certificate_without_its_key_is_refused() -> None:
    done = failure("--tls-cert", __file__, "--port", "0")
    assert done.returncode == 2
    assert "--tls-cert and --tls-key need each other" in done.stderr


def test_broken_ca_is_one_readable_line(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("nonsense")
    (tmp_path / "authority.pem").chmod(0o600)
    for command in (["serve", "--tls", "--port", "0"], ["ca"]):
        done = subprocess.run(
            [sys.executable, "-m", "ksef_mock.cli", *command, "--tls-ca-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(
            f"Error: {tmp_path / 'authority.pem'} holds no certificate with its key"
        )
        assert done.stderr.count("\n") == 1


def test_version_and_help() -> None:
    command = [sys.executable, "-m", "ksef_mock.cli"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert re.match(r"ksef-mock, version \d+\.\d+\.\d+", version.stdout)
    help_text = subprocess.run([*command, "-h"], capture_output=True, text=True, check=True).stdout
    assert {"serve", "verify", "certs"} <= set(help_text.split())


def test_the_printed_token_works_again_after_a_reset(serve: Serve) -> None:
    served = serve()
    api = Api(served.url)
    other = httpx.post(f"{served.url}/_mock/tokens", json={"nip": OTHER_NIP}).json()["token"]
    before = api.login(served.token, nip=served.nip)
    assert httpx.post(f"{served.url}/_mock/reset").status_code == 204
    assert api.limits(before.access_token).status_code == 401
    after = api.login(served.token, nip=served.nip)
    listed = api.call("GET", "/tokens", bearer=after.access_token).json()
    assert served.token.startswith(listed["tokens"][0]["referenceNumber"])
    assert api.status(api.submit(api.token_request(other, nip=OTHER_NIP)))["code"] == 450
    journal = httpx.get(f"{served.url}/_mock/journal", params={"path": "/auth/ksef-token"}).json()
    assert "not since the reset: its number is of 2" in str(journal["entries"][-1]["decisions"])
    api.close()


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_token_of_ones_own_is_the_same_at_each_start(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    text = "my-token|of-the-configuration"
    if by == "environment":
        monkeypatch.setenv("KSEF_MOCK_TOKEN", text)
    served = serve(*(["--token", text] if by == "option" else []))
    assert served.token == text
    api = Api(served.url)
    api.login(text, nip=served.nip)
    api.close()


def test_the_nip_is_that_in_the_text_of_a_token_of_ones_own_unless_another_is_named(serve: Serve) -> None:
    text = f"20260301-EC-0123456789-ABCDEF0123-4F|nip-{OTHER_NIP}|{'0' * 64}"
    served = serve("--token", text)
    assert (served.nip, served.token) == (OTHER_NIP, text)
    assert serve("--token", text, "--nip", NIP).nip == NIP


def test_a_token_of_ones_own_outlives_restarts_on_a_store_that_has_it(serve: Serve, tmp_path: Path) -> None:
    options = ["--store", f"sqlite:{tmp_path / 'state.db'}", "--token", "mine"]
    first = serve(*options)
    first.process.terminate()
    first.process.wait(60)
    served = serve(*options)
    api = Api(served.url)
    api.login("mine", nip=served.nip)
    api.close()
    served.process.terminate()
    served.process.wait(60)
    done = failure(*options, "--nip", OTHER_NIP, "--port", "0")
    assert done.returncode == 2
    assert "has the text of one of Nip" in done.stderr


@pytest.mark.parametrize("text", ["", "two words", "a" * 177])
def test_a_text_that_no_client_could_send_is_no_token(text: str) -> None:
    done = failure("--token", text, "--port", "0")
    assert done.returncode == 2
    assert "Error: Invalid value for --token" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [("--control-token", "", "control token"), ("--store", "paper", "unknown store 'paper'")],
)
def test_what_the_settings_refuse_is_a_usage_error(option: str, value: str, says: str) -> None:
    done = failure(option, value, "--port", "0")
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
