"""The `ksef` command.

Exit codes: 0 done, 1 KSeF refused, 2 the command was not understood or is not installed in full, 3 KSeF could
not be reached or did not answer as KSeF, 4 a login is needed.
"""

from __future__ import annotations

import click

from ksef_client_min.commands.auth import auth
from ksef_client_min.commands.batch import batch
from ksef_client_min.commands.cert import cert
from ksef_client_min.commands.collective import collective
from ksef_client_min.commands.common import Group, no_color_option, spell_out
from ksef_client_min.commands.config import config
from ksef_client_min.commands.invoice import invoice
from ksef_client_min.commands.qr import qr
from ksef_client_min.commands.session import session
from ksef_client_min.commands.token import token


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ksef-mock", prog_name="ksef")
@no_color_option
def main() -> None:
    """Work with KSeF, Poland's national e-invoicing system, from the command line."""
    spell_out()


for group in (auth, batch, cert, collective, config, invoice, qr, session, token):
    main.add_command(group)
