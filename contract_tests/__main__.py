"""The `ksef-conformance` command, or one line on how to get what it needs."""

from __future__ import annotations

import sys

#: What the extra `conformance` brings.
_EXTRA = ("httpx", "jinja2", "pytest", "rich")


def main() -> None:
    """Run the command. Exit code 2 if it is not installed in full."""
    try:
        from contract_tests.cli import main as conformance
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        from ksef_mock.core.installed import how_to_install

        needed = "httpx, jinja2, pytest and rich"
        sys.stderr.write(f"Error: ksef-conformance needs {needed}: {how_to_install('conformance')}\n")
        sys.exit(2)
    conformance(prog_name="ksef-conformance")


if __name__ == "__main__":
    main()
