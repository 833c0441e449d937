"""The `ksef` command, or one line on how to get what it needs."""

from __future__ import annotations

import sys

#: What the extra `client` brings.
_EXTRA = ("httpx", "rich")


def main() -> None:
    """Run the command. Exit code 2 if it is not installed in full."""
    try:
        from ksef_client_min.cli import main as ksef
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        from ksef_mock.core.installed import how_to_install

        sys.stderr.write(f"Error: ksef needs httpx and rich: {how_to_install('client')}\n")
        sys.exit(2)
    ksef(prog_name="ksef")


if __name__ == "__main__":
    main()
