"""The prefixes under which KSeF serves its API, and paths without them; what stands before all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The API gateway, the old addresses still in use by clients, and the web portal's gateway.
PREFIXES = ("/v2", "/api/v2", "/webs/api/v2")
_BEGINNINGS = tuple(f"{prefix}/" for prefix in PREFIXES)


def api_path(path: str) -> str | None:
    """`path` without the prefix of the API; None if it is no path of the API."""
    if path.startswith(_BEGINNINGS):
        for prefix in PREFIXES:
            if path.startswith(prefix) and path[len(prefix)] == "/":
                return path[len(prefix) :]
    return None


#: Of an ASGI scope: what stands before each path of this mock in the addresses that clients know, such as
#: `/t/orders`; absent if nothing does. The scope's own path comes without it, whatever looks at paths.
BEFORE = "ksef_mock.before"


def before(scope: Mapping[str, Any]) -> str:
    """What the mock's own addresses (links, redirects, pages) need before their path."""
    found: str = scope.get(BEFORE, "")
    return found
