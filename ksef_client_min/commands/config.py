"""`ksef config`: what commands take where an option is not given."""

from __future__ import annotations

import click

from ksef_client_min.commands.common import Group, base_url, explained, json_option, show
from ksef_client_min.environments import api_root
from ksef_client_min.session_file import Home


@click.group(cls=Group)
def config() -> None:
    """Set the NIP and the environment once."""


@config.command(name="set")
@click.option("--nip", help="NIP of the context.")
@click.option("--env", "environment", help="test, demo, prod, mock, or a URL.")
@json_option
@explained
def set_(nip: str | None, environment: str | None, as_json: bool) -> None:
    """Keep these values; the others stay as they are."""
    if nip is None and environment is None:
        raise click.UsageError("give --nip or --env")
    home = Home()
    kept = home.load_config()
    if environment is not None:
        try:
            api_root(base_url(environment))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--env") from None
        kept.environment = environment
    if nip is not None:
        kept.nip = nip
    home.save_config(kept)
    _show(as_json)


@config.command(name="show")
@json_option
@explained
def show_(as_json: bool) -> None:
    """Show what is kept."""
    _show(as_json)


def _show(as_json: bool) -> None:
    home = Home()
    kept = home.load_config()
    show(
        as_json,
        {"nip": kept.nip, "environment": kept.environment, "folder": str(home.folder)},
        f"nip          {kept.nip or '(not set)'}\nenvironment  {kept.environment or '(not set: test)'}\n"
        f"folder       {home.folder}",
    )
