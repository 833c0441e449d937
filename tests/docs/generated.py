"""The pages that a program makes: `python -m tests.docs.generated` writes them, a test compares them."""

from __future__ import annotations

from ksef_mock.app import create_app
from ksef_mock.core.operation import Operation
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import API_VERSION, OPERATIONS
from tests.docs.snippets import ROOT

COVERAGE = ROOT / "docs" / "coverage.md"


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


if __name__ == "__main__":
    COVERAGE.write_text(coverage())
