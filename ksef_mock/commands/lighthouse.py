"""`ksef-mock lighthouse`: what the lighthouse of a running mock tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from ksef_mock.commands import values
from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, print_table, remote_command
from ksef_mock.commands.terminal import print_json
from ksef_mock.core.lighthouse import Breakdown

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=Group)
def lighthouse() -> None:
    """Latarnia: tell people that KSeF fails, or does not."""


@lighthouse.command()
@remote_command
@json_option
def show(remote: Remote, as_json: bool) -> None:
    """Show the status and all messages, those to come included."""
    body = remote.call("GET", "/lighthouse")
    if as_json:
        print_json(body)
        return
    click.echo(body["status"])
    if body["breakdown"] or body["slowSeconds"]:
        late = f", {body['slowSeconds']:g} s late" if body["slowSeconds"] else ""
        click.echo(f"It is down itself: {body['breakdown'] or 'no'}{late}")
    _print(body["messages"])


def _announcing(command: F) -> F:
    options = (
        click.option("--start", type=values.time, help="ISO 8601. Default: now."),
        click.option(
            "--in", "in_seconds", type=values.seconds, help="Start so much later: 900, or 15m, 2h, 8d."
        ),
        click.option("--end", type=values.time, help="ISO 8601."),
        click.option("--for", "for_seconds", type=values.seconds, help="End so long after the start."),
        click.option("--title", help="Default: in the mock's words."),
        click.option("--text", help="Default: in the mock's words."),
        click.option("--with-api", is_flag=True, help="The API answers 503 as long as it is under way."),
    )
    decorated: F = command
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def _announcement(name: str, category: str, sentence: str) -> None:
    @lighthouse.command(name=name, help=sentence)
    @_announcing
    @remote_command
    @json_option
    def announce(
        remote: Remote,
        as_json: bool,
        in_seconds: float | None,
        for_seconds: float | None,
        with_api: bool,
        **same: str | datetime | None,
    ) -> None:
        given = {"inSeconds": in_seconds, "forSeconds": for_seconds, **same}
        order: dict[str, Any] = {"category": category, "withApi": with_api}
        order |= {member: value for member, value in given.items() if value is not None}
        _said(remote.call("POST", "/lighthouse/messages", order), as_json)


_announcement("failure", "FAILURE", "Announce a failure, without an end or with one.")
_announcement("total-failure", "TOTAL_FAILURE", "Announce a total failure, without an end or with one.")
_announcement("maintenance", "MAINTENANCE", "Announce a maintenance: by --start or --in, --end or --for.")


@lighthouse.command()
@click.argument("event_id", type=int, required=False)
@remote_command
@json_option
def end(remote: Remote, event_id: int | None, as_json: bool) -> None:
    """End the event EVENT_ID, or all that are under way."""
    _said(remote.call("POST", "/lighthouse/end", {"eventId": event_id}), as_json)


@lighthouse.command()
@click.argument("message_id")
@click.option("--title")
@click.option("--text")
@click.option("--start", type=values.time, help="ISO 8601.")
@click.option("--end", type=values.time, help="ISO 8601.")
@remote_command
@json_option
def correct(remote: Remote, message_id: str, as_json: bool, **changes: str | datetime | None) -> None:
    """Publish the next version of a message.

    MESSAGE_ID is such as K/2026/AWR/01.
    """
    order = {"id": message_id} | {name: value for name, value in changes.items() if value is not None}
    body = remote.call("POST", "/lighthouse/correct", order)
    print_json(body) if as_json else _print([body])


@lighthouse.command()
@remote_command
def withdraw(remote: Remote) -> None:
    """Withdraw all messages."""
    remote.call("DELETE", "/lighthouse/messages")


@lighthouse.command()
@click.argument("name")
@remote_command
@json_option
def play(remote: Remote, name: str, as_json: bool) -> None:
    """Begin the scenario NAME.

    Such as outage or test-now; `show --json` lists them.
    """
    _said(remote.call("POST", "/lighthouse/play", {"name": name}), as_json)


@lighthouse.command()
@click.argument("how", type=click.Choice([*map(str, Breakdown), "slow"]))
@click.option(
    "--seconds",
    type=values.seconds,
    default=5.0,
    show_default=True,
    help="How late it answers if it is `slow`.",
)
@remote_command
def down(remote: Remote, how: str, seconds: float) -> None:
    """Let the lighthouse itself fail, until `lighthouse up`."""
    order = {"slowSeconds": seconds} if how == "slow" else {"name": how}
    remote.call("PUT", "/lighthouse/breakdown", order)


@lighthouse.command()
@remote_command
def up(remote: Remote) -> None:
    """Let the lighthouse work again."""
    remote.call("DELETE", "/lighthouse/breakdown")


def _said(body: dict[str, Any], as_json: bool) -> None:
    print_json(body) if as_json else _print(body["messages"])


def _print(messages: list[dict[str, Any]]) -> None:
    if not messages:
        click.echo("No messages.")
        return
    rows = [
        [
            message["id"],
            message["eventId"],
            f"{message['category']} {message['type']}",
            message["start"][:19],
            message.get("end", "")[:19],
            message["published"][:19],
            f"v{message['version']} {message['title']}",
        ]
        for message in messages
    ]
    print_table(["id", "event", "what", "start", "end", "published", "title"], rows)
