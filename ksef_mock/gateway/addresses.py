"""Services beside KSeF's API have hosts of their own, and may have a port: the mock has them below a path.

In front of everything else: whoever asks such an address asks that path, so that a request is the same
whichever way it came.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = self._prefix(scope) if scope["type"] == "http" else None
        if prefix is not None:
            scope = dict(scope, path=prefix + scope["path"])
            if scope.get("raw_path") is not None:
                scope["raw_path"] = prefix.encode() + scope["raw_path"]
        await self._app(scope, receive, send)

    def _prefix(self, scope: Scope) -> str | None:
        if self._ports and scope.get("server"):
            prefix = self._ports.get(scope["server"][1])
            if prefix is not None:
                return prefix
        for name, value in scope["headers"]:
            if name == b"host":
                host: bytes = value.lower()
                if host.startswith(self._beginnings):
                    return next(path for begin, path in self._hosts.items() if host.startswith(begin))
                return None
        return None
