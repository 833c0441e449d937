"""`ksef-mock token` and `ksef-mock certificate`: something to log in to a running mock with."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ksef_mock.commands import values
from ksef_mock.commands.files import write_private
from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, remote_command
from ksef_mock.commands.terminal import print_json


@click.group(cls=Group)
def token() -> None:
    """KSeF tokens of a running mock."""


@token.command(name="issue")
@click.option("--nip", required=True, help="Whose token.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    help="Permission such as InvoiceRead; may be repeated. Default: all.",
)
@click.option("--text", help="The token's text, instead of a generated one.")
@remote_command
@json_option
def issue_token(
    remote: Remote, nip: str, permissions: tuple[str, ...], text: str | None, as_json: bool
) -> None:
    """Issue a KSeF token, active at once, and print it."""
    order: dict[str, Any] = {"nip": nip}
    if permissions:
        order["permissions"] = list(permissions)
    if text is not None:
        order["token"] = text
    body = remote.call("POST", "/tokens", order)
    print_json(body) if as_json else click.echo(body["token"])


@click.group(cls=Group)
def certificate() -> None:
    """Certificates to log in to a running mock with."""


@certificate.command(name="issue")
@click.option(
    "--kind",
    type=click.Choice(["qualified", "trusted-profile", "ksef", "self-signed"]),
    default="qualified",
    show_default=True,
)
@click.option("--given-name", help="Of a person. Default: Jan.")
@click.option("--surname", help="Of a person. Default: Kowalski.")
@click.option("--organization", help="Makes it a seal.")
@click.option("--nip", help="NIP of the person or the organization.")
@click.option("--pesel", help="PESEL of the person.")
@click.option("--key", type=click.Choice(["rsa", "ec"]), default="rsa", show_default=True)
@click.option("--purpose", type=click.Choice(["Authentication", "Offline"]), help="Of a KSeF certificate.")
@click.option("--valid-from", type=values.time, help="ISO 8601. Default: a day before the mock's time.")
@click.option("--valid-to", type=values.time, help="ISO 8601. Default: two years later.")
@click.option("--pkcs12-password", help="Write a PKCS#12 file too, encrypted with this.")
@click.option(
    "--out",
    default="certificate",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Path of the files without their suffixes .pem, .key, -chain.pem, .p12.",
)
@remote_command
@json_option
def issue_certificate(
    remote: Remote,
    out: Path,
    as_json: bool,
    given_name: str | None,
    valid_from: datetime | None,
    valid_to: datetime | None,
    pkcs12_password: str | None,
    **options: str | None,
) -> None:
    """Issue a certificate and write it and its key to files."""
    if not as_json:
        _refuse_to_overwrite(out)
    wishes: dict[str, Any] = options | {
        "givenName": given_name,
        "validFrom": valid_from,
        "validTo": valid_to,
        "pkcs12Password": pkcs12_password,
    }
    order = {name: value for name, value in wishes.items() if value is not None}
    body = remote.call("POST", "/certificates", order)
    if as_json:
        print_json(body)
        return
    written = [_write(out, ".pem", body["certificatePem"].encode())]
    written.append(_write(out, ".key", body["privateKeyPem"].encode()))
    if body["chainPem"]:
        written.append(_write(out, "-chain.pem", body["chainPem"].encode()))
    if "pkcs12" in body:
        written.append(_write(out, ".p12", base64.b64decode(body["pkcs12"])))
    click.echo(f"{body['subject']}")
    click.echo(f"serial number {body['serialNumber']}, fingerprint {body['fingerprint']}")
    click.echo(f"valid from {body['validFrom'][:19]} to {body['validTo'][:19]}")
    click.echo(f"written: {', '.join(map(str, written))}")


def _status_command(name: str, sentence: str) -> None:
    @certificate.command(name=name, help=sentence)
    @click.argument("which")
    @remote_command
    def change(remote: Remote, which: str) -> None:
        path = Path(which)
        if path.is_file():
            choice = {"certificate": path.read_text(encoding="ascii", errors="replace")}
        elif len(which.replace(":", "")) == 64:
            choice = {"fingerprint": which}
        else:
            choice = {"serialNumber": which}
        body = remote.call("POST", f"/certificates/{name}", choice)
        click.echo(f"{body['fingerprint']} is {body['status']}")


_status_command("revoke", "Revoke a certificate: WHICH is a PEM file, a serial number, or a fingerprint.")
_status_command("suspend", "Suspend a certificate: WHICH is a PEM file, a serial number, or a fingerprint.")
_status_command("reinstate", "End a suspension: WHICH is a PEM file, a serial number, or a fingerprint.")


def _refuse_to_overwrite(out: Path) -> None:
    # A key that is gone is gone; nothing is issued before this is known.
    for suffix in (".pem", ".key", "-chain.pem", ".p12"):
        if (there := out.with_name(out.name + suffix)).exists():
            raise click.UsageError(f"{there} exists: give another --out, or remove it")


def _write(out: Path, suffix: str, content: bytes) -> Path:
    path = out.with_name(out.name + suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, content)
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from None
    return path
