"""`ksef-mock keys`: the published encryption keys of a running mock."""

from __future__ import annotations

from typing import Any

import click

from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, print_table, remote_command
from ksef_mock.commands.terminal import print_json

_USAGES = {"token": "KsefTokenEncryption", "symmetric": "SymmetricKeyEncryption"}


def _usage(command: Any) -> Any:
    return click.option(
        "--usage",
        type=click.Choice(list(_USAGES)),
        default="token",
        show_default=True,
        help="Which keys: for KSeF tokens, or for symmetric keys.",
    )(command)


@click.group(cls=Group)
def keys() -> None:
    """Show and rotate the published keys of a running mock."""


@keys.command(name="list")
@remote_command
@json_option
def list_keys(remote: Remote, as_json: bool) -> None:
    """List the published keys, in the order of publication."""
    _print(remote.call("GET", "/keys"), as_json)


@keys.command()
@click.option("--emergency", is_flag=True, help="Withdraw the old keys at once.")
@_usage
@remote_command
@json_option
def rotate(remote: Remote, emergency: bool, usage: str, as_json: bool) -> None:
    """Publish new keys, beside the old ones unless it is an emergency."""
    _print(remote.call("POST", "/keys/rotate", {"usage": _USAGES[usage], "emergency": emergency}), as_json)


@keys.command()
@_usage
@remote_command
@json_option
def recertify(remote: Remote, usage: str, as_json: bool) -> None:
    """Publish new certificates of the same keys: publicKeyId stays."""
    _print(remote.call("POST", "/keys/recertify", {"usage": _USAGES[usage]}), as_json)


@keys.command()
@click.argument("public_key_id")
@remote_command
@json_option
def withdraw(remote: Remote, public_key_id: str, as_json: bool) -> None:
    """Stop publishing and accepting a key."""
    _print(remote.call("POST", "/keys/withdraw", {"publicKeyId": public_key_id}), as_json)


@keys.command()
@click.argument("kind", type=click.Choice(["rsa", "ec", "both"]))
@remote_command
@json_option
def algorithm(remote: Remote, kind: str, as_json: bool) -> None:
    """Publish keys of another KIND."""
    _print(remote.call("PUT", "/keys/algorithm", {"algorithm": kind}), as_json)


def _print(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    print_table(
        ["publicKeyId", "usage", "algorithm", "validFrom", "validTo", ""],
        [
            [
                key["publicKeyId"],
                key["usage"],
                key["algorithm"],
                key["validFrom"][:10],
                key["validTo"][:10],
                "new" if key["new"] else "",
            ]
            for key in body["keys"]
        ],
    )
