"""The commands that drive a running mock, each against one."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from ksef_mock.cli import main
from ksef_mock.clock import to_datetime
from ksef_mock.crypto.pki import Credential
from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome
from tests.support import NIP, OTHER_NIP, Api

Run = Callable[..., Result]


@pytest.fixture
def run(ksef_mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KSEF_MOCK_URL", ksef_mock.url)
    monkeypatch.delenv("KSEF_MOCK_CONTROL_TOKEN", raising=False)

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, result.output
        return result

    return run


# -- clock ------------------------------------------------------------------------------------------------


def test_clock(ksef_mock: MockServer, run: Run) -> None:
    assert "ahead" not in run("clock", "show").stdout
    assert "(0:15:00 ahead of real time)" in run("clock", "advance", "900").stdout
    assert "(0:00:10 behind real time)" in run("clock", "advance", "-910").stdout
    assert run("clock", "freeze").stdout.rstrip().endswith("(frozen, 0:00:10 behind real time)")
    run("clock", "set", "2026-03-01T00:00:00Z")
    assert to_datetime(ksef_mock.clock.now()).isoformat() == "2026-03-01T00:00:00+00:00"
    assert json.loads(run("clock", "show", "--json").stdout)["frozen"] is True
    assert "frozen" not in run("clock", "resume").stdout


def test_lengths_of_time_have_units_and_moments_may_be_dates(ksef_mock: MockServer, run: Run) -> None:
    def now() -> str:
        return to_datetime(ksef_mock.clock.now()).isoformat()

    run("clock", "freeze")
    run("clock", "set", "2026-03-01")
    assert now() == "2026-03-01T00:00:00+00:00"
    run("clock", "set", "2026-03-01T10:00+01:00")
    assert now() == "2026-03-01T09:00:00+00:00"
    for length, hour in (("15m", "09:15"), ("1.5h", "10:45"), ("-1h", "09:45"), ("60s", "09:46")):
        run("clock", "advance", length)
        assert now() == f"2026-03-01T{hour}:00+00:00"
    run("lighthouse", "maintenance", "--in", "2h", "--for", "1d")
    (notice,) = json.loads(run("lighthouse", "show", "--json").stdout)["messages"]
    assert (notice["start"], notice["end"]) == ("2026-03-01T11:46:00+00:00", "2026-03-02T11:46:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["clock", "advance", "soon"], 2, "'soon' is neither a number of seconds nor such as 15m, 2h, 8d"),
        (["clock", "advance", "nan"], 2, "'nan' is neither a number of seconds nor such as 15m, 2h, 8d"),
        (["clock", "advance", "h"], 2, "'h' is neither a number of seconds nor such as 15m, 2h, 8d"),
        (["clock", "advance", "1e12"], 1, "seconds: expected what leads to a year from 1970"),
        (["clock", "set", "yesterday"], 2, "'yesterday' is no ISO 8601 time, such as 2026-01-31T12:00:00Z"),
        (["faults", "add", "--status", "503", "--times", "0"], 1, "times: expected a number from 1 to"),
        (["faults", "add", "--status", "0"], 1, "status: expected a final HTTP status"),
        (["lighthouse", "maintenance"], 1, "end: missing, a maintenance has one"),
        (["processing", "stop", "--for", "long"], 2, "'long' is neither a number of seconds nor"),
    ],
)
def test_what_is_not_understood_is_said(run: Run, arguments: list[str], code: int, said: str) -> None:
    assert said in run(*arguments, code=code).output


# -- keys -------------------------------------------------------------------------------------------------


def test_keys(ksef_mock: MockServer, run: Run) -> None:
    (old,) = [key.public_key_id for key in ksef_mock.keys.current() if key.usage == "KsefTokenEncryption"]
    listed = run("keys", "list").stdout.splitlines()
    assert listed[0].split() == ["publicKeyId", "usage", "algorithm", "validFrom", "validTo"]
    assert old in listed[1]
    rotated = run("keys", "rotate").stdout.splitlines()
    assert rotated[1].endswith("new")
    assert old in rotated[2]
    run("keys", "recertify")
    assert old not in run("keys", "withdraw", old).stdout
    assert f'got "{old}"' in run("keys", "withdraw", old, code=1).output
    assert old not in run("keys", "rotate", "--emergency", "--usage", "symmetric").stdout
    body = json.loads(run("keys", "algorithm", "both", "--json").stdout)
    assert {key["algorithm"] for key in body["keys"]} == {"RSA-2048", "P-256"}


# -- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "effect"),
    [
        (["--status", "503", "--retry-after", "3"], "status 503"),
        (["--status", "400", "--code", "21111"], "status 400, 21111"),
        (["--status", "403", "--code", "ip-not-allowed"], "status 403, ip-not-allowed"),
        (["--delay", "1.5"], "delayed by 1.5 s"),
        (["--cut"], "connection cut"),
        (["--rate-limit", "30"], "429, Retry-After 30 s"),
        (["--outcome", "450", "--detail", "Token nieaktywny"], "the login ends in 450, Token nieaktywny"),
        (["--hold-polls", "3"], "the login stays at 100 for 3 polls and 0 s"),
        (["--hold-seconds", "30"], "the login stays at 100 for 0 polls and 30 s"),
        (["--ocsp-down"], "the issuer's OCSP does not answer"),
    ],
)
def test_every_effect_can_be_added(ksef_mock: MockServer, run: Run, options: list[str], effect: str) -> None:
    output = run("faults", "add", "--path", "/auth/*", "--method", "post", "--every", "2", *options).stdout
    assert effect in output
    (state,) = ksef_mock.faults.states()
    assert (state.fault.describe(), state.fault.path, state.fault.method) == (effect, "/auth/*", "POST")
    assert state.fault.every == 2


def test_faults_are_listed_and_removed(ksef_mock: MockServer, run: Run, api: Api) -> None:
    assert run("faults", "list").stdout == "No faults.\n"
    one = json.loads(run("faults", "add", "--status", "503", "--times", "1", "--json").stdout)
    run("faults", "add", "--cut", "--path", "/nowhere")
    api.http.post("/auth/challenge")
    first, second = run("faults", "list").stdout.splitlines()[1:]
    assert "1 times, spent" in first
    assert "any /nowhere" in second
    assert len(json.loads(run("faults", "list", "--json").stdout)["faults"]) == 2
    run("faults", "remove", one["id"])
    assert f"there is no fault {one['id']}" in run("faults", "remove", one["id"], code=1).output
    run("faults", "remove", "../x", code=2)
    run("faults", "clear")
    assert ksef_mock.faults.states() == []


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 1, "exactly one effect is needed"),
        (["--status", "503", "--cut"], 1, "given: status, cut"),
        (["--status", "x"], 2, "'x' is not a valid integer"),
        (["--cut", "--detail", "x"], 2, "--detail goes with --outcome"),
        (["--hold-polls", "0"], 1, "hold: polls or seconds above 0"),
    ],
)
def test_faults_that_make_no_sense(run: Run, options: list[str], code: int, said: str) -> None:
    assert said in run("faults", "add", *options, code=code).output


# -- journal ----------------------------------------------------------------------------------------------


def test_journal(run: Run, api: Api, ksef_token: str) -> None:
    api.login(ksef_token)
    api.submit(api.token_request(ksef_token, nip=OTHER_NIP))
    api.limits(None)
    whole = run("journal").stdout
    assert "200  POST /v2/auth/challenge" in whole
    failed = run("journal", "--failed").stdout
    assert "POST /v2/auth/challenge" not in failed
    assert "failed:  token: the token is of Nip:5265877635, the login of Nip:1234567890" in failed
    assert "refused: no Authorization: Bearer header" in failed
    assert ksef_token.rpartition("|")[2] not in whole
    entries = json.loads(run("journal", "--json", "--path", "/auth/*", "-n", "2").stdout)["entries"]
    assert [entry["path"] for entry in entries] == ["/v2/auth/challenge", "/v2/auth/ksef-token"]
    assert "status" in run("journal", "--status", "teapot", code=1).output


def test_what_clients_send_is_shown_and_not_obeyed(run: Run, api: Api) -> None:
    api.http.get("/%1b%5b31mred%0aFAKE")
    said = run("journal").stdout
    assert "GET /v2/\\x1b[31mred\\nFAKE" in said
    assert "\x1b" not in said


def test_journal_follows(ksef_mock: MockServer, api: Api) -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "journal", "--follow", "--json", "--after", "0"]
    api.challenge()
    with subprocess.Popen([*command, "--url", ksef_mock.url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["path"] == "/v2/auth/challenge"
        api.limits(None)
        assert json.loads(process.stdout.readline())["path"] == "/v2/limits/context"
        process.terminate()


def test_journal_ends_with_the_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    mock = MockServer().start()
    httpx.post(f"{mock.url}/v2/auth/challenge")
    monkeypatch.setenv("KSEF_MOCK_URL", mock.url)
    threading.Timer(0.5, mock.stop).start()
    result = CliRunner().invoke(main, ["journal", "-f", "--after", "0"])
    assert result.exit_code == 0
    assert "POST /v2/auth/challenge" in result.output


# -- tokens and certificates ------------------------------------------------------------------------------


def test_token(run: Run, api: Api) -> None:
    text = run("token", "issue", "--nip", OTHER_NIP, "--permission", "InvoiceRead").stdout.strip()
    assert api.login(text, nip=OTHER_NIP)
    body = json.loads(run("token", "issue", "--nip", NIP, "--text", "A" * 20, "--json").stdout)
    assert body["token"] == "A" * 20
    assert "nip: expected a NIP: ten digits" in run("token", "issue", "--nip", "123", code=1).output
    assert "Everything" in run("token", "issue", "--nip", NIP, "--permission", "Everything", code=1).output


def test_certificate(ksef_mock: MockServer, run: Run, api: Api, tmp_path: Path) -> None:
    out = tmp_path / "new" / "jan"
    said = run(
        "certificate", "issue", "--nip", NIP, "--key", "ec", "--out", str(out), "--pkcs12-password", "secret"
    ).stdout
    assert "CN=Jan Kowalski" in said
    files = {path.name for path in out.parent.iterdir()}
    assert files == {"jan.pem", "jan.key", "jan-chain.pem", "jan.p12"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in out.parent.iterdir())
    again = run("certificate", "issue", "--nip", NIP, "--out", str(out), code=2)
    assert "jan.pem exists" in again.output
    certificate = x509.load_pem_x509_certificate((tmp_path / "new/jan.pem").read_bytes())
    key = load_pem_private_key((tmp_path / "new/jan.key").read_bytes(), None)
    packed = pkcs12.load_pkcs12((tmp_path / "new/jan.p12").read_bytes(), b"secret")
    assert packed.cert is not None
    assert packed.cert.certificate == certificate
    credential = Credential(certificate, key)  # type: ignore[arg-type]
    assert outcome(ksef_mock, api, credential)["code"] == 200

    pem = str(tmp_path / "new/jan.pem")
    assert run("certificate", "suspend", pem).stdout.endswith(" is suspended\n")
    assert outcome(ksef_mock, api, credential)["details"] == ["Certyfikat zawieszony"]
    assert run("certificate", "reinstate", credential.fingerprint).stdout.endswith(" is good\n")
    assert outcome(ksef_mock, api, credential)["code"] == 200
    serial = f"{certificate.serial_number:X}"
    assert run("certificate", "revoke", serial).stdout.endswith(" is revoked\n")
    assert outcome(ksef_mock, api, credential)["details"] == ["Certyfikat odwołany"]
    assert "is not suspended" in run("certificate", "reinstate", pem, code=1).output
    assert "serialNumber: expected" in run("certificate", "revoke", "123", code=1).output


def test_certificate_as_json_writes_no_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    body = json.loads(run("certificate", "issue", "--kind", "self-signed", "--json").stdout)
    assert body["chainPem"] == ""
    assert list(tmp_path.iterdir()) == []


# -- the whole --------------------------------------------------------------------------------------------


def test_status_coverage_reset_warn(ksef_mock: MockServer, run: Run, api: Api) -> None:
    assert run("status").stdout.startswith(f"ksef-mock 0.1.0 at {ksef_mock.url}, profile test\n")
    assert json.loads(run("status", "--json").stdout)["status"] == "ok"
    assert "POST /auth/challenge " in run("coverage").stdout
    assert "POST /auth/challenge " not in run("coverage", "--missing").stdout
    assert json.loads(run("coverage", "--json").stdout)["total"] == len(OPERATIONS)
    run("warn", "[1]: Przerwa techniczna")
    assert api.http.post("/auth/challenge").headers["x-system-warning"] == "[1]: Przerwa techniczna"
    run("warn", "--clear")
    assert "x-system-warning" not in api.http.post("/auth/challenge").headers
    run("warn", code=2)
    run("warn", "[1]: x", "--clear", code=2)
    run("clock", "freeze")
    run("reset")
    assert ksef_mock.clock.state.frozen is None


# -- who cannot be reached, who must not ------------------------------------------------------------------


def test_no_mock_is_running(run: Run, port: int) -> None:
    result = run("status", "--url", f"http://127.0.0.1:{port}", code=3)
    assert result.stderr.startswith(f"Error: no mock is running at http://127.0.0.1:{port}: start one with")


def test_something_else_is_running(run: Run) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        for reply in (
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            b"\x00\x01\r\n",
        ):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert url in run("status", "--url", url, code=3).stderr
    assert (
        f"{url} answers with HTTP status 404; is this a ksef-mock?"
        in run("status", "--url", url, code=3).stderr
    )
    assert f"{url} answers with something else than JSON" in run("status", "--url", url, code=3).stderr
    assert "\\x00" in run("status", "--url", url, code=3).stderr
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    "url", ["localhost", "ftp://localhost", "http://", "http://localhost:x", "http://[::1"]
)
def test_urls_that_are_none(run: Run, url: str) -> None:
    assert "--url" in run("status", "--url", url, code=2).stderr


def test_control_token() -> None:
    with MockServer(Settings(control_token="secret")) as mock:
        command = ["clock", "show", "--url", mock.url]

        def said(*options: str, code: int) -> str:
            result = CliRunner().invoke(main, [*command, *options], env={"KSEF_MOCK_CONTROL_TOKEN": None})
            assert result.exit_code == code
            return result.output

        assert "wants a control token" in said(code=1)
        assert "the control token is wrong" in said("--control-token", "guess", code=1)
        assert said("--control-token", "secret", code=0)
        result = CliRunner().invoke(main, command, env={"KSEF_MOCK_CONTROL_TOKEN": "secret"})
        assert result.exit_code == 0


def test_commands_need_nothing_beyond_the_server() -> None:
    code = (
        "import sys\n"
        "for name in ('httpx', 'rich', 'jinja2', 'yaml', 'redis', 'pytest'): sys.modules[name] = None\n"
        "from ksef_mock.cli import main\n"
        "main(['status', '--url', 'http://127.0.0.1:1'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "no mock is running" in done.stderr


# -- tenant -----------------------------------------------------------------------------------------------


def test_tenants(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with MockServer(token_key="ec") as mock:
        monkeypatch.setenv("KSEF_MOCK_URL", mock.url)
        assert run("tenant", "list").stdout == "No tenants; there is room for 100.\n"
        seed = tmp_path / "seed.json"
        seed.write_text(json.dumps({"tokens": [{"nip": OTHER_NIP, "token": "seeded"}]}))
        options = ("--profile", "prod", "--delay-polls", "1", "--rate-limits", "test", "--seed", str(seed))
        said = run("tenant", "add", "orders", "--nip", OTHER_NIP, "--token", "of-mine", *options).stdout
        assert said.splitlines() == [
            "Tenant: orders",
            f"URL:    {mock.url}/t/orders",
            f"NIP:    {OTHER_NIP}",
            "Token:  of-mine",
            "Header: X-KSeF-Mock-Tenant: orders",
        ]
        api = Api(f"{mock.url}/t/orders")
        assert api.status(api.submit(api.token_request("seeded", nip=OTHER_NIP)))["code"] == 100
        api.close()
        made = json.loads(run("tenant", "add", "--idle-seconds", "60", "--json").stdout)
        assert (made["idleSeconds"], made["profile"]) == (60.0, "test")
        rows = run("tenant", "list").stdout.splitlines()
        assert [row.split()[:3] for row in rows[1:]] == [
            ["orders", "prod", OTHER_NIP],
            [made["name"], "test", NIP],
        ]
        assert "already" in run("tenant", "add", "orders", code=1).stderr
        run("tenant", "remove", "orders")
        assert "no tenant 'orders'" in run("tenant", "remove", "orders", code=1).stderr
        assert "no tenant 'a/b'" in run("tenant", "remove", "a/b", code=1).stderr
        assert [each["name"] for each in json.loads(run("tenant", "list", "--json").stdout)["tenants"]] == [
            made["name"]
        ]
        # every other command steers a tenant by its address
        monkeypatch.setenv("KSEF_MOCK_URL", made["url"])
        run("clock", "advance", "900")
        assert "ahead" in run("clock", "show").stdout
        monkeypatch.setenv("KSEF_MOCK_URL", mock.url)
        assert "ahead" not in run("clock", "show").stdout
        seed.write_text("{")
        assert "--seed" in run("tenant", "add", "--seed", str(seed), code=2).stderr
