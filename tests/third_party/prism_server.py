"""Prism with the official document, for the suite's run on it and for the benchmark beside it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests import openapi
from tests.ports import reserved_port
from tests.third_party.node_client import install

_PROJECT = Path(__file__).parent / "prism"
_SCRIPT = Path("@stoplight", "prism-cli", "dist", "index.js")
#: Seconds for Prism to read the document and listen.
_PATIENCE = 300


@dataclass(frozen=True)
class Prism:
    """A running Prism: its base URL (it serves the paths without any prefix) and its process id."""

    url: str
    pid: int


@contextlib.contextmanager
def prism() -> Iterator[Prism]:
    """Prism, answering until the context ends.

    Raises:
        RuntimeError: it has not come to listen.
    """
    script = install(_PROJECT) / _SCRIPT
    node = shutil.which("node")
    assert node is not None
    with reserved_port() as port:
        command = [node, str(script), "mock", "-h", "127.0.0.1", "-p", str(port), str(openapi.DOCUMENT)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process)
            yield Prism(url, process.pid)
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError("Prism has ended")
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, timeout=60)
            return
        time.sleep(0.2)
    raise RuntimeError("Prism does not listen")
