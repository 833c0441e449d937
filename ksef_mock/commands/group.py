"""A group of commands, as `ksef-mock clock`."""

from __future__ import annotations

import click

#: Characters of a command's first sentence: it is never cut, but wrapped.
_SENTENCE = 300


class Group(click.Group):
    """Lists its commands with whole sentences."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            self.list_them(self.list_commands(ctx), ctx, formatter)

    def list_them(self, names: list[str], ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A row for each of these commands."""
        commands = [(name, self.get_command(ctx, name)) for name in names]
        formatter.write_dl(
            [(name, command.get_short_help_str(_SENTENCE)) for name, command in commands if command]
        )
