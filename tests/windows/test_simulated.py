"""Windows, simulated: no Windows is at hand. Taken away is what Python has not there (`simulated/`), the
console's encoding is cp1250, and every text file that is opened without an encoding is an error.

What this cannot show: paths with drive letters, files that cannot be replaced while they are open, processes
without signals.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.serving import server
from tests.support import NIP

SIMULATED = Path(__file__).parent / "simulated"
_MODULES = {"ksef-mock": "ksef_mock.cli", "ksef": "ksef_client_min", "ksef-conformance": "contract_tests"}


class Console:
    """Commands as a console of a Polish Windows shows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KSEF", "PYTEST"))},
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "KSEF_HOME": str(folder / "ksef"),
            "PYTHONPATH": str(SIMULATED),
            "PYTHONIOENCODING": "cp1250",
            "PYTHONWARNDEFAULTENCODING": "1",
            "PYTHONWARNINGS": "error::EncodingWarning",
            "COLUMNS": "200",
        }

    def run(self, *words: str | Path, code: int = 0) -> str:
        program, *arguments = map(str, words)
        module = ["-m", _MODULES[program]] if program in _MODULES else [program]
        command = [sys.executable, *module, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            timeout=600,
            check=False,
        )
        said = done.stdout.decode("cp1250") + done.stderr.decode("cp1250")
        assert "Traceback" not in said, said
        assert done.returncode == code, said
        return said


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def served(console: Console) -> Iterator[Console]:
    """With a mock in the background, and its address and token in the environment."""
    store = console.folder / "mock.db"
    store.touch(mode=0o644)  # one that others can read is made private
    options = ("--detach", "--port", "0", "--env-file", "ksef.env", "--store", f"sqlite:{store}")
    assert "ksef-mock ready on" in console.run("ksef-mock", "serve", *options)
    lines = (console.folder / "ksef.env").read_text().splitlines()
    variables = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
    console.environment |= variables | {"KSEF_MOCK_URL": variables["KSEF_URL"]}
    try:
        yield console
    finally:
        assert "stopped process" in console.run("ksef-mock", "stop")


def test_simulation_takes_away_what_windows_has_not(console: Console) -> None:
    code = "import os; print(*(hasattr(os, name) for name in ('fork', 'fchmod', 'getuid')))"
    assert console.run("-c", code).strip() == "False False False"
    assert "ModuleNotFoundError" in console.run(
        "-c", "try: import fcntl\nexcept ImportError as e: print(repr(e))"
    )


def test_mock_in_the_background_is_driven_by_commands(served: Console) -> None:
    assert "Logged in to" in served.run("ksef", "auth", "login")
    assert "Active" in served.run("ksef", "token", "list")
    refused = served.run("ksef", "auth", "login", "--token", "wrong", code=1)
    assert "Nieprawidłowy token" in refused
    assert "token: no KSeF token" in served.run("ksef-mock", "journal", "--failed")
    served.run("ksef-mock", "certificate", "issue", "--out", "person")
    served.run("ksef-mock", "faults", "add", "--path", "/auth/*", "--status", "503")
    served.run("ksef-mock", "clock", "advance", "900")
    served.run("ksef-mock", "reset")


def test_what_the_console_has_no_characters_for_is_spelled_out(served: Console) -> None:
    served.run("ksef", "auth", "login")
    served.run(
        "ksef", "token", "generate", "--description", "księgowość → 财务", "--permission", "InvoiceRead"
    )
    listed = served.run("ksef", "token", "list")
    assert "księgowość \\u2192 \\u8d22\\u52a1" in listed


def test_files_are_made_and_judged(console: Console) -> None:
    (console.folder / "invoice.xml").write_bytes(invoice(NIP))
    assert "Nothing is wrong" in console.run("ksef-mock", "verify-invoice", "invoice.xml")
    console.run("ksef-mock", "certs", "--out", "certs")
    assert "BEGIN CERTIFICATE" in console.run("ksef-mock", "ca")


def test_several_workers_are_refused_with_words(console: Console) -> None:
    said = console.run("ksef-mock", "serve", "--workers", "2", "--store", "sqlite:mock.db", code=2)
    assert "on Windows a process cannot hand its socket to others" in said


def test_conformance_suite_runs_and_writes_its_reports(console: Console) -> None:
    said = console.run(
        "ksef-conformance", "run", "mock", "--only", "CHAL", "--html", "r.html", "--json", "r.json"
    )
    assert "mock meets all" in said
    assert (console.folder / "r.html").stat().st_size > 1_000


def test_fixtures_work(console: Console) -> None:
    (console.folder / "test_it.py").write_text(
        "def test_it(ksef_mock, ksef_client, ksef_token):\n"
        "    ksef_client.login_with_token(ksef_token, nip='5265877635')\n"
    )
    # pytest itself opens files without naming an encoding; other plugins of this environment ask for more.
    console.environment |= {"PYTHONWARNDEFAULTENCODING": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ("-q", "-p", "ksef_mock.pytest_plugin", "-c", os.devnull, "--rootdir", ".")
    assert "1 passed" in console.run("-m", "pytest", *options, "test_it.py")


def test_a_port_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # With SO_REUSEADDR two servers could share one on Windows.
    set_options = []

    class Socket(socket.socket):
        def setsockopt(self, *arguments: object) -> None:
            set_options.append(arguments)

    monkeypatch.setattr(socket, "socket", Socket)
    monkeypatch.setattr(os, "name", "nt")
    server.listen("127.0.0.1", 0).close()
    assert set_options == []
    monkeypatch.setattr(os, "name", "posix")
    server.listen("127.0.0.1", 0).close()
    assert len(set_options) == 1
