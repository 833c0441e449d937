"""`ksef-mock serve --detach`, `--pid-file`, `--env-file`, and `ksef-mock stop`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ksef_mock.commands import background
from tests.served import serving
from tests.support import NIP, OTHER_NIP, Api

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`ksef-mock ARGUMENTS`, in a state folder of the test's own; what it left running is stopped."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ksef_mock.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield command
    for file in (tmp_path / "state").rglob("*.pid"):
        command("stop", "--pid-file", str(file))


def variables(file: Path) -> dict[str, str]:
    """What a shell makes of the file."""
    script = f'set -a; . "{file}"; env'
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    pairs = (line.partition("=") for line in printed.splitlines())
    return {name: value for name, _, value in pairs if name.startswith("KSEF_")}


def test_it_returns_when_the_mock_is_ready_and_stop_ends_it(run: Run, tmp_path: Path, port: int) -> None:
    env = tmp_path / "ksef.env"
    started = run("serve", "--detach", "--port", str(port), "--nip", OTHER_NIP, "--env-file", str(env))
    assert (started.returncode, started.stderr) == (0, "")
    known = variables(env)
    assert started.stdout.splitlines()[:3] == [
        f"ksef-mock ready on {known['KSEF_URL']}",
        f"NIP:   {OTHER_NIP}",
        f"Token: {known['KSEF_TOKEN']}",
    ]
    assert known["KSEF_NIP"] == OTHER_NIP
    api = Api(known["KSEF_URL"])
    api.login(known["KSEF_TOKEN"], nip=OTHER_NIP)
    api.close()

    stopped = run("stop")
    assert stopped.returncode == 0, stopped.stderr
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{known['KSEF_URL']}/_mock/health")
    assert run("stop").returncode == 1
    assert env.stat().st_mode & 0o077 == 0


def test_options_from_the_environment_reach_the_background(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KSEF_MOCK_DETACH", "1")
    monkeypatch.setenv("KSEF_MOCK_PORT", "0")
    monkeypatch.setenv("KSEF_MOCK_PROFILE", "prod")
    monkeypatch.setenv("KSEF_MOCK_PID_FILE", str(tmp_path / "mock.pid"))
    url = run("serve").stdout.split()[3]
    assert httpx.get(f"{url}/_mock/health").json()["profile"] == "prod"
    assert run("stop", "--pid-file", str(tmp_path / "mock.pid")).returncode == 0
    assert not (tmp_path / "mock.pid").exists()


def test_several_workers_in_the_background(run: Run, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    started = run("serve", "--detach", "--port", "0", "--workers", "2", "--store", store)
    url = started.stdout.split()[3]
    assert httpx.get(f"{url}/_mock/health").status_code == 200
    assert run("stop", "--port", url.rpartition(":")[2]).returncode == 0


def test_of_several_the_port_says_which_one_to_stop(run: Run) -> None:
    urls = [run("serve", "--detach", "--port", "0").stdout.split()[3] for _ in range(2)]
    which = run("stop")
    assert which.returncode == 2
    ports = [url.rpartition(":")[2] for url in urls]
    assert all(port in which.stderr for port in ports)
    assert run("stop", "--port", ports[0]).returncode == 0
    assert httpx.get(f"{urls[1]}/_mock/health").status_code == 200
    assert run("stop").returncode == 0


def test_stop_finds_it_by_its_port_too_where_it_was_given_a_pid_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.pid"
    url = run("serve", "--detach", "--port", "0", "--pid-file", str(file)).stdout.split()[3]
    port = url.rpartition(":")[2]
    again = run("serve", "--detach", "--port", port)
    assert again.returncode == 1
    assert f"`ksef-mock stop --port {port}` ends that one" in again.stderr
    assert run("stop").returncode == 0
    assert not file.exists()
    said = f"Error: no mock is running in the background on port {port}\n"
    assert run("stop", "--port", port).stderr == said


@pytest.mark.parametrize("option", ["--env-file", "--pid-file"])
def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left_running(
    run: Run, tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "ksef.env"
    failed = run("serve", "--detach", "--port", "0", option, str(target))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert str(tmp_path / "file") in failed.stderr
    assert "Errno" not in failed.stderr
    assert run("stop").returncode == 1


def test_a_state_folder_that_cannot_be_written_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    failed = run("serve", "--detach", "--port", "0")
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"Error: cannot keep log and pid file in {tmp_path / 'file'}")
    assert failed.stderr.count("\n") == 1


def test_what_keeps_it_from_starting_is_said_here(run: Run) -> None:
    with serving() as taken:
        failed = run("serve", "--detach", "--port", taken.url.rpartition(":")[2])
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "cannot listen on 127.0.0.1:" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_pid_file_that_a_crash_left_behind_stops_nobody(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mock.pid"
    file.write_text(f"{os.getpid()}\n")  # the id is somebody else's by now: this test's
    refused = run("stop", "--pid-file", str(file))
    assert (refused.returncode, refused.stderr) == (1, f"Error: no mock is running by {file}\n")
    with serving("--pid-file", str(file)) as mock:
        assert file.read_text() == f"{mock.process.pid}\n"
        second = run("serve", "--port", "0", "--pid-file", str(file))
        assert second.returncode == 1
        assert f"process {mock.process.pid}" in second.stderr
        assert httpx.get(f"{mock.url}/_mock/health").status_code == 200


def test_without_file_locks_a_pid_file_is_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Windows, simulated: there is no module fcntl."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    file = tmp_path / "mock.pid"
    with background.pid_file(file):
        assert file.read_text() == f"{os.getpid()}\n"
    assert not file.exists()


def test_the_file_of_variables_of_github_gets_them_at_its_end_without_quotes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "github.env"
    file.write_text("BEFORE=1\n")
    monkeypatch.setenv("GITHUB_ENV", str(file))
    with serving("--env-file", str(file)) as mock:
        assert file.read_text().splitlines() == [
            "BEFORE=1",
            f"KSEF_URL={mock.url}",
            f"KSEF_NIP={NIP}",
            f"KSEF_TOKEN={mock.token}",
        ]


def test_the_file_names_the_ca_of_tls(tmp_path: Path) -> None:
    file = tmp_path / "ksef.env"
    with serving("--tls", "--tls-ca-dir", str(tmp_path / "tls"), "--env-file", str(file)) as mock:
        assert mock.url.startswith("https://")
        assert variables(file)["KSEF_CA"] == str(tmp_path / "tls" / "ca.pem")


def test_status_waits_for_a_mock_that_is_just_starting(port: int) -> None:
    status = [sys.executable, "-m", "ksef_mock.cli", "status", "--url", f"http://127.0.0.1:{port}", "--wait"]
    waiting = subprocess.Popen([*status, "120"], stdout=subprocess.PIPE, text=True)
    with waiting, serving("--port", str(port)):
        printed, _ = waiting.communicate(timeout=150)
    assert (waiting.returncode, printed.split()[:1]) == (0, ["ksef-mock"])
    gone = subprocess.run([*status, "0.1"], capture_output=True, text=True, check=False)
    assert gone.returncode == 3
    assert "no mock is running at" in gone.stderr
