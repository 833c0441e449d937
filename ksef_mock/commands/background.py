"""A mock in the background: `ksef-mock serve --detach`, its pid file, `ksef-mock stop`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from ksef_mock.core.folders import state_folder

#: Seconds that a mock may take to start, and to stop.
_PATIENCE = 30.0
_PAUSE = 0.02


def run_folder() -> Path:
    """Where pid files and logs of mocks in the background are, named after their ports."""
    return state_folder() / "run"


class Running(Exception):
    """Another mock holds this pid file."""


@contextlib.contextmanager
def pid_file(path: Path) -> Iterator[None]:
    """Keep the id of this process in a file, as long as the block lasts.

    The file is locked meanwhile, where the system has locks: one that was left behind by a crash, or by a
    process whose id another has by now, can be told from one that counts.

    Raises:
        Running: another process holds it.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not truncated before it is locked: it may be another's.
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii") as file:
        if not _lock(file.fileno()):
            raise Running(f"{path} is the pid file of another mock, which is running: process {_pid(path)}")
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no open file
                path.unlink()


def of_port(port: int) -> Path:
    """The pid file of the mock in the background that listens there, if there is one."""
    return run_folder() / f"{port}.pid"


def is_running(path: Path) -> bool:
    """Whether the process that wrote this pid file still runs."""
    try:
        with path.open("r+", encoding="ascii") as file:
            return not _lock(file.fileno())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: its locks would keep others from reading the file
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _has_locks() -> bool:
    try:
        import fcntl  # noqa: F401
    except ImportError:
        return False
    return True


def _pid(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdecimal() and 0 < len(text) < 10 else None


# ---- serve --detach


def launch(context: click.Context) -> None:
    """Start the command of this context once more, in the background; return when it is ready.

    What it prints until then is printed here; what it logs goes to a file beside its pid file.
    If it ended instead, this command does too, with its words and its exit code.
    """
    folder = run_folder()
    log = folder / f"starting-{os.getpid()}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        place = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME"
        reason = f"cannot keep log and pid file in {folder}: {error.strerror} ({place} names another place)"
        raise click.ClickException(reason) from None
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", *_arguments(context), "--log-file", str(log)]
    with open(descriptor, "wb") as errors:
        process = subprocess.Popen(  # noqa: S603  # our own command, with arguments that click has read
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"KSEF_MOCK_DETACH": "0"},
            start_new_session=True,
        )
    assert process.stdout is not None
    printed = process.stdout.read()  # to its end: a mock in the background lets go of it when it is ready
    click.echo(printed.decode(errors="replace"), nl=False)
    if not printed:
        code = process.wait()
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        log.unlink(missing_ok=True)
        click.echo(said or f"Error: it ended with exit code {code}", err=True)
        context.exit(code or 1)
    # Not waited for: it is init's when this process has ended.
    process.returncode = 0


def settled_in(log: Path, port: int) -> None:
    """This process, which `launch` has started, is ready: its log gets its name, its caller is let go."""
    with contextlib.suppress(OSError):  # Windows renames no open file
        log.replace(run_folder() / f"{port}.log")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def _arguments(context: click.Context) -> list[str]:
    # What came by environment variables comes to the new process by the same way.
    arguments = []
    for option in context.command.params:
        assert option.name is not None
        source = context.get_parameter_source(option.name)
        if source is not click.core.ParameterSource.COMMANDLINE or option.name == "detach":
            continue
        value = context.params[option.name]
        if isinstance(option, click.Option) and option.is_flag:
            arguments += [option.opts[0]] if value else []
        else:
            for each in value if option.multiple else [value]:
                arguments += [option.opts[0], str(each)]
    return arguments


# ---- stop


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="The one that listens on this port.")
@click.option(
    "--pid-file",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The one that was started with this --pid-file.",
)
def stop(port: int | None, file: Path | None) -> None:
    """Stop a mock that `ksef-mock serve --detach` has started: the only one, or the one that is named."""
    if port is not None and file is not None:
        raise click.UsageError("--port or --pid-file, not both")
    if file is None:
        file = _only_one() if port is None else of_port(port)
    process = _pid(file)
    if process is None or (_has_locks() and not is_running(file)):
        file.unlink(missing_ok=True)
        known = f"by {file}" if port is None else f"in the background on port {port}"
        raise click.ClickException(f"no mock is running {known}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while _has_locks() and is_running(file):
        if time.monotonic() >= deadline:
            raise click.ClickException(f"process {process} does not stop")
        time.sleep(_PAUSE)
    file.unlink(missing_ok=True)
    click.echo(f"stopped process {process}")


def _only_one() -> Path:
    known = sorted(run_folder().glob("*.pid"))
    running = [path for path in known if is_running(path)] if _has_locks() else known
    if not running:
        raise click.ClickException("no mock is running that `ksef-mock serve --detach` has started")
    if len(running) > 1:
        ports = ", ".join(path.stem for path in running)
        raise click.UsageError(f"several are running; which one? --port {ports}")
    return running[0]
