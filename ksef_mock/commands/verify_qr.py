"""`ksef-mock verify-qr`: what the page behind a QR code says, and why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ksef_mock.commands.findings import (
    all_option,
    moment_option,
    own_failures,
    print_checks,
    print_facts,
    print_verdict,
)
from ksef_mock.commands.remote import Remote, json_option, remote_command
from ksef_mock.commands.terminal import print_json

if TYPE_CHECKING:
    from ksef_mock.qr.links import CertificateLink, InvoiceLink


@click.command("verify-qr")
@click.argument("link")
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM: verify the signature of KOD II by it, without a mock.",
)
@click.option(
    "--profile",
    default="test",
    show_default=True,
    type=click.Choice(["test", "demo", "prod"]),
    help="With --certificate: whose host has to be signed.",
)
@moment_option
@all_option
@json_option
@remote_command
@own_failures()
def verify_qr(
    remote: Remote,
    link: str,
    certificate: Path | None,
    profile: Any,
    at: datetime,
    show_all: bool,
    as_json: bool,
) -> None:
    """Check the LINK inside of a QR code, KOD I or KOD II, and say what is wrong with it.

    A link to a mock is opened there; one made for KSeF's own hosts is looked up in the mock at --url.

    Exit code: 0 nothing is wrong, 1 something is, 2 the command was not understood,
    3 no mock answers, or ksef-mock has failed.
    """
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.qr.links import CertificateLink, UnreadableLink, read

    try:
        known = read(link)
    except UnreadableLink as error:
        raise click.BadParameter(str(error), param_hint="LINK") from None
    if certificate is None:
        body = _opened(remote, link, known)
    elif isinstance(known, CertificateLink):
        body = _judged(known, certificate, profile, at)
    else:
        raise click.BadParameter("KOD I is not signed", param_hint="--certificate")
    if as_json:
        print_json(body)
    else:
        _print(body, show_all)
    raise SystemExit(0 if body["ok"] else 1)


def _opened(remote: Remote, link: str, known: InvoiceLink | CertificateLink) -> dict[str, Any]:
    from ksef_mock.qr.links import FORMER_HOSTS, HOSTS, PREFIX, CertificateLink, address_of

    page = "certificate" if isinstance(known, CertificateLink) else "invoice"
    scheme, address, rest = address_of(link)
    if address in ("", *HOSTS.values(), *FORMER_HOSTS.values()):
        body: dict[str, Any] = remote.open(f"{PREFIX}/{page}/{rest}")
    else:
        body = Remote(f"{scheme or 'http'}://{address}", None).open(f"/{page}/{rest}")
    return body


def _judged(link: CertificateLink, path: Path, profile: Any, moment: datetime) -> dict[str, Any]:
    from ksef_mock.crypto.certificate import load_pem_certificates
    from ksef_mock.crypto.chain import MALFORMED
    from ksef_mock.qr.verification import judge_file

    try:
        certificate = load_pem_certificates(path.read_bytes())[0]
    except MALFORMED as error:
        raise click.BadParameter(str(error), param_hint="--certificate") from None
    return judge_file(link, certificate, profile, moment).to_dict()


def _print(body: dict[str, Any], show_all: bool) -> None:
    failure = next((each for each in body["results"] if each["outcome"] == "failed"), None)
    print_verdict(
        f"KSeF does not confirm this {body['code']}: {failure['check']}." if failure else None,
        f"Nothing is wrong with this {body['code']}.",
    )
    facts = {"KSeF says": body.get("verdict"), "Invoice": (body.get("invoice") or {}).get("ksefNumber")}
    if failure is not None:
        facts |= {"Because": failure["reason"], "Likely": failure["explanation"]}
    print_facts(facts)
    print_checks(((each["outcome"], each["check"], each["reason"]) for each in body["results"]), show_all)
