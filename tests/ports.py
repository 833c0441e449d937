"""Ports of this machine that no other test is given meanwhile."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 at which nobody listens: a server that is told its number may, nobody else does.

    A port that is merely free is another's at once: each parallel test's mock takes any that is.
    """
    with socket.socket() as holder:
        # On Linux a socket that is bound but does not listen keeps the port from those who ask for any, and
        # not from those who ask for it, if both set this option: servers do.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port
