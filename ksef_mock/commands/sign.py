"""`ksef-mock sign`: a document signed by somebody whom a running mock trusts."""

from __future__ import annotations

from pathlib import Path

import click

from ksef_mock.commands.remote import Remote, remote_command


@click.command()
@click.argument("document", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--as",
    "signer",
    required=True,
    metavar="WHO",
    help="pesel:90010112349, nip:5265877635 (a person) or seal:5265877635 (an organisation).",
)
@click.option(
    "--by",
    type=click.Choice(["trusted-profile", "qualified", "ksef"]),
    help="Whose certificate. Default: trusted-profile for a PESEL, qualified otherwise.",
)
@click.option("--form", type=click.Choice(["enveloped", "enveloping"]), help="Default: enveloped.")
@click.option("--algorithm", metavar="NAME", help="Such as rsa-sha512, sha256-rsa-MGF1, ecdsa-sha256.")
@click.option("--mistake", metavar="NAME", help="Sign wrongly, such as der-ecdsa, reindent, no-xades, sha1.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Default: standard output.",
)
@remote_command
def sign(
    remote: Remote,
    document: Path,
    signer: str,
    by: str | None,
    form: str | None,
    algorithm: str | None,
    mistake: str | None,
    output: Path | None,
) -> None:
    """Sign DOCUMENT with a new certificate of the running mock, as podpis.gov.pl would for the real KSeF."""
    order = {"as": signer, "by": by, "form": form, "algorithm": algorithm, "mistake": mistake}
    signed = remote.send("POST", "/sign", document.read_bytes(), params=order, content_type="application/xml")
    if output is None:
        click.echo(signed, nl=False)
        return
    try:
        output.write_bytes(signed)
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from None
