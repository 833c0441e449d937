"""`ksef-mock tenant`: further mocks in a running one, each with everything of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, print_table, remote_command
from ksef_mock.commands.terminal import print_json


@click.group(cls=Group)
def tenant() -> None:
    """Further mocks in a running one, each with everything of its own."""


@tenant.command()
@click.argument("name", required=False)
@click.option("--profile", type=click.Choice(["test", "demo", "prod"]))
@click.option("--token-key", type=click.Choice(["rsa", "ec", "both"]))
@click.option("--nip", help="NIP of its KSeF token.")
@click.option("--token", metavar="TEXT", help="The text of that token. Default: a new one.")
@click.option("--delay-polls", type=click.IntRange(0), help="Status polls answered with 100.")
@click.option("--delay-seconds", type=click.FloatRange(0), help="Seconds at status 100.")
@click.option("--rate-limits", type=click.Choice(["off", "test", "production"]))
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON file with what it knows from the start on.",
)
@click.option("--idle-seconds", type=float, help="It is gone after so many without a request. Default: 3600.")
@remote_command
@json_option
def add(
    remote: Remote,
    as_json: bool,
    delay_polls: int | None,
    delay_seconds: float | None,
    seed: Path | None,
    token_key: str | None,
    rate_limits: str | None,
    idle_seconds: float | None,
    **same: str | None,
) -> None:
    """Make a tenant, called NAME or something new. What is not told is as the mock itself has it."""
    delay = {"polls": delay_polls, "seconds": delay_seconds}
    given: dict[str, Any] = {
        **same,
        "tokenKey": token_key,
        "rateLimits": rate_limits,
        "idleSeconds": idle_seconds,
        "delay": _known(delay) or None,
        "seed": None if seed is None else _document(seed),
    }
    body = remote.call("POST", "/tenants", _known(given))
    if as_json:
        print_json(body)
        return
    click.echo(f"Tenant: {body['name']}")
    click.echo(f"URL:    {body['url']}")
    click.echo(f"NIP:    {body['nip']}")
    click.echo(f"Token:  {body['token']}")
    click.echo(f"Header: {body['header']['name']}: {body['header']['value']}")


@tenant.command(name="list")
@remote_command
@json_option
def list_(remote: Remote, as_json: bool) -> None:
    """List the tenants."""
    body = remote.call("GET", "/tenants")
    if as_json:
        print_json(body)
        return
    if not body["tenants"]:
        click.echo(f"No tenants; there is room for {body['limit']}.")
        return
    rows = [
        [each["name"], each["profile"], each["nip"], f"{each['unusedSeconds']:.0f} s", each["url"]]
        for each in body["tenants"]
    ]
    print_table(["name", "profile", "NIP", "unused", "URL"], rows)


@tenant.command()
@click.argument("name")
@remote_command
def remove(remote: Remote, name: str) -> None:
    """Forget the tenant NAME and all that it knows."""
    remote.call("DELETE", f"/tenants/{quote(name, safe='')}")


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _document(seed: Path) -> Any:
    from ksef_mock.seed.files import load_document

    try:
        return load_document(seed)
    except ModuleNotFoundError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--seed") from None
