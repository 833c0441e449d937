"""Whom a client is: its login, begun or finished, and the sessions in which it sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ksef_client_min.auth_manager import AuthManager
from ksef_client_min.invoice_cipher import SessionKey
from ksef_client_min.models import Challenge, PartUpload


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """The first phase of a login with an external signature: what is to be signed, within 10 minutes."""

    challenge: Challenge
    context: tuple[str, str]
    #: The unsigned AuthTokenRequest.
    xml: bytes


@dataclass(frozen=True, slots=True)
class OnlineSession:
    """An open interactive session, and what its invoices are encrypted with."""

    reference_number: str
    valid_until: datetime
    key: SessionKey


@dataclass(frozen=True, slots=True)
class BatchSession:
    """A batch session, and how the parts of its package are uploaded."""

    reference_number: str
    #: They hold signatures, and are in no repr.
    uploads: tuple[PartUpload, ...] = field(repr=False)


class Session:
    """The login that a client works with. The tokens are kept by an `AuthManager`, and are in no repr."""

    def __init__(self, manager: AuthManager) -> None:
        self.manager = manager
        self.access_valid_until: datetime | None = None
        self.refresh_valid_until: datetime | None = None
        #: Of the login's operation.
        self.reference_number: str | None = None

    def __repr__(self) -> str:
        return f"Session(reference_number={self.reference_number!r})"

    @property
    def access_token(self) -> str | None:
        return self.manager.get_access_token()

    @access_token.setter
    def access_token(self, token: str | None) -> None:
        self.manager.set_access_token(token)

    @property
    def refresh_token(self) -> str | None:
        return self.manager.get_refresh_token()

    @refresh_token.setter
    def refresh_token(self, token: str | None) -> None:
        self.manager.set_refresh_token(token)

    def clear(self) -> None:
        """Forget the login."""
        self.access_token = self.refresh_token = self.reference_number = None
        self.access_valid_until = self.refresh_valid_until = None


def context_of(nip: str | None, context: tuple[str, str] | None) -> tuple[str, str]:
    """Type and value of the context that a login names.

    Raises:
        ValueError: neither argument is given, or both.
    """
    if nip is not None and context is None:
        return "Nip", nip
    if nip is None and context is not None:
        return context
    raise ValueError("a login needs either nip or context")


def reference_of(session: OnlineSession | BatchSession | str) -> str:
    """The reference number of a session, or the one that it is."""
    return session if isinstance(session, str) else session.reference_number
