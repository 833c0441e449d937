"""Start-up times: `python -m bench.startup [--rounds N]`.

- cold start: from the launch of `ksef-mock serve` to its first answer (GET /_mock/health), in a new process;
  the floor is a bare Starlette app on the same uvicorn, launched the same way in the same rounds.
- first login possible: the same launch, to the first GET /security/public-key-certificates (key pairs are
  made in the background from the start on).
- fixture: `MockServer().start()` in a running process, to the first answer; keys: until they can be fetched.
- reset: `MockServer.reset()`, what each test with the fixture pays. stop: `MockServer.stop()`.
- import: a new interpreter that imports the package, or the server too; the floor imports nothing.

Times are medians in ms with the slowest beside them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from statistics import median

from bench._process import ServerProcess, machine
from ksef_mock.testing import MockServer

_HEALTH = "/_mock/health"
_KEYS = "/v2/security/public-key-certificates"
_BARE = json.dumps({"bodies": ["{}"] * 4, "crypto": None}).encode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description="Start-up times.")
    parser.add_argument("--rounds", type=int, default=15, help="starts to measure (default 15)")
    rounds: int = parser.parse_args().rounds
    print(machine())

    interpreter, package, server, bare, cold, keys = [], [], [], [], [], []
    for _ in range(rounds):
        interpreter.append(_python(""))
        package.append(_python("import ksef_mock"))
        server.append(_python("import ksef_mock.testing"))
        bare.append(_launch("/nothing", "-m", "bench._bare", stdin=_BARE))
        cold.append(_launch(_HEALTH, "-m", "ksef_mock.cli", "serve", "--port", "0"))
        keys.append(_launch(_KEYS, "-m", "ksef_mock.cli", "serve", "--port", "0"))
    _print("python itself", interpreter)
    _print("import ksef_mock", package, aim=150)
    _print("import ksef_mock.testing", server)
    _print("bare app, cold start", bare)
    _print("cold start", cold, aim=500)
    _print("first login possible", keys)
    print(f"{'ratio':24} {median(bare) / median(cold):7.1%} of the bare app's cold start")

    started, fetched, resets, stops = [], [], [], []
    for _ in range(rounds * 2):
        begin = time.perf_counter()
        mock = MockServer().start()
        _get(mock.url + _HEALTH)
        started.append(_since(begin))
        _get(mock.url + _KEYS)
        fetched.append(_since(begin))
        mock.issue_token("5265877635")
        resets += [_timed(mock.reset) for _ in range(20)]
        stops.append(_timed(mock.stop))
    _print("fixture", started, aim=50)
    _print("fixture, keys ready", fetched)
    _print("reset", resets, aim=1)
    _print("stop", stops)


def _launch(path: str, *arguments: str, stdin: bytes = b"") -> float:
    begin = time.perf_counter()
    with ServerProcess(*arguments, stdin=stdin) as server:
        _get(server.url + path)
        return _since(begin)


def _python(code: str) -> float:
    return _timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))


def _get(url: str) -> None:
    try:
        urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as answer:  # the bare app knows no such path: an answer too
        answer.close()


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return _since(begin)


def _since(begin: float) -> float:
    return (time.perf_counter() - begin) * 1_000


def _print(name: str, times: list[float], *, aim: float | None = None) -> None:
    middle = median(times)
    verdict = "" if aim is None else f", aim {aim:g}: {'reached' if middle < aim else 'missed'}"
    print(f"{name:24} {middle:7.2f} ms (slowest of {len(times)}: {max(times):.2f}){verdict}")


if __name__ == "__main__":
    main()
