"""Answers of the API, as far as this client reads them. Unknown members are ignored."""

from __future__ import annotations

from datetime import datetime

import msgspec


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Challenge(_Answer, frozen=True):
    """POST /auth/challenge. `timestamp_ms` is in ms since 1970-01-01T00:00:00Z."""

    challenge: str
    timestamp: datetime
    timestamp_ms: int
    client_ip: str | None = None


class PublicKeyCertificate(_Answer, frozen=True):
    """GET /security/public-key-certificates. `certificate` is DER."""

    certificate: bytes  # msgspec decodes base64
    valid_from: datetime
    valid_to: datetime
    usage: tuple[str, ...]
    public_key_id: str | None = None


class TokenInfo(_Answer, frozen=True):
    """A JWT and when it expires. The token is in no repr."""

    token: str
    valid_until: datetime

    def __repr__(self) -> str:
        return f"TokenInfo(valid_until={self.valid_until!s})"


class AuthenticationStarted(_Answer, frozen=True):
    """The answer 202 to a login."""

    reference_number: str
    authentication_token: TokenInfo


class Status(_Answer, frozen=True):
    """Code and texts of an operation."""

    code: int
    description: str
    details: tuple[str, ...] | None = None


class AuthenticationStatus(_Answer, frozen=True):
    """GET /auth/{referenceNumber}."""

    start_date: datetime
    authentication_method: str
    status: Status


class Tokens(_Answer, frozen=True):
    """POST /auth/token/redeem."""

    access_token: TokenInfo
    refresh_token: TokenInfo


class Refreshed(_Answer, frozen=True):
    """POST /auth/token/refresh."""

    access_token: TokenInfo


class Session(_Answer, frozen=True):
    """An item of GET /auth/sessions."""

    reference_number: str
    is_current: bool
    start_date: datetime
    authentication_method: str
    status: Status
    refresh_token_valid_until: datetime | None = None


class SessionPage(_Answer, frozen=True):
    """GET /auth/sessions."""

    items: tuple[Session, ...]
    continuation_token: str | None = None
