"""The prefixes under which KSeF serves its API, and paths without them."""

from __future__ import annotations

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
