"""`ksef-mock status`, `coverage`, `reset`, `warn`, `snapshot`: a running mock as a whole."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ksef_mock.commands.files import write_private
from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, Unreachable, json_option, print_table, remote_command
from ksef_mock.commands.terminal import print_json

#: Seconds between two looks for a mock that is starting.
_PAUSE = 0.05


@click.command()
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for one that is just starting.",
)
@remote_command
@json_option
def status(remote: Remote, as_json: bool, seconds: float) -> None:
    """Tell whether a mock is running: exit code 0 if so, 3 if not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            body = remote.call("GET", "/health")
            break
        except Unreachable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)
    if as_json:
        print_json(body)
    else:
        click.echo(f"ksef-mock {body['version']} at {remote.url}, profile {body['profile']}")
        click.echo(f"its time is {body['time']}")


@click.command()
@click.option("--missing", is_flag=True, help="Only what is not simulated.")
@remote_command
@json_option
def coverage(remote: Remote, missing: bool, as_json: bool) -> None:
    """List the operations of KSeF's API: simulated or not."""
    body = remote.call("GET", "/coverage")
    if as_json:
        print_json(body)
        return
    print_table(
        ["operation", "simulated"],
        [
            [f"{operation['method']} {operation['path']}", "yes" if operation["simulated"] else "no"]
            for operation in body["operations"]
            if not (missing and operation["simulated"])
        ],
    )
    click.echo(f"{body['simulated']} of {body['total']} are simulated.")


@click.command()
@remote_command
def reset(remote: Remote) -> None:
    """Bring a running mock back to the state of its start."""
    remote.call("POST", "/reset")


@click.command()
@click.argument("text", required=False)
@click.option("--clear", is_flag=True, help="No warning any more.")
@remote_command
def warn(remote: Remote, text: str | None, clear: bool) -> None:
    """Send TEXT such as "[1]: Przerwa techniczna" as X-System-Warning with every answer."""
    if (text is None) is not clear:
        raise click.UsageError("Either TEXT or --clear is needed.")
    if clear:
        remote.call("DELETE", "/system-warning")
    else:
        remote.call("PUT", "/system-warning", {"warning": text})


@click.group(cls=Group)
def snapshot() -> None:
    """Save and restore the whole state of a running mock."""


@snapshot.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@remote_command
def save(remote: Remote, file: Path) -> None:
    """Save the state to FILE. It contains keys and tokens: only its owner can read it."""
    content = remote.send("GET", "/snapshot")
    try:
        write_private(file, content)
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from None
    click.echo(f"{len(content):,} bytes in {file}")


@snapshot.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@remote_command
def restore(remote: Remote, file: Path) -> None:
    """Put the state in FILE in place of the present one."""
    remote.send("PUT", "/snapshot", file.read_bytes(), content_type="application/octet-stream")
