"""The headers of a request by their name."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

_KEY = "ksef_mock.headers"


def headers_of(scope: MutableMapping[str, Any]) -> Mapping[bytes, bytes]:
    """Of an ASGI scope; names in lower case, of several of one name the first.

    Put together once a request: looking for each through the list takes longer.
    """
    headers = scope["headers"]
    known: tuple[Any, dict[bytes, bytes]] | None = scope.get(_KEY)
    # Whoever changes the headers on the way puts another list into a copy of the scope.
    if known is None or known[0] is not headers:
        known = scope[_KEY] = headers, dict(reversed(list(headers)))
    return known[1]
