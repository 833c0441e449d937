"""The one place of this program that knows KSeF."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ksef_client_min import KsefApiError, KsefAuthenticationError, KsefClient


class LoginRefused(Exception):
    """KSeF does not let us in; `code` is the status of the login."""

    def __init__(self, code: int) -> None:
        super().__init__(f"KSeF refused the login: {code}")
        self.code = code


class Unavailable(Exception):
    """KSeF cannot work for us now; trying again later makes sense."""


class Gateway:
    """A login to KSeF as one company."""

    def __init__(self, url: str, nip: str, token: str) -> None:
        self._client = KsefClient(url)
        self._nip = nip
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def connect(self) -> None:
        """Log in.

        Raises:
            LoginRefused, Unavailable: as named.
        """
        try:
            self._client.login_with_token(self._token, nip=self._nip)
        except KsefAuthenticationError as error:
            raise LoginRefused(error.code) from error
        except KsefApiError as error:
            raise Unavailable(str(error)) from error

    def open_sessions(self) -> int:
        """How many sessions of ours KSeF knows, ten at most."""
        return len(self._client.sessions().items)
