"""`ksef-mock processing`: a running mock takes work and finishes none."""

from __future__ import annotations

import click

from ksef_mock.commands.remote import Remote, remote_command


@click.group()
def processing() -> None:
    """Stop the processing of what is accepted, for a while."""


@processing.command()
@click.option("--for", "for_seconds", type=float, required=True, help="How long, in seconds.")
@click.option("--in", "in_seconds", type=float, default=0.0, help="Begin in so many seconds. Default: now.")
@remote_command
def stop(remote: Remote, for_seconds: float, in_seconds: float) -> None:
    """What would be finished meanwhile keeps its waiting status until the end, by the mock's clock."""
    body = remote.call("POST", "/processing/stop", {"forSeconds": for_seconds, "inSeconds": in_seconds})
    click.echo(f"stopped from {body['since'][:19]} until {body['until'][:19]}")


@processing.command()
@remote_command
def resume(remote: Remote) -> None:
    """Cancel the stop: what it kept waiting is finished."""
    remote.call("DELETE", "/processing/stop")
