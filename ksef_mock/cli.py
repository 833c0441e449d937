"""The `ksef-mock` command."""

from __future__ import annotations

import click

from ksef_mock import __version__
from ksef_mock.commands.background import stop
from ksef_mock.commands.ca import ca
from ksef_mock.commands.certs import certs
from ksef_mock.commands.clock import clock
from ksef_mock.commands.faults import faults
from ksef_mock.commands.issue import certificate, token
from ksef_mock.commands.journal import journal
from ksef_mock.commands.keys import keys
from ksef_mock.commands.serve import serve
from ksef_mock.commands.state import coverage, reset, snapshot, status, warn
from ksef_mock.commands.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ksef-mock")
def main() -> None:
    """A simulated KSeF: Poland's national e-invoicing system, authentication API v2."""


for command in (
    serve,
    ca,
    certs,
    verify,
    certificate,
    clock,
    coverage,
    faults,
    journal,
    keys,
    reset,
    snapshot,
    status,
    stop,
    token,
    warn,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
