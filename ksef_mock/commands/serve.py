"""`ksef-mock serve`: a mock on a port, in one process or several, in the foreground or not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ksef_mock.commands import background
from ksef_mock.commands.files import write_private
from ksef_mock.commands.serve_options import Serving, serving_options, settings_options

if TYPE_CHECKING:
    import socket

    from ksef_mock.launch import Mock
    from ksef_mock.settings import Settings


# Each option is also an environment variable, KSEF_MOCK_PORT for --port: CI services take no arguments.
@click.command(context_settings={"auto_envvar_prefix": "KSEF_MOCK"})
@serving_options
@settings_options
def serve(settings: Settings, serving: Serving) -> None:
    """Run the mock until SIGTERM or Ctrl-C.

    When it accepts requests it prints its address, then a NIP and a KSeF token to log in with. Each
    option can also be set as an environment variable, as KSEF_MOCK_PORT for --port.
    """
    if serving.workers > 1 and settings.store == "memory":
        raise click.UsageError(
            f"--workers {serving.workers} needs a store that processes share:"
            " --store sqlite:FILE or --store redis://…"
        )
    if serving.workers > 1 and not hasattr(os, "fork"):
        raise click.UsageError(
            f"--workers {serving.workers}: on Windows a process cannot hand its socket to others"
        )
    if serving.detach:
        background.launch(click.get_current_context())
        return

    from ksef_mock.trail.logs import configure

    configure(serving.log_format, serving.log_level)
    asyncio.run(_serve(settings, serving))


async def _serve(settings: Settings, serving: Serving) -> None:
    from ksef_mock.launch import serve_alone
    from ksef_mock.serving.server import listen

    mock = await _prepared(settings, serving)
    listeners: list[socket.socket] = []
    for number in (serving.port, serving.lighthouse_port):
        try:
            if number is not None:
                listeners.append(listen(serving.host, number))
        except OSError as error:
            await mock.system.close()
            reason = f"cannot listen on {serving.host}:{number}: {error.strerror or error}"
            if error.errno == errno.EADDRINUSE:
                reason += f"; {_who_else(number)}"
            raise click.ClickException(reason) from None
    listener, lighthouse = listeners[0], (listeners[1] if len(listeners) > 1 else None)
    port: int = listener.getsockname()[1]

    def announce() -> None:
        _announce(listener, lighthouse, settings, serving)
        if serving.log_file is not None:
            background.settled_in(serving.log_file, port)

    try:
        with _pid_files(serving, port):
            if serving.workers == 1:
                await serve_alone(
                    mock, listener, announce, certificate=serving.certificate, lighthouse=lighthouse
                )
            else:
                await mock.system.close()
                await _supervise(settings, serving, listener, lighthouse, announce)
    except background.Running as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{file}{error.strerror or error}") from None


async def _prepared(settings: Settings, serving: Serving) -> Mock:
    from ksef_mock.core.errors import StoreUnavailable
    from ksef_mock.launch import Mock

    try:
        mock = Mock(settings)
    except OSError as error:  # the store's: the files of --trust have been seen
        reason = f"{settings.store}: {error.strerror or error}"
        raise click.BadParameter(reason, param_hint="--store") from None
    except ValueError as error:
        option = "--trust" if settings.store == "memory" else "--store or --trust"
        raise click.BadParameter(str(error), param_hint=option) from None
    try:
        await mock.prepare()
        if serving.workers > 1:
            await mock.system.keys.published()  # made once, before each worker makes its own
    except StoreUnavailable as error:
        raise click.ClickException(f"cannot use the store: {error.reason}") from None
    except ValueError as error:
        from ksef_mock.seed.model import SeedError

        option = "--seed" if isinstance(error, SeedError) else "--token"
        raise click.BadParameter(str(error), param_hint=option) from None
    return mock


def _who_else(port: int | None) -> str:
    if port and background.is_running(background.of_port(port)):
        return f"a mock in the background has it: `ksef-mock stop --port {port}` ends that one"
    return "take another by --port, 0 for a free one"


@contextlib.contextmanager
def _pid_files(serving: Serving, port: int) -> Iterator[None]:
    with contextlib.ExitStack() as files:
        # In the background it has both: `ksef-mock stop` finds it without being told the file.
        if serving.log_file is not None:
            files.enter_context(background.pid_file(background.of_port(port)))
        if serving.pid_file is not None:
            files.enter_context(background.pid_file(serving.pid_file))
        yield


def _announce(
    listener: socket.socket, lighthouse: socket.socket | None, settings: Settings, serving: Serving
) -> None:
    from ksef_mock.serving.server import url_of

    url = url_of(listener, tls=serving.certificate is not None)
    first = settings.first_token
    assert first is not None  # the options make one
    if serving.env_file is not None:
        known = {"KSEF_URL": url, "KSEF_NIP": first.nip, "KSEF_TOKEN": first.text}
        if serving.ca_file is not None:
            known["KSEF_CA"] = str(serving.ca_file.resolve())
        try:
            _write_environment(serving.env_file, known)
        except OSError as error:
            reason = f"cannot write --env-file {serving.env_file}: {error.strerror}"
            raise click.ClickException(reason) from None
    click.echo(f"ksef-mock ready on {url}")
    click.echo(f"NIP:   {first.nip}")
    click.echo(f"Token: {first.text}")
    if importlib.util.find_spec("jinja2") is not None:
        click.echo(f"Pages: {url}/_mock/")
    if lighthouse is not None:
        click.echo(f"Lighthouse: {url_of(lighthouse, tls=serving.certificate is not None)}")
    if settings.seed is not None:
        click.echo(f"Seed:  {settings.seed.summary()}")


def _write_environment(file: Path, variables: dict[str, str]) -> None:
    """For `. FILE` in a shell; GitHub's file of variables for the next steps wants them plain, at its end."""
    if str(file) == os.environ.get("GITHUB_ENV"):
        with file.open("a", encoding="utf-8") as ours:
            ours.writelines(f"{name}={value}\n" for name, value in variables.items())
        return
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    # Whoever waits for the file must not find half of it.
    part = file.with_name(f".{file.name}-{os.getpid()}")
    write_private(part, lines.encode())
    part.replace(file)


async def _supervise(
    settings: Settings,
    serving: Serving,
    listener: socket.socket,
    lighthouse: socket.socket | None,
    announce: Callable[[], None],
) -> None:
    from ksef_mock.commands.workers import Orders, WorkerFailed, Workers
    from ksef_mock.launch import stop_on_signals

    orders = Orders(
        settings,
        listener.fileno(),
        None if lighthouse is None else lighthouse.fileno(),
        serving.certificate,
        serving.log_format,
        serving.log_level,
    )
    supervisor = Workers(serving.workers, orders)
    stop_on_signals(supervisor.stop)
    try:
        await supervisor.run(announce)
    except WorkerFailed as failure:
        raise click.ClickException(str(failure)) from None
