"""Out of file descriptors: a line, not a flood, and connections are accepted again when there are some."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ksef_mock.serving.server import _Unaccepted

#: Enough to start with, and soon used up.
DESCRIPTORS = 64


@pytest.mark.skipif(sys.platform == "win32", reason="limits of descriptors are Unix's")
def test_running_out_of_descriptors_is_a_line_in_the_log_and_over_when_they_are_back() -> None:
    serve = f"ulimit -n {DESCRIPTORS} && exec {sys.executable} -m ksef_mock.cli serve --port 0"
    process = subprocess.Popen(
        ["/bin/sh", "-c", serve], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        url = process.stdout.readline().split()[-1]
        # What is made in the background at the start needs some itself.
        assert httpx.get(f"{url}/v2/security/public-key-certificates").status_code == 200
        address = urlsplit(url)
        assert address.hostname is not None
        with contextlib.ExitStack() as connections:
            for _ in range(2 * DESCRIPTORS):
                connections.enter_context(socket.create_connection((address.hostname, address.port)))
            line = process.stderr.readline()
            assert "connections cannot be accepted until others are closed" in line
        with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=60) as client:
            assert client.get(f"{url}/_mock/health").status_code == 200
    finally:
        process.terminate()
        rest = process.communicate()[1]
    assert "Traceback" not in rest
    assert len(rest.splitlines()) < 20


def test_a_listener_that_is_closed_before_asyncio_accepts_again_is_no_failure() -> None:
    passed_on: list[dict[str, Any]] = []
    handler = _Unaccepted(lambda _, context: passed_on.append(context))
    loop = asyncio.new_event_loop()
    again = "Exception in callback BaseSelectorEventLoop._start_serving(<function Server>)"
    handler(loop, {"message": again, "exception": ValueError("Invalid file descriptor: -1")})
    assert passed_on == []
    handler(loop, {"message": "Exception in callback something()", "exception": ValueError("else")})
    assert len(passed_on) == 1
    loop.close()
