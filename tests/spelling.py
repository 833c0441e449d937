"""Requests as other clients spell them: names of members and values of enumerations in another case."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import httpx

#: Another spelling of a name or a value.
Spelling = Callable[[str], str]


def pascal(name: str) -> str:
    """As the official C# client names members by default: `SubjectIdentifier`."""
    return name[:1].upper() + name[1:]


def respelled(value: Any, name: Spelling, word: Spelling, words: Collection[str]) -> Any:
    """A body with its members' names, and those texts that are `words`, spelled otherwise."""
    if isinstance(value, dict):
        return {name(key): respelled(member, name, word, words) for key, member in value.items()}
    if isinstance(value, list):
        return [respelled(item, name, word, words) for item in value]
    return word(value) if isinstance(value, str) and value in words else value


class Respelling(httpx.BaseTransport):
    """Sends JSON bodies in another spelling than the one they were written in."""

    def __init__(
        self,
        transport: httpx.BaseTransport,
        name: Spelling = pascal,
        word: Spelling = str,
        words: Collection[str] = (),
    ) -> None:
        self._transport = transport
        self._name, self._word, self._words = name, word, words

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                written = json.loads(request.read())
            except (ValueError, RecursionError):  # not JSON, as some tests want it
                return self._transport.handle_request(request)
            spelled = respelled(written, self._name, self._word, self._words)
            body = json.dumps(spelled, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {key: value for key, value in request.headers.items() if key != "content-length"}
            request = httpx.Request(
                request.method, request.url, headers=headers, content=body, extensions=request.extensions
            )
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()
