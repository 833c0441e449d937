"""Services beside KSeF's API have hosts of their own, and may have a port: the mock has them below a path.

In front of everything else: whoever asks such an address asks that path, so that a request is the same
whichever way it came.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from ksef_mock.core.headers import headers_of
from ksef_mock.core.paths import before

#: Where a scope has the path as it was asked for, not decoded, if the mock has it elsewhere.
_ASKED = "ksef_mock.asked"


class Addresses:
    """ASGI middleware around the gateway."""

    def __init__(self, app: ASGIApp, hosts: Mapping[bytes, str], ports: Mapping[int, str]) -> None:
        """
        Args:
            hosts: how the Host header begins -> the path without a slash at its end.
            ports: the same by the port that was connected to; read at each request.
        """
        self._app = app
        self._hosts = hosts
        self._beginnings = tuple(hosts)
        self._ports = ports

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        prefix = self._prefix(scope) if scope["type"] == "http" else None
        if prefix is not None:
            raw = _raw_path(scope)
            scope = dict(scope, path=prefix + scope["path"], raw_path=prefix.encode() + raw)
            scope[_ASKED] = raw
        return self._app(scope, receive, send)

    def _prefix(self, scope: Scope) -> str | None:
        if self._ports and scope.get("server"):
            prefix = self._ports.get(scope["server"][1])
            if prefix is not None:
                return prefix
        host = headers_of(scope).get(b"host", b"").lower()
        if host.startswith(self._beginnings):
            return next(path for begin, path in self._hosts.items() if host.startswith(begin))
        return None


def path_asked(scope: Scope) -> str:
    """The path as the client knows it, not decoded and without the query string."""
    raw: bytes | None = scope.get(_ASKED)
    path = (_raw_path(scope) if raw is None else raw).partition(b"?")[0].decode("latin-1")
    return before(scope) + path


def _raw_path(scope: Scope) -> bytes:
    raw: bytes | None = scope.get("raw_path")
    return quote(scope["path"]).encode() if raw is None else raw
