"""Who keeps the tokens of a login, and what happens when an access token is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class AuthManager(Protocol):
    """Implement this to keep tokens elsewhere (a vault, a database), or to get new ones in another way.

    The client calls `on_unauthorized` when KSeF has refused the access token: once for concurrent callers,
    and never while a call of it is under way. The asynchronous client takes a coroutine function too.
    """

    def get_access_token(self) -> str | None: ...

    def set_access_token(self, token: str | None) -> None: ...

    def get_refresh_token(self) -> str | None: ...

    def set_refresh_token(self, token: str | None) -> None: ...

    def on_unauthorized(self) -> str | Awaitable[str | None] | None:
        """A new access token, or None if there is none to be had: then the caller gets the 401."""
        ...


class DefaultAuthManager:
    """Keeps the tokens in memory, and refreshes the access token with the refresh token."""

    def __init__(self, refresh: Callable[[], str | Awaitable[str | None] | None]) -> None:
        self._refresh = refresh
        self._access_token: str | None = None
        self._refresh_token: str | None = None

    def get_access_token(self) -> str | None:
        return self._access_token

    def set_access_token(self, token: str | None) -> None:
        self._access_token = token

    def get_refresh_token(self) -> str | None:
        return self._refresh_token

    def set_refresh_token(self, token: str | None) -> None:
        self._refresh_token = token

    def on_unauthorized(self) -> str | Awaitable[str | None] | None:
        return None if self._refresh_token is None else self._refresh()
