"""`python -m ksef_mock.healthcheck`, for containers: exit code 0 if the mock here answers, 1 if not.

It asks the port of `KSEF_MOCK_PORT`, else 8080, by http and then by https. It imports next to nothing: an
engine starts it again and again.
"""

from __future__ import annotations

import os
import socket
import sys

#: Seconds to wait for an answer, and for its next part.
_PATIENCE = 1.0
_ASKED = b"GET /_mock/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_GOOD = (b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")


def healthy(port: int) -> bool:
    """Whether a mock answers on this port of 127.0.0.1, with TLS or without."""
    return _answers(port, tls=False) or _answers(port, tls=True)


def _answers(port: int, *, tls: bool) -> bool:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), _PATIENCE) as plain,
            _secured(plain) if tls else plain as connection,
        ):
            connection.sendall(_ASKED)
            return _first_octets(connection).startswith(_GOOD)
    except OSError:  # timeouts and what TLS refuses too
        return False


def _first_octets(connection: socket.socket) -> bytes:
    received = b""
    while len(received) < len(_GOOD[0]):
        piece = connection.recv(1024)
        if not piece:
            break
        received += piece
    return received


def _secured(connection: socket.socket) -> socket.socket:
    import ssl

    # Whether it answers is the question, not who it is: its certificate may be anybody's.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


if __name__ == "__main__":
    sys.exit(0 if healthy(int(os.environ.get("KSEF_MOCK_PORT") or 8080)) else 1)
