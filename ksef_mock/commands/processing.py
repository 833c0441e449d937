"""`ksef-mock processing`: a running mock takes work and finishes none."""

from __future__ import annotations

import click

from ksef_mock.commands import values
from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, remote_command


@click.group(cls=Group)
def processing() -> None:
    """Stop the processing of what is accepted, for a while."""


@processing.command()
@click.option(
    "--for", "for_seconds", type=values.seconds, required=True, help="How long: 900, or 15m, 2h, 8d."
)
@click.option(
    "--in", "in_seconds", type=values.seconds, default=0.0, help="Begin so much later. Default: now."
)
@remote_command
def stop(remote: Remote, for_seconds: float, in_seconds: float) -> None:
    """Let what is accepted wait, for a time by the mock's clock.

    What would be finished meanwhile keeps its waiting status until the end.
    """
    body = remote.call("POST", "/processing/stop", {"forSeconds": for_seconds, "inSeconds": in_seconds})
    click.echo(f"stopped from {body['since'][:19]} until {body['until'][:19]}")


@processing.command()
@remote_command
def resume(remote: Remote) -> None:
    """Cancel the stop: what it kept waiting is finished."""
    remote.call("DELETE", "/processing/stop")
