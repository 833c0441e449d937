"""`ksef-mock journal`: what a running mock was asked, what it decided and why."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, remote_command
from ksef_mock.commands.terminal import print_json
from ksef_mock.core.text import visible


@click.group(cls=Group, invoke_without_command=True)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--path", help="End of the path, or with a * in it a pattern for the path without /v2.")
@click.option("--method", help="HTTP method.")
@click.option("--status", help="Status such as 404, or class such as 4xx.")
@click.option("--code", type=int, help="Exception code such as 21111.")
@click.option("--failed", is_flag=True, default=None, help="Only what was refused, or failed behind a 202.")
@click.option("--operation", help="Reference number of a login.")
@click.option("--client", help="IP address of the client.")
@click.option("--after", type=int, help="Numbered above this.")
@click.option("--limit", "-n", type=click.IntRange(0), help="Only the newest N.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; one line an entry with --follow.")
@click.option("--count", is_flag=True, help="Print only how many there are.")
@remote_command
def journal(
    remote: Remote,
    follow: bool,
    failed: bool | None,
    as_json: bool,
    count: bool,
    **filters: str | int | None,
) -> None:
    """Show what a running mock was asked, what it decided and why."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    params = filters | {"failed": "true" if failed else None}
    if count:
        click.echo(remote.call("GET", "/journal/count", params=params)["count"])
        return
    if not follow:
        body = remote.call("GET", "/journal", params=params)
        if as_json:
            print_json(body)
        else:
            for entry in body["entries"]:
                _print(entry)
            if not body["entries"]:  # for people: programs find nothing
                click.echo("Nothing was refused." if failed else "No such request.", err=True)
        return
    with contextlib.suppress(KeyboardInterrupt):
        for line in remote.lines("/journal/stream", params=params, headers={"Accept": "text/event-stream"}):
            name, _, value = line.partition(": ")
            if name == "data" and value != "{}":
                if as_json:
                    click.echo(value)
                else:
                    _print(json.loads(value))


@journal.command()
@click.argument("number")
@click.option(
    "--document", is_flag=True, help="Write the body that was sent, to standard output or to --out."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File for the document; none may exist."
)
@click.option("--curl", is_flag=True, help="Print a curl command that sends the same again.")
@remote_command
@json_option
def get(remote: Remote, number: str, document: bool, out: Path | None, curl: bool, as_json: bool) -> None:
    """Show one request as it was on the wire, secrets masked.

    NUMBER is that in the journal, or the trace id of an answer.
    """
    path = f"/requests/{quote(number, safe='')}"
    if document or out is not None:
        body = remote.send("GET", f"{path}/document")
        if out is None:
            sys.stdout.buffer.write(body)
            return
        try:
            with out.open("xb") as file:
                file.write(body)
        except OSError as error:
            raise click.ClickException(f"{out}: {error.strerror}") from None
        return
    found = remote.call("GET", path)
    wire = found.get("wire")
    if as_json:
        print_json(found)
    elif curl:
        if wire is None:
            raise click.ClickException(f"of request {number} only the journal's entry is kept")
        click.echo(visible(wire["curl"], keep="\n"))
    else:
        _print(found["entry"])
        if wire is not None:
            _print_wire(wire)


def _print_wire(wire: dict[str, Any]) -> None:
    click.echo()
    click.secho(visible(f"{wire['method']} {wire['target']} HTTP/{wire['httpVersion']}"), bold=True)
    _print_message(wire["request"])
    click.echo()
    click.secho(f"{wire['status']}", bold=True)
    _print_message(wire["answer"])
    if wire["forgotten"]:
        click.echo("Headers and bodies have made room for those of newer requests.")


def _print_message(message: dict[str, Any]) -> None:
    for name, value in message["headers"]:
        click.echo(visible(f"{name}: {value}"))
    if message.get("text"):
        click.echo("\n" + visible(message["text"], keep="\n\t"))
    elif message["length"]:
        click.echo(f"\n({message['length']} octets)")
    if message.get("missing"):
        click.echo(f"({message['missing']} of {message['length']} octets are not kept)")


def _print(entry: dict[str, Any]) -> None:
    code = f"/{entry['code']}" if "code" in entry else ""
    lines = [
        f"{entry['sequence']:>4}  {entry['timestamp'][11:23]}"
        f"  {entry['status']}{code}  {entry['method']} {entry['path']}"
        f"  {entry['durationMs']:.1f} ms  {entry['clientIp']}  trace {entry['traceId']}"
    ]
    if "reason" in entry:
        lines.append(f"    refused: {entry['reason']}")
    for decision in entry.get("decisions", ()):
        if decision["outcome"] == "failed":
            lines.append(f"    failed:  {decision['check']}: {decision['reason']}")
        elif decision["check"] == "fault" and "reason" not in entry:
            lines.append(f"    fault:   {decision['reason']}")
    for line in lines:
        click.echo(visible(line))
