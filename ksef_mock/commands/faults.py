"""`ksef-mock faults`: what goes wrong in a running mock on purpose."""

from __future__ import annotations

from typing import Any

import click

from ksef_mock.commands import values
from ksef_mock.commands.group import Group
from ksef_mock.commands.remote import Remote, json_option, print_table, remote_command
from ksef_mock.commands.terminal import print_json
from ksef_mock.core.fault import Named


@click.group(cls=Group)
def faults() -> None:
    """Let things go wrong in a running mock."""


@faults.command(name="list")
@remote_command
@json_option
def list_faults(remote: Remote, as_json: bool) -> None:
    """List the faults, with how often each has acted."""
    _print(remote.call("GET", "/faults"), as_json)


@faults.command()
@click.option("--path", help="Pattern without the prefix /v2, such as '/auth/*'. Default: every path.")
@click.option("--method", help="HTTP method. Default: any.")
@click.option("--times", type=int, help="Act on the next N matching requests. Default: until removed.")
@click.option("--every", type=int, help="Act on every N-th matching request only.")
@click.option("--since", type=values.time, help="Act from this moment on: ISO 8601, by the mock's clock.")
@click.option("--until", type=values.time, help="Act until this moment: ISO 8601, by the mock's clock.")
@click.option("--status", type=int, help="Effect: answer with this HTTP status.")
@click.option("--code", help="Exception code of a 400, reasonCode of a 403.")
@click.option("--retry-after", type=int, help="Retry-After beside the status, in seconds.")
@click.option("--delay", "delay_seconds", type=values.seconds, help="Effect: answer so many seconds later.")
@click.option("--cut", is_flag=True, help="Effect: close the connection without an answer.")
@click.option("--rate-limit", type=int, help="Effect: 429 with this Retry-After, in seconds.")
@click.option(
    "--outcome",
    type=int,
    help="Effect: what the request starts (by the path: a login, a change of permissions, an export, an"
    " invoice, a package) ends in this status.",
)
@click.option("--detail", help="The detail of the outcome, as KSeF words it.")
@click.option("--hold-polls", type=int, help="Effect: what was started stays unfinished for so many polls.")
@click.option(
    "--hold-seconds",
    type=values.seconds,
    help="Effect: what was started stays unfinished for so many seconds.",
)
@click.option(
    "--name", type=click.Choice([*map(str, Named)]), help="Effect: an answer that KSeF is known to give."
)
@click.option("--ocsp-down", is_flag=True, help="Effect: issuers of qualified certificates do not answer.")
@remote_command
@json_option
def add(
    remote: Remote,
    as_json: bool,
    code: str | None,
    outcome: int | None,
    detail: str | None,
    hold_polls: int | None,
    hold_seconds: float | None,
    **options: Any,
) -> None:
    """Add a fault: one effect, on the requests that match."""
    if detail is not None and outcome is None:
        raise click.UsageError("--detail goes with --outcome.")
    words = {
        "retry_after": "retryAfter",
        "delay_seconds": "delaySeconds",
        "rate_limit": "rateLimit",
        "ocsp_down": "ocspDown",
    }
    order = {
        words.get(name, name): value
        for name, value in options.items()
        if value is not None and value is not False
    }
    if code is not None:
        order["code"] = int(code) if code.isascii() and code.isdigit() and len(code) < 10 else code
    if outcome is not None:
        order["outcome"] = {"status": outcome} | ({} if detail is None else {"detail": detail})
    if hold_polls is not None or hold_seconds is not None:
        order["hold"] = {"polls": hold_polls or 0, "seconds": hold_seconds or 0}
    fault = remote.call("POST", "/faults", order)
    _print({"faults": [fault]}, False) if not as_json else print_json(fault)


@faults.command()
@click.argument("fault_id")
@remote_command
def remove(remote: Remote, fault_id: str) -> None:
    """Remove one fault by its id."""
    if not fault_id.isalnum():
        raise click.BadParameter("an id as `faults list` shows it", param_hint="FAULT_ID")
    remote.call("DELETE", f"/faults/{fault_id}")


@faults.command()
@remote_command
def clear(remote: Remote) -> None:
    """Remove all faults."""
    remote.call("DELETE", "/faults")


def _print(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(body)
    elif not body["faults"]:
        click.echo("No faults.")
    else:
        print_table(["id", "requests", "when", "effect", "acted"], [_row(fault) for fault in body["faults"]])


def _row(fault: dict[str, Any]) -> list[object]:
    when = [f"every {fault['every']}."] if "every" in fault else []
    if "times" in fault:
        when.append(f"{fault['times']} times")
    when += [f"{word} {fault[word][:19]}" for word in ("since", "until") if word in fault]
    if fault["spent"]:
        when.append("spent")
    return [
        fault["id"],
        f"{fault.get('method', 'any')} {fault['path']}",
        ", ".join(when) or "always",
        fault["effect"],
        f"{fault['acted']} of {fault['seen']}",
    ]
