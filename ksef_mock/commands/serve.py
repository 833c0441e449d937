"""`ksef-mock serve`: a mock on a port, in one process or several."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ksef_mock.commands.ca import ca_folder_option

if TYPE_CHECKING:
    from ksef_mock.seed.model import Seed
    from ksef_mock.serving.tls import ServerCertificate
    from ksef_mock.settings import Settings


def _networks(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ip_network(value, strict=False)
        except ValueError:
            raise click.BadParameter(f"{value!r} is neither an IP address nor a network") from None
    return values


def _defects(_context: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    if names:
        from ksef_mock.defects import UnknownDefect, require_known

        try:
            require_known(names)
        except UnknownDefect as error:
            raise click.BadParameter(str(error)) from None
    return names


# Each option is also an environment variable, KSEF_MOCK_PORT for --port: CI services take no arguments.
@click.command(context_settings={"auto_envvar_prefix": "KSEF_MOCK"})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--profile",
    default="test",
    show_default=True,
    type=click.Choice(["test", "demo", "prod"]),
    help="Which of KSeF's environments to behave like.",
)
@click.option(
    "--token-key",
    default="rsa",
    show_default=True,
    type=click.Choice(["rsa", "ec", "both"]),
    help="Keys published for the encryption of KSeF tokens.",
)
@click.option(
    "--nip", default="5265877635", show_default=True, help="NIP to issue a ready-to-use KSeF token for."
)
@click.option(
    "--control-token",
    help="Secret that /_mock asks for in X-Mock-Control-Token. Unset: loopback clients only.",
)
@click.option(
    "--delay-polls",
    default=0,
    type=click.IntRange(0),
    help="Status polls answered with 100 before the outcome.",
)
@click.option(
    "--delay-seconds", default=0.0, type=click.FloatRange(0), help="Seconds at status 100 before the outcome."
)
@click.option(
    "--rate-limits",
    default="off",
    show_default=True,
    type=click.Choice(["off", "test", "production"]),
    help="Rate limits to enforce.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    callback=_networks,
    help="Address or network of a proxy whose X-Forwarded-For is believed; may be repeated.",
)
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with CA certificates to trust beside the mock's own; may be repeated.",
)
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="NAME",
    hidden=True,
    callback=_defects,
    help="Break a rule on purpose (ksef_mock.defects); may be repeated.",
)
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON file with what the mock knows from the start on: see docs/seed.md.",
)
@click.option(
    "--log-format",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json"]),
    help="What a line of the log, on standard error, looks like.",
)
@click.option(
    "--log-level",
    default="error",
    show_default=True,
    type=click.Choice(["error", "warning", "info", "debug"]),
    help="What is logged; info has a line for each request and each decision.",
)
@click.option(
    "--tls", is_flag=True, help="Serve by https, with a certificate of the CA that `ksef-mock ca` prints."
)
@click.option(
    "--tls-host",
    "tls_hosts",
    multiple=True,
    metavar="NAME",
    help="Name or address in that certificate beside localhost, --host, KSeF's own; may be repeated.",
)
@ca_folder_option
@click.option(
    "--tls-cert",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with a certificate of your own (and its chain) to serve by https with.",
)
@click.option(
    "--tls-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with its private key, not encrypted.",
)
@click.option(
    "--store",
    default="memory",
    show_default=True,
    envvar="KSEF_MOCK_STORE",
    metavar="STORE",
    help="What keeps the state: memory, sqlite:FILE, or the URL of a Redis (redis://, rediss://, unix://).",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that serve; more than one need a store that they can share.",
)
@click.option("--verbose", is_flag=True, help="The same as --log-level info.")
def serve(
    host: str,
    port: int,
    profile: str,
    token_key: str,
    nip: str,
    control_token: str | None,
    delay_polls: int,
    delay_seconds: float,
    rate_limits: str,
    trusted_proxies: tuple[str, ...],
    trust: tuple[Path, ...],
    defects: tuple[str, ...],
    seed: Path | None,
    log_format: str,
    log_level: str,
    tls: bool,
    tls_hosts: tuple[str, ...],
    tls_ca_dir: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    store: str,
    workers: int,
    verbose: bool,
) -> None:
    """Run the mock until SIGTERM or Ctrl-C.

    When it accepts requests it prints its address, then a NIP and a KSeF token to log in with. Each
    option can also be set as an environment variable, as KSEF_MOCK_PORT for --port.
    """
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.core.environment import Delay
    from ksef_mock.core.identifiers import Identifier, is_context_identifier
    from ksef_mock.settings import Settings
    from ksef_mock.trail.logs import configure

    if not is_context_identifier(Identifier("Nip", nip)):
        raise click.BadParameter(f"{nip!r} is no valid NIP: ten digits", param_hint="--nip")
    if workers > 1 and store == "memory":
        raise click.UsageError(
            f"--workers {workers} needs a store that processes share: --store sqlite:FILE or --store redis://…"
        )
    level = logging.INFO if verbose else logging.getLevelName(log_level.upper())
    configure(log_format, level)  # type: ignore[arg-type]  # click.Choice has checked both
    try:
        settings = Settings(store=store)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--store") from None
    settings = replace(
        settings,
        profile=profile,  # type: ignore[arg-type]  # click.Choice has checked both
        token_key=token_key,  # type: ignore[arg-type]
        delay=Delay(polls=delay_polls, seconds=delay_seconds),
        control_token=control_token,
        rate_limits=rate_limits,  # type: ignore[arg-type]
        trusted_proxies=trusted_proxies,
        trusted_cas=trust,
        defects=defects,
        seed=None if seed is None else _seed(seed),
    )
    certificate = _certificate(tls, (host, *tls_hosts), tls_ca_dir, tls_cert, tls_key)
    serving = _Serving(host, port, nip, workers, certificate, log_format)
    asyncio.run(_serve(settings, serving))


def _seed(file: Path) -> Seed:
    from ksef_mock.seed.files import load_seed

    try:
        return load_seed(file)
    except ModuleNotFoundError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--seed") from None


def _certificate(
    tls: bool, hosts: Sequence[str], folder: Path | None, own: Path | None, own_key: Path | None
) -> ServerCertificate | None:
    if not tls and own is None and own_key is None:
        return None

    from ksef_mock.serving.tls import BrokenAuthority, ServerCertificate, TlsAuthority, default_folder

    if own is not None or own_key is not None:
        if own is None or own_key is None:
            raise click.UsageError("--tls-cert and --tls-key need each other")
        try:
            return ServerCertificate.load(own, own_key)
        except (OSError, ValueError) as error:
            raise click.BadParameter(str(error), param_hint="--tls-cert") from None
    try:
        return TlsAuthority.kept_in(folder or default_folder()).issue(hosts)
    except BrokenAuthority as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host or --tls-host") from None


@dataclass(frozen=True)
class _Serving:
    """How to serve, besides what the mock is."""

    host: str
    port: int
    nip: str
    workers: int
    certificate: ServerCertificate | None
    log_format: str


async def _serve(settings: Settings, serving: _Serving) -> None:
    from ksef_mock.app import create_app
    from ksef_mock.clock import Clock
    from ksef_mock.core.errors import StoreUnavailable
    from ksef_mock.core.identifiers import Identifier
    from ksef_mock.serving.server import Server, listen, url_of
    from ksef_mock.state import open_store
    from ksef_mock.system.system import System

    host, port, nip, certificate = serving.host, serving.port, serving.nip, serving.certificate
    clock = Clock()
    try:
        store = open_store(settings.store, clock)
    except (ValueError, OSError) as error:
        raise click.BadParameter(str(error), param_hint="--store") from None
    try:
        app = create_app(settings, store, clock)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--trust") from None
    system: System = app.state.system
    try:
        await system.catch_up()
        await system.plant_seed()
        _, token = await system.issue_token(Identifier("Nip", nip))
        if serving.workers > 1:
            await system.keys.published()  # made once, before each worker makes its own
    except StoreUnavailable as error:
        await system.close()
        raise click.ClickException(f"cannot use the store: {error.reason}") from None
    except ValueError as error:
        await system.close()
        raise click.BadParameter(str(error), param_hint="--seed") from None
    try:
        listener = listen(host, port)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror or error}") from None

    def announce() -> None:
        click.echo(f"ksef-mock ready on {url_of(listener, tls=certificate is not None)}")
        click.echo(f"NIP:   {nip}")
        click.echo(f"Token: {token}")
        if settings.seed is not None:
            click.echo(f"Seed:  {settings.seed.summary()}")

    if serving.workers > 1:
        await system.close()
        await _supervise(settings, listener, serving, announce)
        return
    gc.freeze()  # what was made so far stays: the collector need not look at it again and again
    server = Server(app, on_ready=announce, on_stop=system.closing.set, tls=certificate)
    _stop_on_signals(server.stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        await system.close()


async def _supervise(
    settings: Settings, listener: socket.socket, serving: _Serving, announce: Callable[[], None]
) -> None:
    from ksef_mock.commands.workers import Orders, WorkerFailed, Workers

    orders = Orders(
        settings,
        listener.fileno(),
        serving.certificate,
        serving.log_format,  # type: ignore[arg-type]  # click.Choice has checked it
        logging.getLogger().level,
    )
    supervisor = Workers(serving.workers, orders)
    _stop_on_signals(supervisor.stop)
    try:
        await supervisor.run(announce)
    except WorkerFailed as failure:
        raise click.ClickException(str(failure)) from None


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)
            continue
        # Windows event loops have no signal handlers of their own.
        signal.signal(number, lambda *_: stop())
