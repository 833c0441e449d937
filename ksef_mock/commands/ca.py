"""`ksef-mock ca`: the certificate that clients of `ksef-mock serve --tls` must trust."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def ca_folder_option(command: F) -> F:
    """`--tls-ca-dir`, the same for all commands."""
    return click.option(
        "--tls-ca-dir",
        metavar="FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the CA of --tls is kept; default: ksef-mock/tls in the user's folder for state.",
    )(command)


@click.command(context_settings={"auto_envvar_prefix": "KSEF_MOCK"})
@ca_folder_option
def ca(tls_ca_dir: Path | None) -> None:
    """Print the CA certificate of `serve --tls` as PEM, for SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, a truststore.

    It is made at the first need and stays the same from one start to the next. It can vouch for this
    machine, private networks, names reserved for tests, and KSeF's own: trust it in the processes under
    test, not in a whole system.
    """
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.serving.tls import BrokenAuthority, TlsAuthority, default_folder

    try:
        authority = TlsAuthority.kept_in(tls_ca_dir or default_folder())
    except BrokenAuthority as error:
        raise click.ClickException(str(error)) from None
    click.echo(authority.certificate_pem, nl=False)
