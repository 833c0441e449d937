"""What standard output can show."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


def can_print(text: str) -> bool:
    """Whether standard output has these characters: a console of Windows has few of them."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def print_json(body: Any) -> None:
    """Print JSON: with the characters that it has where they can be shown, else in ASCII."""
    text = json.dumps(body, ensure_ascii=False, indent=2)
    click.echo(text if can_print(text) else json.dumps(body, indent=2))
