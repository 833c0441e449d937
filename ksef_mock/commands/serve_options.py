"""The options of `ksef-mock serve`: what the mock is (`Settings`), and how it is served (`Serving`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ksef_mock.commands.ca import ca_folder_option
from ksef_mock.commands.gathered import gathered

if TYPE_CHECKING:
    from ksef_mock.seed.model import Seed
    from ksef_mock.serving.tls import ServerCertificate
    from ksef_mock.settings import Settings
    from ksef_mock.trail.logs import LogFormat

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


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


def _schemas(_context: click.Context, _option: click.Parameter, folder: Path | None) -> Path | None:
    if folder is not None:
        from ksef_mock.ksef.invoices.schemas import Schemas

        try:
            Schemas(folder)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return folder


def _percentiles(
    _context: click.Context, _option: click.Parameter, value: str
) -> tuple[tuple[float, float], ...]:
    try:
        points = tuple(
            (float(percent), float(seconds))
            for percent, _, seconds in (point.partition("=") for point in value.split(",") if point)
        )
        from ksef_mock.core.waiting import Delay

        return Delay(percentiles=points).percentiles
    except ValueError as error:
        raise click.BadParameter(f"such as 50=0.5,95=4,99=20: {error}") from None


# ---- what the mock is


def _settings(
    *,
    nip: str,
    token: str | None,
    delay_polls: int,
    delay_seconds: float,
    delay_percentiles: tuple[tuple[float, float], ...],
    export_invoices: int,
    export_part_size: int,
    trust: tuple[Path, ...],
    seed: Path | None,
    store: str,
    **same: Any,
) -> Settings:
    """`same`: options that `Settings` knows by the same name."""
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.clock import Clock
    from ksef_mock.core.identifiers import Identifier, is_context_identifier
    from ksef_mock.core.waiting import Delay
    from ksef_mock.ksef.invoices.export_limits import ExportLimits
    from ksef_mock.ksef.tokens.tokens import new_text
    from ksef_mock.settings import FirstToken, Settings

    given = click.get_current_context().get_parameter_source("nip")
    if token is not None and given is click.core.ParameterSource.DEFAULT:
        # KSeF writes into the text whose token it is.
        named = re.fullmatch(r"[^|]*\|nip-(?P<nip>\d{10})\|[^|]*", token, re.ASCII)
        nip = named["nip"] if named else nip
    context = Identifier("Nip", nip)
    if not is_context_identifier(context):
        raise click.BadParameter(f"{nip!r} is no valid NIP: ten digits", param_hint="--nip")
    try:
        first_token = FirstToken(nip, new_text(context, Clock().now()) if token is None else token)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--token") from None
    try:
        return Settings(
            first_token=first_token,
            exports=ExportLimits(invoices=export_invoices, part_octets=export_part_size),
            delay=Delay(polls=delay_polls, seconds=delay_seconds, percentiles=delay_percentiles),
            trusted_cas=trust,
            seed=None if seed is None else _seed(seed),
            store=store,
            **same,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _seed(file: Path) -> Seed:
    from ksef_mock.seed.files import load_seed

    try:
        return load_seed(file)
    except ModuleNotFoundError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--seed") from None


settings_options = gathered(
    "settings",
    _settings,
    [
        click.option(
            "--profile",
            default="test",
            show_default=True,
            type=click.Choice(["test", "demo", "prod"]),
            help="Which of KSeF's environments to behave like.",
        ),
        click.option(
            "--token-key",
            default="rsa",
            show_default=True,
            type=click.Choice(["rsa", "ec", "both"]),
            help="Keys published for the encryption of KSeF tokens.",
        ),
        click.option(
            "--nip",
            default="5265877635",
            show_default=True,
            help="NIP to issue a ready-to-use KSeF token for; by default that in --token, too.",
        ),
        click.option(
            "--token",
            metavar="TEXT",
            help="The text of that token, the same at each start. Default: a new one.",
        ),
        click.option(
            "--control-token",
            help="Secret that /_mock asks for in X-Mock-Control-Token. Unset: loopback clients only.",
        ),
        click.option(
            "--delay-polls",
            default=0,
            type=click.IntRange(0),
            help="Status polls answered with 100 before the outcome.",
        ),
        click.option(
            "--delay-seconds",
            default=0.0,
            type=click.FloatRange(0),
            help="Seconds at status 100 before the outcome.",
        ),
        click.option(
            "--delay-percentiles",
            default="",
            metavar="P=SECONDS,…",
            callback=_percentiles,
            help="More seconds at 100, drawn for each login and so on: 50=0.5,95=4,99=20.",
        ),
        click.option(
            "--rate-limits",
            default="off",
            show_default=True,
            type=click.Choice(["off", "test", "production"]),
            help="Rate limits to enforce.",
        ),
        click.option(
            "--enforce-xades",
            is_flag=True,
            help="Refuse signatures that are no XAdES in the profile prod too, which else warns of them.",
        ),
        click.option(
            "--strict-signatures",
            is_flag=True,
            help="Refuse, on TEST too, signatures over what lxml makes of SignedInfo where it stands.",
        ),
        click.option(
            "--refuse-tokens-by-tokens",
            is_flag=True,
            help="Refuse POST /tokens after a login with a KSeF token.",
        ),
        click.option(
            "--schemas",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            callback=_schemas,
            help="The ministry's repository, for the schemas of other forms than FA(3).",
        ),
        click.option(
            "--storage-delay",
            default=0.0,
            type=click.FloatRange(0),
            help="Seconds from the acceptance of an invoice until it can be found and fetched.",
        ),
        click.option(
            "--hwm-lag",
            default=0.0,
            type=click.FloatRange(0, 86_400),
            help="Seconds that the PermanentStorageHwmDate is behind, then cut to the minute; 0: it is now.",
        ),
        click.option(
            "--export-invoices",
            default=10_000,
            show_default=True,
            type=click.IntRange(1),
            help="Invoices that a package of an export holds at most: fewer, to meet truncation soon.",
        ),
        click.option(
            "--export-part-size",
            default=50_000_000,
            show_default=True,
            type=click.IntRange(1_000),
            help="Bytes of a part of such a package: fewer, to meet several parts soon.",
        ),
        click.option(
            "--batch-processes",
            type=click.IntRange(0, 64),
            help="Processes that verify large packages beside the mock; 0: it does so itself."
            " Default: one for each core, at most 4.",
        ),
        click.option(
            "--lighthouse-cors",
            is_flag=True,
            help="Let web pages of any origin read the lighthouse, which the real one does not.",
        ),
        click.option(
            "--max-tenants",
            default=100,
            show_default=True,
            type=click.IntRange(0, 10_000),
            help="Further mocks that POST /_mock/tenants may make at a time.",
        ),
        click.option(
            "--trusted-proxy",
            "trusted_proxies",
            multiple=True,
            metavar="ADDRESS",
            callback=_networks,
            help="Address or network of a proxy whose X-Forwarded-For is believed; may be repeated.",
        ),
        click.option(
            "--trust",
            multiple=True,
            type=_FILE,
            help="PEM file with CA certificates to trust beside the mock's own; may be repeated.",
        ),
        click.option(
            "--defect",
            "defects",
            multiple=True,
            metavar="NAME",
            hidden=True,
            callback=_defects,
            help="Break a rule on purpose (ksef_mock.defects); may be repeated.",
        ),
        click.option(
            "--seed",
            type=_FILE,
            help="YAML or JSON file with what the mock knows from the start on: see docs/seed.md.",
        ),
        click.option(
            "--store",
            default="memory",
            show_default=True,
            envvar="KSEF_MOCK_STORE",
            metavar="STORE",
            help="What keeps the state: memory, sqlite:FILE, or the URL of a Redis"
            " (redis://, rediss://, unix://).",
        ),
    ],
)


# ---- how it is served


@dataclass(frozen=True)
class Serving:
    """How to serve, besides what the mock is."""

    host: str
    port: int
    #: Of the lighthouse alone; None: it has none of its own.
    lighthouse_port: int | None
    workers: int
    #: None: plain HTTP.
    certificate: ServerCertificate | None
    #: The CA for clients to trust, where `certificate` is of the mock's own.
    ca_file: Path | None
    log_format: LogFormat
    #: Of `logging`.
    log_level: int
    detach: bool
    #: None: none is written, unless it serves in the background.
    pid_file: Path | None
    env_file: Path | None
    #: Where this process logs, if another has started it for the background.
    log_file: Path | None


def _serving(
    *,
    tls: bool,
    tls_hosts: tuple[str, ...],
    tls_ca_dir: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    log_level: str,
    verbose: bool,
    host: str,
    **same: Any,
) -> Serving:
    """`same`: options that `Serving` knows by the same name."""
    import logging

    certificate, ca_file = _certificate(tls, (host, *tls_hosts), tls_ca_dir, tls_cert, tls_key)
    return Serving(
        host=host,
        certificate=certificate,
        ca_file=ca_file,
        log_level=logging.INFO if verbose else logging.getLevelNamesMapping()[log_level.upper()],
        **same,
    )


def _certificate(
    tls: bool, hosts: Sequence[str], folder: Path | None, own: Path | None, own_key: Path | None
) -> tuple[ServerCertificate | None, Path | None]:
    if not tls and own is None and own_key is None:
        return None, None

    from ksef_mock.serving.tls import (
        CERTIFICATE_FILE,
        BrokenAuthority,
        ServerCertificate,
        TlsAuthority,
        default_folder,
    )

    if own is not None or own_key is not None:
        if own is None or own_key is None:
            raise click.UsageError("--tls-cert and --tls-key need each other")
        try:
            return ServerCertificate.load(own, own_key), None
        except (OSError, ValueError) as error:
            raise click.BadParameter(str(error), param_hint="--tls-cert") from None
    folder = folder or default_folder()
    try:
        return TlsAuthority.kept_in(folder).issue(hosts), folder / CERTIFICATE_FILE
    except BrokenAuthority as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host or --tls-host") from None


serving_options = gathered(
    "serving",
    _serving,
    [
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option(
            "--port",
            default=8080,
            show_default=True,
            type=click.IntRange(0, 65_535),
            help="Port to listen on; 0 takes a free one.",
        ),
        click.option(
            "--lighthouse-port",
            type=click.IntRange(0, 65_535),
            help="Port at which the lighthouse alone answers; 0 takes a free one. Without: below /latarnia.",
        ),
        click.option(
            "--workers",
            default=1,
            show_default=True,
            type=click.IntRange(1, 64),
            help="Processes that serve; more than one need a store that they can share.",
        ),
        click.option(
            "--tls",
            is_flag=True,
            help="Serve by https, with a certificate of the CA that `ksef-mock ca` prints.",
        ),
        click.option(
            "--tls-host",
            "tls_hosts",
            multiple=True,
            metavar="NAME",
            help="Name or address in that certificate beside localhost, --host, KSeF's own; may be repeated.",
        ),
        ca_folder_option,
        click.option(
            "--tls-cert",
            type=_FILE,
            help="PEM file with a certificate of your own (and its chain) to serve by https with.",
        ),
        click.option("--tls-key", type=_FILE, help="PEM file with its private key, not encrypted."),
        click.option(
            "--detach",
            is_flag=True,
            help="Return once it is ready, and go on in the background until `ksef-mock stop`.",
        ),
        click.option(
            "--pid-file", type=_OUT, metavar="FILE", help="Write the process id there, as long as it runs."
        ),
        click.option(
            "--env-file",
            type=_OUT,
            metavar="FILE",
            help="Write KSEF_URL, KSEF_NIP, KSEF_TOKEN (and, with --tls, KSEF_CA) there once it is ready.",
        ),
        click.option(
            "--log-format",
            default="text",
            show_default=True,
            type=click.Choice(["text", "json"]),
            help="What a line of the log, on standard error, looks like.",
        ),
        click.option(
            "--log-level",
            default="warning",
            show_default=True,
            type=click.Choice(["error", "warning", "info", "debug"]),
            help="What is logged: warning has a line for each refusal, info one for each request"
            " and each decision.",
        ),
        click.option("--log-file", type=_OUT, hidden=True),
        click.option("--verbose", is_flag=True, help="The same as --log-level info."),
    ],
)
