"""`ksef-conformance client`: what it gives to the command, what it reports, how it ends."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import rsa

from contract_tests.clients import command
from contract_tests.clients.catalogue import situations
from contract_tests.clients.cli import client
from contract_tests.clients.command import given
from contract_tests.clients.stage import Stage
from ksef_mock.crypto.pki import KeyKind

CLIENT = str(Path(__file__).parent / "client.py")
ONE = ["--only", "CLIENT-LOGIN-001"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(client, arguments, env={"COLUMNS": "200"})


def python(code: str) -> list[str]:
    return ["--", sys.executable, "-c", code]


def test_the_catalogue_is_printed() -> None:
    done = run("--list")
    assert done.exit_code == 0
    assert all(each.id in done.output for each in situations())
    assert f"{len(situations())} situations" in done.output


def test_the_document_has_the_catalogue() -> None:
    document = Path(__file__).parents[3] / "docs" / "client-conformance.md"
    assert document.read_text().endswith(run("--list", "--markdown").output)


def test_ids_are_unique_and_texts_are_sentences() -> None:
    assert len({each.id for each in situations()}) == len(situations()) >= 20
    for each in situations():
        assert each.sentence[0].isupper(), each.id
        assert each.sentence.endswith("."), each.id
        assert each.right[0].islower(), each.id
        assert not each.right.endswith("."), each.id


@pytest.mark.parametrize(
    "arguments", [["--only", "NOTHING", "--list"], [], ["--method", "smoke", "--", "true"]]
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_command_that_cannot_be_started_is_no_failure_of_the_client() -> None:
    done = run(*ONE, "--", "/no/such/client")
    assert done.exit_code == 2
    assert "/no/such/client" in done.output


def test_a_client_that_a_shell_cannot_start_ends_the_run_at_once(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    done = run("--jobs", "1", "--", "sh", "-c", f"echo run >> {runs}; no-such-client")
    assert done.exit_code == 2
    assert "no-such-client" in done.output
    assert len(runs.read_text().split()) < len(situations()) / 2


def test_a_report_that_cannot_be_written_is_named_before_the_client_runs(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    done = run(*ONE, "--html", str(tmp_path / "no" / "such.html"), "--", "touch", str(ran))
    assert done.exit_code == 2
    assert "such.html cannot be written" in done.output
    assert not ran.exists()


def test_a_client_that_survives_ends_with_0_and_one_that_does_not_with_1() -> None:
    assert run(*ONE, "--", sys.executable, CLIENT).exit_code == 0
    done = run(*ONE, "--", sys.executable, CLIENT, "seconds")
    assert done.exit_code == 1
    assert "these are seconds, KSeF takes milliseconds" in done.output


def test_only_musts_count_unless_it_is_strict() -> None:
    arguments = ["--only", "CLIENT-STATUS-003", "--", sys.executable, CLIENT, "hammers"]
    assert run(*arguments).exit_code == 0
    assert run("--strict", *arguments).exit_code == 1


def test_what_was_not_exercised_counts_if_it_is_strict() -> None:
    arguments = [*ONE, "--only", "CLIENT-LOGIN-005", "--", sys.executable, CLIENT]
    assert run(*arguments).exit_code == 0
    assert run("--strict", *arguments).exit_code == 1


def test_the_command_gets_variables_and_placeholders(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    code = f"import json,os,sys; json.dump([dict(os.environ), sys.argv], open({str(out)!r}, 'w'))"
    line = ["{url}|{nip}|{token}|{method}", "{certificate}", "{key}", "{unknown} {} {Url}"]
    run(*ONE, *python(code), *line)
    environment, (_, first, certificate, key, other) = json.loads(out.read_text())
    assert first == "|".join(
        environment[name] for name in ("KSEF_URL", "KSEF_NIP", "KSEF_TOKEN", "KSEF_METHOD")
    )
    assert (certificate, key) == (environment["KSEF_CERTIFICATE"], environment["KSEF_KEY"])
    assert other == "{unknown} {} {Url}"
    assert environment["KSEF_API_URL"] == environment["KSEF_URL"] + "/v2"
    assert environment["KSEF_SITUATION"] == "CLIENT-LOGIN-001"
    assert environment["KSEF_TASK"] == "login"
    assert re.fullmatch(r"[0-9]{8}-EC-[0-9A-F-]{24}\|nip-5265877635\|[0-9a-f]{64}", environment["KSEF_TOKEN"])


def test_the_files_are_there_while_the_command_runs_and_only_its_user_may_read_the_keys(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    code = (
        "import os\nfrom cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12\n"
        "env = os.environ\n"
        "key = load_pem_private_key(open(env['KSEF_KEY'], 'rb').read(), None)\n"
        "p12 = open(env['KSEF_P12'], 'rb').read()\n"
        "same, _, _ = pkcs12.load_key_and_certificates(p12, env['KSEF_P12_PASSWORD'].encode())\n"
        "assert same.public_key() == key.public_key()\n"
        "modes = [oct(os.stat(env[name]).st_mode & 0o777) for name in ('KSEF_KEY', 'KSEF_P12')]\n"
        f"open({str(out)!r}, 'w').write(' '.join([*modes, env['KSEF_KEY']]))"
    )
    run(*ONE, *python(code))
    *modes, path = out.read_text().split()
    assert modes == ["0o600", "0o600"]
    assert not Path(path).exists()


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_of_a_key_file_only_what_is_private_is_a_secret(kind: KeyKind, tmp_path: Path) -> None:
    stage = Stage("certificate")
    stage.certificate_key = kind
    stage.open()
    try:
        secrets = given(stage, "CLIENT-LOGIN-001", tmp_path).secrets
    finally:
        stage.close()
    private = [secret.text for secret in secrets if secret.name == "the private key"]
    lines = (tmp_path / "key.pem").read_text().splitlines()[1:-1]
    assert private == (lines[:2] if kind == "ec" else lines[-len(private) :])
    numbers = stage.credential.key.private_numbers()
    secret = numbers.d if isinstance(numbers, rsa.RSAPrivateNumbers) else numbers.private_value
    der = base64.b64decode("".join(lines))
    begin = der.index(secret.to_bytes(32 if kind == "ec" else 256).lstrip(b"\0"))
    assert begin // 48 == lines.index(private[0])


def test_a_command_that_never_calls_is_told_so() -> None:
    done = run(*ONE, *python("print('I am no client'); raise SystemExit(3)"))
    assert done.exit_code == 1
    assert "it sent no request to the mock" in done.output
    assert "I am no client" in done.output


def test_a_client_of_which_nothing_is_known_is_no_success() -> None:
    done = run("--only", "sess-001", *python("raise SystemExit(1)"))
    assert "CLIENT-SESS-001" in done.output  # an id goes without its first part, too
    assert "came to none of the situations, so nothing is known of it" in done.output
    assert done.exit_code == 2


def test_a_command_that_hangs_is_stopped_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    await_end = command._await_end

    def begun(process: subprocess.Popen[bytes], deadline: float, stop: threading.Event) -> bool:
        await_text(pids)  # its time does not run out before that, however slow the machine is
        return await_end(process, deadline, stop)

    monkeypatch.setattr(command, "_await_end", begun)
    line = f"sleep 3600 & echo $! > {pids}; sleep 3600"
    done = run(*ONE, "--timeout", "0.5", "--", "sh", "-c", line)
    assert "was still running after 0.5 s" in done.output
    assert is_gone(int(pids.read_text()))


def test_what_a_command_leaves_behind_is_stopped_too(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    run(*ONE, "--", "sh", "-c", f"sleep 3600 & echo $! > {pids}")
    assert is_gone(int(pids.read_text()))


def test_output_without_end_is_bounded(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    run(*ONE, "--timeout", "1", "--json", str(out), "--", "sh", "-c", "yes")
    assert out.stat().st_size < 20_000


def test_the_reports_have_verdicts_and_evidence_and_no_secrets(tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in ("json", "junit", "html")}
    options = [part for form, file in files.items() for part in (f"--{form}", str(file))]
    seen = tmp_path / "seen"
    # The client shows the secrets, and keeps them for this test.
    line = f"{sys.executable} {CLIENT} prints-secrets prints-secrets-on-failure | tee -a {seen}; exit 4"
    code = f'cat "$KSEF_KEY" | tee -a {seen}; echo "$KSEF_P12_PASSWORD"; {line}'
    only = ["--only", "CLIENT-SECRET-00[12]", "--only", "CLIENT-LOGIN-005"]
    done = run(*only, *options, "--", "sh", "-c", code)
    assert done.exit_code == 1

    report = json.loads(files["json"].read_text())
    assert report["schema"] == "ksef-client-conformance-report/1.0"
    verdicts = {result["id"]: result["verdict"] for result in report["results"]}
    assert verdicts == {
        "CLIENT-LOGIN-005": "not exercised",
        "CLIENT-SECRET-001": "failed",
        "CLIENT-SECRET-002": "failed",
    }
    printed = next(result for result in report["results"] if result["id"] == "CLIENT-SECRET-001")
    assert printed["message"] == (
        "printed the password of the PKCS#12 file, the private key, the access token, the refresh token"
    )
    assert [entry["exchange"]["method"] for entry in printed["requests"]][:2] == ["POST", "GET"]
    assert printed["exit_code"] == 4

    suites = ElementTree.parse(files["junit"]).getroot()
    assert [suites.get(name) for name in ("tests", "failures", "skipped")] == ["3", "2", "1"]
    assert [case.get("name", "").split()[0] for case in suites.iter("testcase")] == sorted(verdicts)

    assert "CLIENT-SECRET-002" in files["html"].read_text()

    known = seen.read_text()
    tokens = re.findall(r"\|([0-9a-f]{64})", known)
    jwts = re.findall(r"eyJ[\w-]+\.[\w-]+\.([\w-]+)", known)
    keys = re.findall(r"^[\w+/=]{16,}$", known, re.MULTILINE)
    assert tokens
    assert len(jwts) == 2
    assert len(keys) == 2 * 3
    keys = [line for number, line in enumerate(keys) if number % 3 < 2]  # the third is the public key
    for text in (done.output, *(file.read_text() for file in files.values())):
        assert not [secret for secret in (*tokens, *jwts, *keys) if secret in text]


def test_reports_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    done = run(*ONE, "--json", str(tmp_path / "no" / "such.json"), "--", sys.executable, CLIENT)
    assert done.exit_code == 2
    assert "such.json cannot be written" in done.output


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT")
def test_ctrl_c_stops_the_client_and_reports_what_is_known(tmp_path: Path) -> None:
    pids, report = tmp_path / "pids", tmp_path / "report.json"
    # A runner of tests may ignore SIGINT, which its children inherit.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from contract_tests.clients.cli import client; client()"
    )
    line = f"echo $$ > {pids}; sleep 3600"
    arguments = [*ONE, "--json", str(report), "--", "sh", "-c", line]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)
    try:
        await_text(pids)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
    assert is_gone(int(pids.read_text()))
    assert json.loads(report.read_text())["aborted"] == "interrupted"


def await_text(file: Path) -> None:
    """Wait until there is a line in it."""
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked for its exit code yet."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
