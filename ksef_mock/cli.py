"""The `ksef-mock` command: its subcommands, each in a module that is imported when it is called."""

from __future__ import annotations

import importlib
import io
import keyword
import os
import sys
from typing import Any

import click

from ksef_mock import __version__
from ksef_mock.commands.group import Group
from ksef_mock.core import heap

#: By what they are for, in the order of the help: name of the command -> module.
_SECTIONS = {
    "Run a mock": {"serve": "serve", "stop": "background", "status": "state", "ca": "ca"},
    "Steer it": {
        "clock": "clock",
        "faults": "faults",
        "keys": "keys",
        "lighthouse": "lighthouse",
        "processing": "processing",
        "token": "issue",
        "certificate": "issue",
        "warn": "state",
        "reset": "state",
        "snapshot": "state",
        "tenant": "tenants",
        "export": "invoices",
        "import": "invoices",
    },
    "Look at it": {"journal": "journal", "coverage": "state"},
    "Work with files": {
        "verify": "verify",
        "verify-invoice": "verify_invoice",
        "verify-qr": "verify_qr",
        "sign": "sign",
        "certs": "certs",
    },
}
_MODULES = {name: module for section in _SECTIONS.values() for name, module in section.items()}


class Commands(Group):
    """The subcommands: each is imported when it is called, and listed under what it is for."""

    def main(self, *args: Any, **options: Any) -> Any:
        with heap.beginning():
            return super().main(*args, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's own signature
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        function = cmd_name.replace("-", "_") + ("_" if keyword.iskeyword(cmd_name) else "")
        command: click.Command = getattr(importlib.import_module(f"ksef_mock.commands.{module}"), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                self.list_them(list(names), ctx, formatter)


def _no_color(context: click.Context, _option: click.Parameter, value: bool) -> None:
    # What this process starts, and rich, go by the variable too: https://no-color.org
    if value:
        os.environ["NO_COLOR"] = "1"
    if os.environ.get("NO_COLOR"):
        context.color = False


no_color_option = click.option(
    "--no-color",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_no_color,
    help="Print no colours, as with NO_COLOR in the environment.",
)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ksef-mock")
@no_color_option
def main() -> None:
    """A simulated KSeF: Poland's national e-invoicing system, API v2."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot print must not end a command: it is spelled out.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
