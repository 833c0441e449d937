"""`ksef qr`: the links inside of the QR codes on an invoice."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from ksef_client_min.commands.common import (
    REFUSED,
    Group,
    environment_option,
    explained,
    fail,
    json_option,
    show,
)
from ksef_client_min.credentials import load_pem
from ksef_client_min.qr import InvoiceFacts, certificate_link, facts_of, invoice_link

_document = click.argument("document", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(cls=Group)
def qr() -> None:
    """Make the links inside of the QR codes on an invoice."""


@qr.command()
@_document
@click.option("--nip", help="NIP of the seller; else as in the document.")
@click.option("--date", "issued", metavar="YYYY-MM-DD", help="Date of issue (P_1); else as in the document.")
@environment_option
@json_option
@explained
def invoice(document: Path, nip: str | None, issued: str | None, environment: str, as_json: bool) -> None:
    """KOD I of the invoice DOCUMENT: is it in KSeF?"""
    octets = document.read_bytes()
    try:
        facts = InvoiceFacts(nip, date.fromisoformat(issued)) if nip and issued else facts_of(octets)
        if nip or issued:
            day = date.fromisoformat(issued) if issued else facts.issue_date
            facts = InvoiceFacts(nip or facts.seller_nip, day)
        link = invoice_link(environment, octets, facts)
    except ValueError as error:
        fail(f"{document}: {error}", REFUSED)
    show(as_json, {"link": link}, link)


@qr.command()
@_document
@click.option(
    "--cert", "cert_path", required=True, type=click.Path(path_type=Path), help="PEM, type Offline."
)
@click.option("--key", "key_path", required=True, type=click.Path(path_type=Path), help="Its key, PEM.")
@click.option("--key-password", envvar="KSEF_KEY_PASSWORD", help="Of an encrypted key.")
@click.option(
    "--context",
    metavar="TYPE:VALUE",
    help="Who will send it, such as InternalId:5265877635-12345; else the seller.",
)
@click.option("--seller", help="NIP of the seller; else as in the document.")
@environment_option
@json_option
@explained
def certificate(
    document: Path,
    cert_path: Path,
    key_path: Path,
    key_password: str | None,
    context: str | None,
    seller: str | None,
    environment: str,
    as_json: bool,
) -> None:
    """KOD II of the invoice DOCUMENT: who has issued it offline?"""
    credentials = load_pem(cert_path, key_path, key_password)
    octets = document.read_bytes()
    try:
        nip = seller or facts_of(octets).seller_nip
        kind, _, value = (context or f"Nip:{nip}").partition(":")
        link = certificate_link(environment, octets, credentials, (kind, value), nip)
    except ValueError as error:
        fail(f"{document}: {error}", REFUSED)
    show(as_json, {"link": link}, link)
