"""Every snippet of the documentation that is marked as runnable runs, verbatim but for the port."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from ksef_mock.testing import MockServer
from tests.docs.snippets import ROOT, SNIPPETS, Snippet
from tests.once import once
from tests.ports import reserved_port
from tests.third_party.node_client import install

#: How long a snippet may take, in seconds.
_PATIENCE = 600
_NIP = "5265877635"


def marked(how: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s.how == how], ids=str)


def written(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s.language in languages], ids=str)


def test_the_readme_has_snippets_of_each_kind() -> None:
    of_readme = {(s.language, s.how) for s in SNIPPETS if s.document == ROOT / "README.md"}
    assert {("sh", "fresh"), ("python", "fresh"), ("sh", "sh")} <= of_readme


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_snippet_is_run_or_says_why_not(snippet: Snippet) -> None:
    assert snippet.language, "a block has a language; for people alone: text"
    if snippet.how is not None:
        assert snippet.how in ("pytest", "sh", "fresh", "steps", "node", "java"), snippet.how
    elif snippet.language not in ("text", "json", "yaml"):
        assert snippet.excused, "neither `<!-- run: … -->` nor `<!-- not run: … -->` before it"


@marked("pytest")
def test_python_snippet_passes_as_a_test_file(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "test_snippet.py").write_text(snippet.code)
    done = run([sys.executable, "-m", "pytest", "-q", "-W", "error", "test_snippet.py"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@marked("sh")
def test_shell_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    shell(snippet.code, tmp_path, Path(sys.executable).parent)


@marked("fresh")
def test_snippet_runs_in_a_fresh_clone_with_a_fresh_environment(
    snippet: Snippet, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The snippets of one document share a clone, as they do for whoever follows it, and what it installs.
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(folder: Path) -> None:
        clone_into(folder)
        venv.create(folder / ".venv-user", with_pip=True)
        of_document = "".join(s.code for s in SNIPPETS if (s.document, s.how) == (snippet.document, "fresh"))
        installs = "\n".join(line for line in of_document.splitlines() if line.startswith("pip install"))
        shell(installs, folder, folder / ".venv-user" / "bin")

    clone = once(base / f"clone-{snippet.document.stem}", make)
    if snippet.language == "python":
        # Away from the clone: what is imported is what was installed.
        (tmp_path / "test_snippet.py").write_text(snippet.code)
        shell("python -m pytest -q -W error test_snippet.py", tmp_path, clone / ".venv-user" / "bin")
    else:
        shell(snippet.code, clone, clone / ".venv-user" / "bin")


@pytest.mark.parametrize(
    "document", sorted({s.document for s in SNIPPETS if s.how == "steps"}), ids=lambda path: path.name
)
def test_steps_of_a_page_run_one_after_the_other_in_one_terminal(document: Path, tmp_path: Path) -> None:
    clone_into(tmp_path / "clone")
    code = "".join(s.code for s in SNIPPETS if (s.document, s.how) == (document, "steps"))
    done = shell(code, tmp_path / "clone", Path(sys.base_prefix) / "bin")
    for shown in (s.code for s in SNIPPETS if s.document == document and s.language == "text"):
        for line in shown.splitlines():
            assert line in done.stdout + done.stderr


def clone_into(folder: Path) -> None:
    """What a clone of the repository has, changes that are not committed included."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in files.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


@marked("node")
def test_javascript_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(install())
    against_a_mock(snippet, tmp_path / "snippet.mjs", "node")


@marked("java")
@pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")
def test_java_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    against_a_mock(snippet, tmp_path / "Snippet.java", "java")


@written("json", "yaml")
def test_json_and_yaml_can_be_read(snippet: Snippet) -> None:
    read = json.loads if snippet.language == "json" else yaml.safe_load
    assert isinstance(read(snippet.code), dict)


@written("python")
def test_python_is_python(snippet: Snippet) -> None:
    compile(snippet.code, str(snippet), "exec")


@written("js")
def test_javascript_is_javascript(snippet: Snippet, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    (tmp_path / "snippet.mjs").write_text(snippet.code)
    done = run(["node", "--check", "snippet.mjs"], tmp_path)
    assert done.returncode == 0, done.stderr


def shell(code: str, folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as its reader would; a server that it leaves behind is stopped when it ends.

    One in its last line that keeps the terminal is waited for until it is ready.
    """
    with reserved_port() as port:
        return at_port(port, code, folder, programs)


def at_port(port: int, code: str, folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    code = code.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("localhost:8080", f"localhost:{port}")
    code = re.sub(r"\bksef-mock serve\b", f"ksef-mock serve --port {port}", code)
    leave = "kill $(jobs -p) 2>/dev/null || true; ksef-mock stop >/dev/null 2>&1 || true"
    script = f"set -eu -o pipefail -m\ntrap '{leave}' EXIT\n{code}"
    if re.search(r"ksef-mock serve(?!.*(--detach|&$))", code.strip().splitlines()[-1]):
        script = f"{script.rstrip()} > ready &\nuntil grep -q '^ksef-mock ready on' ready; do sleep 0.1; done"
    done = run(["bash", "-c", script], folder, programs, KSEF_MOCK_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def against_a_mock(snippet: Snippet, path: Path, program: str) -> None:
    """Run a program that finds a mock at its usual address, or in its environment, and a token there."""
    with MockServer() as mock:
        path.write_text(snippet.code.replace("http://127.0.0.1:8080", mock.url))
        given = {"KSEF_URL": mock.url, "KSEF_NIP": _NIP, "KSEF_TOKEN": mock.issue_token(_NIP)}
        done = run([program, path.name], path.parent, Path(sys.executable).parent, **given)
        assert done.returncode == 0, done.stdout + done.stderr
        talked = [*mock.journal.entries(path="/auth/token/redeem"), *mock.journal.entries(path="/tenants")]
        assert talked, "it has not talked to the mock"


def run(
    command: list[str], folder: Path, programs: Path = Path(sys.executable).parent, **more: str
) -> subprocess.CompletedProcess[str]:
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder), **more}
    for name in ("PYTEST_XDIST_WORKER", "XDG_STATE_HOME", "VIRTUAL_ENV"):
        environment.pop(name, None)
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
