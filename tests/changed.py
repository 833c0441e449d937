"""The tests of what has changed: `python -m tests.changed` prints their paths, for `make quick`.

Changed is what differs from where this branch left main, committed or not. A module is tested by the folder
of tests that is named after its room, or after its tag of the API.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Always: a second, and any change can break them.
_ALWAYS = ("tests/test_layers.py",)
#: Rooms whose tests have another name.
_ELSEWHERE = {
    "system": "state",
    "app": "gateway",
    "cli": "commands",
    "launch": "testing",
    "pytest_plugin": "testing",
}


def changed() -> list[str]:
    """Paths of the files that differ, new ones included."""
    base = next(filter(None, (_git("merge-base", "HEAD", ref) for ref in ("main", "origin/main"))), ["HEAD"])[
        0
    ]
    return [*_git("diff", "--name-only", base), *_git("ls-files", "--others", "--exclude-standard")]


def paths_of(paths: Iterable[str]) -> list[str]:
    """The paths of their tests, each once."""
    found = dict.fromkeys(_ALWAYS)
    for path in paths:
        test = _test_of(Path(path))
        if test is not None and (ROOT / test).exists():
            found[test] = None
    return [path for path in found if not any(path.startswith(f"{other}/") for other in found)]


def _test_of(path: Path) -> str | None:
    match path.parts:
        case ("tests", *_, name) if name.startswith("test_"):
            return str(path)
        case ("ksef_mock", "ksef" | "api", domain, *_):
            return f"tests/{Path(domain).stem}"
        case ("ksef_mock", room, *_):
            room = Path(room).stem
            return f"tests/{_ELSEWHERE.get(room, room)}"
        case ("ksef_client_min", *_):
            return "tests/ksef_client_min"
        case ("contract_tests", room, *_):
            return f"tests/contract_tests/{Path(room).stem}"
        case _:
            return None


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


if __name__ == "__main__":
    print("\n".join(paths_of(changed())))
