"""`ksef-mock clock`: the time of a running mock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from ksef_mock.commands import values
from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, remote_command
from ksef_mock.commands.terminal import print_json


@click.group(cls=Group)
def clock() -> None:
    """Show and move the time of a running mock."""


@clock.command()
@remote_command
@json_option
def show(remote: Remote, as_json: bool) -> None:
    """Show the mock's time."""
    _print(remote.call("GET", "/clock"), as_json)


# `-h` would be read out of -2h.
@clock.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("seconds", type=values.seconds)
@remote_command
@json_option
def advance(remote: Remote, seconds: float, as_json: bool) -> None:
    """Move it forward by SECONDS, or by 15m, 2h, 8d (back if negative)."""
    _print(remote.call("POST", "/clock/advance", {"seconds": seconds}), as_json)


@clock.command(name="set")
@click.argument("time", type=values.time)
@remote_command
@json_option
def set_time(remote: Remote, time: datetime, as_json: bool) -> None:
    """Jump to TIME, ISO 8601 such as 2026-03-01T08:00:00Z or 2026-03-01."""
    _print(remote.call("POST", "/clock/set", {"time": time}), as_json)


@clock.command()
@remote_command
@json_option
def freeze(remote: Remote, as_json: bool) -> None:
    """Stop it until `resume`."""
    _print(remote.call("POST", "/clock/freeze"), as_json)


@clock.command()
@remote_command
@json_option
def resume(remote: Remote, as_json: bool) -> None:
    """Let it run on."""
    _print(remote.call("POST", "/clock/resume"), as_json)


def _print(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    offset = body["offsetSeconds"]
    state = ["frozen"] if body["frozen"] else []
    if offset:
        distance = timedelta(seconds=abs(offset))
        state.append(f"{distance} {'ahead of' if offset > 0 else 'behind'} real time")
    click.echo(body["time"] + (f" ({', '.join(state)})" if state else ""))
