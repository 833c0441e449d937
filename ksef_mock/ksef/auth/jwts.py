"""The three JWTs of a login: authentication token, access token, refresh token.

HS256 with a secret of this mock alone. They are not interchangeable: each endpoint names the kinds it
takes. Claims as recorded on TEST in 2025 and 2026; `per`, `pec`, `rol`, `pep`, `sud`, `asi`, `iop` are JSON
inside a string. `asi`, `tid` and `trn` are in no recording; clients read `trn`.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant, unix_seconds
from ksef_mock.core.codes import Reason
from ksef_mock.core.environment import Lifetimes, Profile
from ksef_mock.core.errors import Forbidden, Unauthorized
from ksef_mock.crypto.subject_name import SubjectAttributes
from ksef_mock.ksef.access.principal import NO_POLICY, Kind, Principal
from ksef_mock.ksef.auth import jws
from ksef_mock.ksef.auth.operation import Operation

#: How many verified JWTs are remembered, the least recently used one forgotten first.
_REMEMBERED = 1_024


class _Required(msgspec.Struct):
    """The claims of every JWT."""

    typ: Kind
    arn: str
    exp: int
    iat: int
    iss: str
    aud: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A JWT, how long it is said to be valid, to the tick, and what it says: its `exp` is a whole second."""

    token: str
    valid_until: Instant
    claims: dict[str, Any]


class JwtService:
    """Issues and reads the JWTs of one mock. The secret is random, so no other mock's token is ever valid.

    All processes of a mock have the same secret.
    """

    def __init__(self, clock: Clock, profile: Profile, lifetimes: Lifetimes, secret: bytes) -> None:
        self._clock = clock
        self._issuer = profile.issuer
        self._lifetimes = lifetimes
        self._secret = secret
        # Token ids tell tokens apart; the HMAC protects them, so they need not be unpredictable.
        self._random = random.Random()  # noqa: S311
        # Clients present a JWT many times; what does not depend on the time is checked once.
        self._genuine = lru_cache(_REMEMBERED)(self._verify)

    def use_secret(self, secret: bytes) -> None:
        """Sign with `secret` from now on. If it is another, every JWT issued so far becomes invalid."""
        if secret != self._secret:
            self._secret = secret
            self._genuine.cache_clear()

    def authentication_token(self, operation: Operation) -> Issued:
        return self._issue(
            {"typ": Kind.AUTHENTICATION, "arn": operation.reference},
            self._lifetimes.authentication_token,
            operation.started_at,
        )

    def access_token(self, operation: Operation) -> Issued:
        """An access token; the first one counts from the success of the login, later ones from a refresh."""
        subject = _json(operation.subject)
        claims: dict[str, Any] = {
            "typ": Kind.ACCESS,
            "cit": operation.context.type,
            "civ": operation.context.value,
            "aum": operation.method,
            "arn": operation.reference,
            "sud": _details(subject, operation.details),
            "asi": subject,
            "per": _json(operation.permissions),
            "pec": "[]",
            "rol": _json(operation.roles),
            "pep": "[]",
            "iop": _json(operation.allowed_ips) if operation.allowed_ips else NO_POLICY,
            "tid": self._token_id(),
        }
        if operation.token is not None:
            claims["trn"] = operation.token
        at = operation.wait.ends_at if operation.refreshed_at is None else operation.refreshed_at
        return self._issue(claims, self._lifetimes.access_token, at)

    def refresh_token(self, operation: Operation) -> Issued:
        """The refresh token of a redeemed operation; it expires when the operation says so."""
        claims = {
            "typ": Kind.REFRESH,
            "cit": operation.context.type,
            "civ": operation.context.value,
            "arn": operation.reference,
        }
        return self._issue(claims, self._lifetimes.refresh_token, operation.wait.ends_at)

    def read(self, token: str, *accepted: Kind) -> Principal:
        """The bearer of `token`.

        Raises:
            Unauthorized: malformed, forged, expired, of another mock or environment.
            Forbidden: of another kind than the endpoint takes. (Reported twice of the authentication token:
                a JWT that proves who asks is no 401, on which clients would refresh.)
        """
        claims = self._genuine(token)
        now = unix_seconds(self._clock.now())
        if now >= claims["exp"]:
            reason = f"JWT: {claims['typ']} expired {now - claims['exp']} s ago"
            raise Unauthorized(reason=reason, operation=claims["arn"])
        kind: Kind = claims["typ"]
        if kind not in accepted:
            reason = f"JWT: this endpoint takes {' or '.join(accepted)}, not {kind}"
            raise Forbidden(Reason.INSUFFICIENT_RESOURCE_ACCESS, reason=reason, operation=claims["arn"])
        return Principal(kind, claims["arn"], claims)

    def _token_id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _verify(self, token: str) -> dict[str, Any]:
        try:
            claims = msgspec.json.decode(jws.verify(token, self._secret), type=dict[str, Any])
            required = msgspec.convert(claims, _Required)
        except (jws.Refused, msgspec.DecodeError) as error:
            raise Unauthorized(reason=f"JWT: {error}") from None
        if {required.iss, required.aud} != {self._issuer}:
            raise Unauthorized(reason=f"JWT: of {required.iss} for {required.aud}, not of {self._issuer}")
        claims["typ"] = required.typ
        return claims

    def _issue(self, claims: dict[str, Any], lifetime: int, at: Instant) -> Issued:
        valid_until = at + lifetime * SECOND
        claims |= {
            "exp": unix_seconds(valid_until),
            "iat": unix_seconds(at),
            "iss": self._issuer,
            "aud": self._issuer,
        }
        token = jws.sign(msgspec.json.encode(claims), self._secret)
        return Issued(token, valid_until, claims)


def new_secret() -> bytes:
    """A random secret: 256 bits, as HS256 has them."""
    return secrets.token_bytes(32)


def _details(subject: str, details: SubjectAttributes | None) -> str:
    # `sud`: the identifier, then what the certificate says of its subject.
    more = "{}" if details is None else _json(details)
    return f'{{"subjectIdentifier":{subject}' + ("}" if more == "{}" else f",{more[1:]}")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
