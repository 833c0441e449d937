"""`ksef-mock journal`: what a running mock was asked, what it decided and why."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import click

from ksef_mock.commands.remote import Remote, print_json, remote_command
from ksef_mock.core.text import visible


@click.command()
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
@remote_command
def journal(
    remote: Remote, follow: bool, failed: bool | None, as_json: bool, **filters: str | int | None
) -> None:
    """Show what a running mock was asked, what it decided and why."""
    params = filters | {"failed": "true" if failed else None}
    if not follow:
        body = remote.call("GET", "/journal", params=params)
        if as_json:
            print_json(body)
        else:
            for entry in body["entries"]:
                _print(entry)
        return
    with contextlib.suppress(KeyboardInterrupt):
        for line in remote.lines("/journal/stream", params=params, headers={"Accept": "text/event-stream"}):
            name, _, value = line.partition(": ")
            if name == "data" and value != "{}":
                if as_json:
                    click.echo(value)
                else:
                    _print(json.loads(value))


def _print(entry: dict[str, Any]) -> None:
    code = f"/{entry['code']}" if "code" in entry else ""
    lines = [
        f"{entry['timestamp'][11:23]}  {entry['status']}{code}  {entry['method']} {entry['path']}"
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
