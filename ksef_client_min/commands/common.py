"""What all commands share: options, output, errors and their exit codes, the saved login."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import wraps
from typing import Any, NoReturn, TypeVar

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from ksef_client_min.credentials import BrokenCredentials
from ksef_client_min.environments import ENVIRONMENTS, api_root
from ksef_client_min.errors import (
    KsefApiError,
    KsefAuthenticationError,
    KsefError,
    KsefNotLoggedInError,
    KsefUnauthorizedError,
)
from ksef_client_min.session_file import BrokenFile, Home, SavedSession
from ksef_client_min.sync_client import KsefClient

F = TypeVar("F", bound=Callable[..., Any])

REFUSED, UNREACHABLE, NEEDS_LOGIN = 1, 3, 4


class Group(click.Group):
    """A group that lists its commands with whole sentences: wrapped, not cut."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(300)) for name, each in commands if each])


def _no_color(context: click.Context, _option: click.Parameter, value: bool) -> None:
    # What this process starts, and rich, go by the variable too: https://no-color.org
    if value:
        os.environ["NO_COLOR"] = "1"
    if os.environ.get("NO_COLOR"):
        context.color = False


def spell_out() -> None:
    """What a terminal cannot print must not end a command: from here on it is spelled out."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


no_color_option = click.option(
    "--no-color",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_no_color,
    help="Print no colours, as with NO_COLOR in the environment.",
)


def json_option(command: F) -> F:
    """`--json`, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(command)


def environment_option(command: F) -> F:
    """`--env`, else KSEF_URL, else what `ksef config` says, else TEST."""
    return click.option(
        "--env",
        "environment",
        envvar="KSEF_URL",
        metavar="|".join((*ENVIRONMENTS, "URL")),
        callback=_environment,
        help="Which KSeF to talk to; else KSEF_URL, else that of `ksef config`, else test.",
    )(command)


def nip_option(command: F) -> F:
    """`--nip`, else KSEF_NIP, else what `ksef config` says, else None."""
    return click.option(
        "--nip",
        envvar="KSEF_NIP",
        callback=_nip,
        help="NIP of the context; else KSEF_NIP, else the configured one.",
    )(command)


def moment_option(flag: str, name: str, *, help: str, required: bool = False) -> Callable[[F], F]:
    """A point in time, ISO 8601, UTC where it has no offset; None where it is absent."""
    return click.option(flag, name, metavar="TIME", required=required, callback=_moment, help=help)


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ISO 8601 time like 2026-01-01T00:00:00+00:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _environment(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    chosen = value or _config("environment") or "test"
    try:
        api_root(base_url(chosen))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return chosen


def _nip(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return value or _config("nip")


def _config(member: str) -> str | None:
    try:
        found: str | None = getattr(Home().load_config(), member)
    except BrokenFile as error:
        fail(str(error), NEEDS_LOGIN)
    return found


def base_url(environment: str) -> str:
    """The URL of an environment's name, or the URL that it is."""
    known = ENVIRONMENTS.get(environment)
    return environment if known is None else known.api


def explained(command: F) -> F:
    """Errors as one line that says what to do next, each kind with its exit code."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except KsefNotLoggedInError as error:
            fail(f"{error}. Run: ksef auth login", NEEDS_LOGIN)
        except KsefUnauthorizedError:
            fail("the login is no longer valid. Run: ksef auth login", NEEDS_LOGIN)
        except KsefAuthenticationError as error:
            fail(f"KSeF refused the login: {error}", REFUSED)
        except KsefApiError as error:
            trace = f" [trace {error.trace_id}]" if error.trace_id else ""
            fail(f"KSeF refused: {error}{trace}", REFUSED)
        except KsefError as error:
            fail(f"{error}. Check --env and the network, then try again", UNREACHABLE)
        except BrokenFile as error:
            fail(str(error), NEEDS_LOGIN)
        except BrokenCredentials as error:
            fail(str(error), REFUSED)

    return run  # type: ignore[return-value]  # same signature, which functools.wraps cannot say


def fail(message: str, code: int) -> NoReturn:
    """End the command with one line on stderr."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


def show(as_json: bool, data: dict[str, Any], text: str) -> None:
    """One result, for people or as JSON."""
    click.echo(json.dumps(data, ensure_ascii=False) if as_json else text)


def show_list(
    as_json: bool, name: str, rows: Sequence[dict[str, Any]], columns: Sequence[str], *, more: bool = False
) -> None:
    """A list: a table of some columns, or JSON with all members under `name`.

    No cell is ever cut or broken: what is in it is there to be copied.
    """
    if as_json:
        click.echo(json.dumps({name: rows, "hasMore": more}, ensure_ascii=False))
        return
    if not rows:
        click.echo("Nothing found.")
        return
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(cell_len, each)) for each in zip(columns, *cells, strict=True)]
    for number, line in enumerate([list(columns), *cells]):
        padded = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        click.secho("  ".join(padded).rstrip(), bold=number == 0)
    if more:
        click.echo("There are more: --size shows more of them at once.", err=True)


def write_output(output: str, octets: bytes) -> None:
    """A document, to a file or (-) to stdout.

    Raises:
        BrokenFile: the file cannot be written.
    """
    try:
        with click.open_file(output, "wb") as file:
            file.write(octets)
    except OSError as error:
        raise BrokenFile(f"{output} cannot be written: {error.strerror}") from None
    if output != "-":
        click.echo(f"Wrote {output}.", err=True)


def no_prompt(missing: str) -> None:
    """Nobody can be asked where standard input is no terminal.

    Raises:
        click.UsageError: so it is; `missing` says what to give instead.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(missing)


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    # What a server sends does not steer the terminal.
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for each in ("" if value is None else str(value))
    )


def spinner(text: str, as_json: bool) -> AbstractContextManager[object]:
    """Something that turns while the user waits; on stderr, and only for people."""
    console = Console(stderr=True)
    return nullcontext() if as_json or not console.is_terminal else console.status(text)


@contextmanager
def logged_in() -> Iterator[tuple[KsefClient, SavedSession]]:
    """A client with the saved login; a token refreshed on the way is saved."""
    saved = Home().load_session()
    if saved is None:
        raise KsefNotLoggedInError("there is no login")
    with client_of(saved) as ksef:
        try:
            yield ksef, saved
        finally:
            if ksef.session.access_token not in (None, saved.access_token):
                save_login(saved.environment, (saved.context_type, saved.context_value), ksef)


def client_of(saved: SavedSession) -> KsefClient:
    """A client that goes on with a saved login."""
    ksef = KsefClient(base_url(saved.environment))
    ksef.session.access_token = saved.access_token
    ksef.session.refresh_token = saved.refresh_token
    ksef.session.reference_number = saved.reference_number
    return ksef


def save_login(environment: str, context: tuple[str, str], ksef: KsefClient) -> None:
    """Keep the client's login for the next commands."""
    session = ksef.session
    assert session.access_token is not None
    assert session.refresh_token is not None
    assert session.reference_number is not None
    kind, value = context
    Home().save_session(
        SavedSession(
            environment=environment,
            context_type=kind,
            context_value=value,
            reference_number=session.reference_number,
            access_token=session.access_token,
            refresh_token=session.refresh_token,
        )
    )
