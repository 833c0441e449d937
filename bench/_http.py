"""The load generator's HTTP/1.1 connection: keep-alive, no parsing beyond what these servers send."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time.

    Some 20 µs of the client's CPU a request, a tenth of a general-purpose client: the generator shares the
    machine with the server that it measures.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = b""

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to `http://HOST:PORT`."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        return connection

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """The status and body of the answer to a whole request."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionError("the server closed the connection while it was idle")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        at = received[:end].lower().find(b"content-length:")
        length = int(received[at + 15 : received.find(b"\r\n", at)]) if at >= 0 else 0
        if len(received) < end + 4 + length:
            return
        self._received = b""
        assert self._answer is not None
        self._answer.set_result((int(received[9:12]), received[end + 4 :]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()


def request(
    method: str,
    path: str,
    body: bytes = b"",
    *,
    bearer: str | None = None,
    content_type: str = "application/json",
) -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    if bearer is not None:
        lines.append(f"authorization: Bearer {bearer}")
    if body:
        lines.append(f"content-type: {content_type}")
    if method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
