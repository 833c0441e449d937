"""An HTTP proxy that leads every `CONNECT` to one port of this machine, whatever host it names."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer


@contextlib.contextmanager
def tunnel(port: int) -> Iterator[str]:
    """The URL of a proxy to `127.0.0.1:port`, for HTTPS_PROXY."""

    class Handler(StreamRequestHandler):
        rbufsize = 0  # what follows the request belongs to the tunnel

        def handle(self) -> None:
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with contextlib.suppress(ConnectionError):  # clients hang up without a word
                    _pass_on(self.connection, there)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    """Both directions, until one side has said all."""
    other = {here: there, there: here}
    while True:
        for end in select.select([here, there], [], [])[0]:
            data = end.recv(65536)
            if not data:
                return
            other[end].sendall(data)
