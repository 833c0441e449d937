"""The pages that a program makes: `python -m tests.docs.generated` writes them, a test compares them."""

from __future__ import annotations

import click

from ksef_mock.app import create_app
from ksef_mock.cli import main as ksef_mock
from ksef_mock.commands.serve import serve
from ksef_mock.core.operation import Operation
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import API_VERSION, OPERATIONS
from tests.docs.snippets import ROOT

COVERAGE = ROOT / "docs" / "coverage.md"
OPTIONS = ROOT / "docs" / "options.md"


def coverage() -> str:
    """Each operation of the official document, and whether the application has a route that simulates it."""
    there = simulated(create_app().routes)
    total, done = len(OPERATIONS), sum(operation in there for operation in OPERATIONS)
    lines = [
        "# Operations",
        "",
        f"The operations of the official OpenAPI document ({API_VERSION}), and whether the mock simulates",
        "them. Made by `make docs` from the routes of the application; `GET /_mock/coverage` tells the same",
        "of a running mock. What is not simulated answers 501 and names itself.",
        "",
        f"{done} of {total} are simulated.",
    ]
    areas: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        areas.setdefault(operation.path.split("/")[1], []).append(operation)
    for area, operations in areas.items():
        lines += ["", f"## /{area}", "", "| Operation | |", "|---|---|"]
        lines += [
            f"| `{each.method} {each.path}` | {'simulated' if each in there else 'not simulated'} |"
            for each in operations
        ]
    return "\n".join([*lines, ""])


def options() -> str:
    """Each option of `ksef-mock serve`, as its help says it, and each other command."""
    lines = [
        "# Options",
        "",
        "Made by `make docs` from the command itself; `ksef-mock serve --help` says the same.",
        "",
        "## ksef-mock serve",
        "",
        "Each option is also an environment variable: `KSEF_MOCK_TOKEN_KEY` for `--token-key`. That of a",
        "flag is `1`; that of an option that may be repeated has the values in a row, with blanks between.",
        "",
        "| Option | Default | |",
        "|---|---|---|",
    ]
    with click.Context(serve) as context:
        for each in serve.params:
            assert isinstance(each, click.Option)
            if not each.hidden:
                lines.append(_option_row(each, context))
    lines += ["", "## The other commands", "", "| Command | |", "|---|---|"]
    with click.Context(ksef_mock) as context:
        for name in ksef_mock.list_commands(context):
            command = ksef_mock.get_command(context, name)
            assert command is not None
            if command is not serve:
                lines.append(f"| `ksef-mock {name}` | {_cell(command.get_short_help_str(200))} |")
    lines += ["", *_COMPLETION]
    return "\n".join([*lines, ""])


_COMPLETION = """\
## Completion

All three commands complete their words in bash, zsh and fish. In bash, once or in ~/.bashrc:

<!-- run: sh -->
```sh
eval "$(_KSEF_MOCK_COMPLETE=bash_source ksef-mock)"
eval "$(_KSEF_COMPLETE=bash_source ksef)"
eval "$(_KSEF_CONFORMANCE_COMPLETE=bash_source ksef-conformance)"
```

zsh and fish take `zsh_source` and `fish_source` instead; fish reads them with `… | source`.""".splitlines()


def _option_row(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(context).strip('[]')}"
    value = " N" if isinstance(option.type, click.types.IntRange | click.types.FloatRange) else value
    known = option.to_info_dict()
    default = "" if option.is_flag or option.multiple or known["default"] is None else f"`{known['default']}`"
    return f"| {_cell(f'`{option.opts[0]}{value}`')} | {default} | {_cell(option.help or '')} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    COVERAGE.write_text(coverage())
    OPTIONS.write_text(options())
