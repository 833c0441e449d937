"""Between effects and httpx: what both clients share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import msgspec

from ksef_client_min.call import Send
from ksef_client_min.errors import KsefConnectionError, KsefProtocolError, KsefTimeoutError


def request_of(effect: Send) -> dict[str, Any]:
    """The arguments of httpx's `stream`."""
    headers = {
        "Accept": "application/json, application/problem+json",
        "X-Error-Format": "problem-details",
        **(effect.headers or {}),
    }
    if effect.bearer is not None:
        headers["Authorization"] = f"Bearer {effect.bearer}"
    content = effect.content
    if effect.json is not None:
        headers["Content-Type"] = "application/json"
        content = msgspec.json.encode(effect.json)
    elif effect.xml is not None:
        headers["Content-Type"] = "application/xml"
        content = effect.xml
    return {
        "method": effect.method,
        "url": effect.path,
        "params": effect.params,
        "headers": headers,
        "content": content,
    }


def iso(moment: datetime | None) -> str | None:
    """A moment as the API takes it."""
    return None if moment is None else moment.isoformat()


@contextmanager
def translated(effect: Send) -> Iterator[None]:
    """httpx's errors as those of this client. The originals are cut off: their requests hold tokens."""
    # Of a link its signature opens the door.
    call = f"{effect.method} {effect.path.partition('?')[0]}"
    try:
        yield
    except httpx.TimeoutException:
        raise KsefTimeoutError(f"{call}: no answer in time") from None
    except httpx.RemoteProtocolError as error:
        raise KsefConnectionError(f"{call}: {error}") from None
    except httpx.TransportError as error:
        raise KsefConnectionError(f"{call}: {type(error).__name__}: {error}") from None
    except httpx.DecodingError as error:
        raise KsefProtocolError(f"{call}: the answer's content encoding is broken: {error}") from None


class Collector:
    """Chunks of an answer, up to a limit in octets."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks = bytearray()

    def add(self, chunk: bytes) -> None:
        """
        Raises:
            KsefProtocolError: the answer is larger than the limit.
        """
        self._chunks += chunk
        if len(self._chunks) > self._limit:
            raise KsefProtocolError(f"an answer of more than {self._limit} octets")

    def whole(self) -> bytes:
        return bytes(self._chunks)
