"""`ksef cert`: KSeF certificates, to log in with in any context where one has permissions."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from ksef_client_min.certificates import load_der_certificate
from ksef_client_min.commands.common import (
    REFUSED,
    Group,
    explained,
    fail,
    json_option,
    logged_in,
    show,
    show_list,
    spinner,
)
from ksef_client_min.credentials import PrivateKey
from ksef_client_min.csr import build_csr
from ksef_client_min.operations import certificates
from ksef_client_min.session_file import BrokenFile
from ksef_client_min.sync_client import KsefClient

_COLUMNS = ("serialNumber", "name", "type", "status", "subject", "validTo")
#: Seconds: how long `cert get` waits for the certificate, and between two looks.
_PATIENCE, _PAUSE = 60.0, 1.0


@click.group(cls=Group)
def cert() -> None:
    """Enrol, download, list and revoke KSeF certificates."""


@cert.command()
@json_option
@explained
def limits(as_json: bool) -> None:
    """Show how many certificates can still be had."""
    with logged_in() as (ksef, _):
        found = ksef.call(certificates.limits())
    show(
        as_json,
        {
            "canRequest": found.can_request,
            "enrollmentsLeft": found.enrollment.remaining,
            "certificatesLeft": found.certificate.remaining,
        },
        f"enrolments left    {found.enrollment.remaining} of {found.enrollment.limit}\n"
        f"certificates left  {found.certificate.remaining} of {found.certificate.limit}",
    )


@cert.command()
@click.option(
    "--type",
    "kind",
    default="Authentication",
    show_default=True,
    type=click.Choice(["Authentication", "Offline"]),
    help="Authentication logs in; Offline signs codes of offline invoices.",
)
@click.option("--name", required=True, help="A name to recognise it by.")
@click.option(
    "--key-type", default="ec", show_default=True, type=click.Choice(["ec", "rsa"]), help="Of the key."
)
@click.option(
    "--key-output",
    default="ksef-key.pem",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the new private key; must not exist.",
)
@click.option("--key-password", envvar="KSEF_KEY_PASSWORD", help="Encrypt the private key with it.")
@json_option
@explained
def enroll(
    kind: str, name: str, key_type: str, key_output: Path, key_password: str | None, as_json: bool
) -> None:
    """Make a key and request a certificate for it. Needs a login with a certificate."""
    key: PrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if key_type == "ec"
        else rsa.generate_private_key(65_537, 2_048)
    )
    with logged_in() as (ksef, _), spinner("Requesting a certificate", as_json):
        csr = build_csr(ksef.call(certificates.enrollment_data()), key)
        _write_key(key, key_output, key_password)
        try:
            started = ksef.call(certificates.enroll(name, kind, csr))
        except BaseException:
            key_output.unlink()  # a key without a certificate is of no use to anybody
            raise
    show(
        as_json,
        {"referenceNumber": started.reference_number, "key": str(key_output)},
        f"Requested; the private key is in {key_output}. Get the certificate:\n"
        f"ksef cert get {started.reference_number}",
    )


@cert.command()
@click.argument("reference_number")
@click.option(
    "--output",
    default="ksef-cert.pem",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the certificate.",
)
@json_option
@explained
def get(reference_number: str, output: Path, as_json: bool) -> None:
    """Download the certificate that was requested, as soon as it is issued."""
    with logged_in() as (ksef, _), spinner("Waiting for the certificate", as_json):
        serial_number = _await_issue(ksef, reference_number)
        (retrieved,) = ksef.call(certificates.retrieve([serial_number])).certificates
    pem = load_der_certificate(retrieved.certificate).public_bytes(Encoding.PEM)
    try:
        output.write_bytes(pem)
    except OSError as error:
        raise BrokenFile(f"{output} cannot be written: {error.strerror}") from None
    show(
        as_json,
        {"serialNumber": serial_number, "name": retrieved.certificate_name, "output": str(output)},
        f"Wrote {output} ({retrieved.certificate_name}, serial number {serial_number}).",
    )


@cert.command(name="list")
@click.option("--status", type=click.Choice(["Active", "Blocked", "Revoked", "Expired"]), help="Only these.")
@click.option("--name", help="Part of the name.")
@click.option("--size", default=10, show_default=True, type=click.IntRange(10, 50), help="At most so many.")
@json_option
@explained
def list_(status: str | None, name: str | None, size: int, as_json: bool) -> None:
    """List certificates."""
    with logged_in() as (ksef, _):
        page = ksef.call(certificates.query(status=status, name=name, page_size=size))
    rows = [
        {
            "serialNumber": each.certificate_serial_number,
            "name": each.name,
            "type": each.type,
            "status": each.status,
            "subject": str(each.subject_identifier),
            "validTo": each.valid_to.isoformat(timespec="seconds"),
        }
        for each in page.certificates
    ]
    show_list(as_json, "certificates", rows, _COLUMNS, more=page.has_more)


@cert.command()
@click.argument("serial_number")
@click.option("--reason", type=click.Choice(["Unspecified", "Superseded", "KeyCompromise"]), help="Why.")
@json_option
@explained
def revoke(serial_number: str, reason: str | None, as_json: bool) -> None:
    """Revoke a certificate, for good."""
    with logged_in() as (ksef, _):
        ksef.call(certificates.revoke(serial_number, reason))
    show(as_json, {"status": "ok", "serialNumber": serial_number}, f"Revoked {serial_number}.")


def _await_issue(ksef: KsefClient, reference_number: str) -> str:
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = ksef.call(certificates.enrollment_status(reference_number))
        if found.certificate_serial_number is not None:
            return found.certificate_serial_number
        status = found.status
        if status.code != 100:
            fail(f"no certificate was issued: {status.code} {status.description}", REFUSED)
        if time.monotonic() > deadline:
            fail(
                f"not issued after {_PATIENCE:g} s; try again later: ksef cert get {reference_number}",
                REFUSED,
            )
        time.sleep(_PAUSE)


def _write_key(key: PrivateKey, path: Path, password: str | None) -> None:
    encryption: KeySerializationEncryption = NoEncryption()
    if password:
        encryption = BestAvailableEncryption(password.encode())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BrokenFile(f"{path} exists: give another --key-output") from None
    except OSError as error:
        raise BrokenFile(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
