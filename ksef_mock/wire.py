"""Request and response bodies, named as in the OpenAPI document; wire names become Python names here."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, TypeVar

import msgspec

from ksef_mock import warsaw
from ksef_mock.auth.ip_policy import (
    ADDRESS_PATTERN,
    MASK_PATTERN,
    MAX_ENTRIES,
    RANGE_PATTERN,
    AllowedIps,
)
from ksef_mock.auth.jwts import Issued
from ksef_mock.auth.methods import METHOD_INFO
from ksef_mock.auth.operation import Operation, State, description_of, status_of
from ksef_mock.auth.token_login import TokenLogin
from ksef_mock.clock import Instant, iso, unix_milliseconds
from ksef_mock.crypto.keys import PublishedKey
from ksef_mock.errors import BadRequest, Code
from ksef_mock.identifiers import CONTEXT_PATTERNS, Identifier, is_context_identifier

B = TypeVar("B", bound=msgspec.Struct)


class Body(msgspec.Struct, rename="camel", omit_defaults=True):
    """A body of the API: camel case, absent instead of null."""


# -- requests ---------------------------------------------------------------------------------------------


class AllowedIpsBody(Body):
    """OpenAPI: AllowedIps."""

    ip4_addresses: list[str] | None = msgspec.field(name="ip4Addresses", default=None)
    ip4_ranges: list[str] | None = msgspec.field(name="ip4Ranges", default=None)
    ip4_masks: list[str] | None = msgspec.field(name="ip4Masks", default=None)


class AuthorizationPolicy(Body):
    """OpenAPI: AuthorizationPolicy."""

    allowed_ips: AllowedIpsBody | None = None


class AuthenticationContextIdentifier(Body):
    """OpenAPI: AuthenticationContextIdentifier."""

    type: str
    value: str


class InitTokenAuthenticationRequest(Body):
    """OpenAPI: InitTokenAuthenticationRequest."""

    challenge: str
    context_identifier: AuthenticationContextIdentifier
    encrypted_token: str
    public_key_id: str | None = None
    authorization_policy: AuthorizationPolicy | None = None

    def checked(self) -> TokenLogin:
        """The request as the login takes it.

        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        context = Identifier(self.context_identifier.type, self.context_identifier.value)
        if context.type not in CONTEXT_PATTERNS:
            known = ", ".join(CONTEXT_PATTERNS)
            raise invalid("contextIdentifier.type", f"dozwolone wartości: {known}")
        if not is_context_identifier(context):
            raise invalid(
                "contextIdentifier.value", f"wartość nie jest poprawnym identyfikatorem {context.type}"
            )
        if self.public_key_id is not None and len(self.public_key_id) != 44:
            raise invalid("publicKeyId", "wymagane są 44 znaki")
        return TokenLogin(
            challenge=self.challenge,
            context=context,
            encrypted_token=_base64("encryptedToken", self.encrypted_token),
            public_key_id=self.public_key_id,
            allowed_ips=_allowed_ips(self.authorization_policy),
        )


def decode(body: bytes, model: type[B]) -> B:
    """A JSON request body as `model`; members that the model does not know are ignored.

    Raises:
        BadRequest: 21405 naming the member that is missing or of a wrong type.
    """
    try:
        return msgspec.json.decode(body, type=model)
    except msgspec.ValidationError as error:
        message = str(error)
        path = _ERROR_PATH.search(message)
        missing = _MISSING.search(message)
        prefix = path[1] + "." if path and path[1] else ""
        if missing:
            detail = f"Pole '{prefix}{missing[1]}' jest wymagane."
        else:
            detail = f"Nieprawidłowa wartość pola '{path[1] if path else ''}'."
        raise BadRequest(Code.VALIDATION, detail, reason=f"body: {message}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            Code.VALIDATION, "Treść żądania nie jest poprawnym dokumentem JSON.", reason=f"body: {error}"
        ) from None


_ERROR_PATH = re.compile(r"at `\$\.?([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]+)`")


def invalid(field: str, rule: str) -> BadRequest:
    """21405: `field` breaks the documented `rule` (a Polish clause without its full stop)."""
    return BadRequest(Code.VALIDATION, f"Nieprawidłowa wartość pola '{field}': {rule}.")


def date_time(field: str, text: str) -> Instant:
    """A date and time of a request.

    Raises:
        BadRequest: 21405 naming the field.
    """
    try:
        return warsaw.parse(text)
    except ValueError:
        raise invalid(field, "wymagana jest data w formacie ISO 8601") from None


def _base64(field: str, text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(field, "wymagane jest kodowanie Base64") from None
    if not data:
        raise invalid(field, "wartość nie może być pusta")
    return data


def _allowed_ips(policy: AuthorizationPolicy | None) -> AllowedIps | None:
    if policy is None or policy.allowed_ips is None:
        return None
    body = policy.allowed_ips
    for name, entries, pattern in (
        ("ip4Addresses", body.ip4_addresses, ADDRESS_PATTERN),
        ("ip4Ranges", body.ip4_ranges, RANGE_PATTERN),
        ("ip4Masks", body.ip4_masks, MASK_PATTERN),
    ):
        field = f"authorizationPolicy.allowedIps.{name}"
        if entries is not None and len(entries) > MAX_ENTRIES:
            raise invalid(field, f"dozwolone jest najwyżej {MAX_ENTRIES} wpisów")
        for position, entry in enumerate(entries or ()):
            if pattern.fullmatch(entry) is None:
                raise invalid(f"{field}[{position}]", "nieprawidłowy format")
    allowed = AllowedIps(
        tuple(body.ip4_addresses or ()), tuple(body.ip4_ranges or ()), tuple(body.ip4_masks or ())
    )
    return allowed or None


# -- responses --------------------------------------------------------------------------------------------


class AuthenticationChallengeResponse(Body):
    """OpenAPI: AuthenticationChallengeResponse. `timestamp` and `timestampMs` name the same millisecond."""

    challenge: str
    timestamp: str
    timestamp_ms: int
    client_ip: str


class TokenInfo(Body):
    """OpenAPI: TokenInfo."""

    token: str
    valid_until: str

    @classmethod
    def of(cls, issued: Issued) -> TokenInfo:
        return cls(issued.token, iso(issued.valid_until))


class AuthenticationInitResponse(Body):
    """OpenAPI: AuthenticationInitResponse."""

    reference_number: str
    authentication_token: TokenInfo


class AuthenticationTokensResponse(Body):
    """OpenAPI: AuthenticationTokensResponse."""

    access_token: TokenInfo
    refresh_token: TokenInfo


class AuthenticationTokenRefreshResponse(Body):
    """OpenAPI: AuthenticationTokenRefreshResponse."""

    access_token: TokenInfo


class AuthenticationMethodInfo(Body):
    """OpenAPI: AuthenticationMethodInfo."""

    category: str
    code: str
    display_name: str


class StatusInfo(Body):
    """OpenAPI: StatusInfo."""

    code: int
    description: str
    details: list[str] | None = None


class AuthenticationOperationStatusResponse(Body):
    """OpenAPI: AuthenticationOperationStatusResponse."""

    start_date: str
    authentication_method: str
    authentication_method_info: AuthenticationMethodInfo
    status: StatusInfo
    is_token_redeemed: bool | None = None
    last_token_refresh_date: str | None = None
    refresh_token_valid_until: str | None = None

    @classmethod
    def of(cls, operation: Operation) -> AuthenticationOperationStatusResponse:
        return cls(**_operation_fields(operation))


class AuthenticationListItem(AuthenticationOperationStatusResponse, kw_only=True):
    """OpenAPI: AuthenticationListItem."""

    reference_number: str
    is_current: bool

    @classmethod
    def in_list(cls, operation: Operation, current: str) -> AuthenticationListItem:
        """The item of `operation` as seen with a token of the operation `current`."""
        return cls(
            reference_number=operation.reference,
            is_current=operation.reference == current,
            **_operation_fields(operation),
        )


class AuthenticationListResponse(Body):
    """OpenAPI: AuthenticationListResponse."""

    items: list[AuthenticationListItem]
    continuation_token: str | None = None


class PublicKeyCertificate(Body):
    """OpenAPI: PublicKeyCertificate."""

    certificate: str
    certificate_id: str
    public_key_id: str
    valid_from: str
    valid_to: str
    usage: list[str]

    @classmethod
    def of(cls, key: PublishedKey) -> PublicKeyCertificate:
        return cls(
            certificate=base64.b64encode(key.certificate_der).decode(),
            certificate_id=key.certificate_id,
            public_key_id=key.public_key_id,
            valid_from=iso(key.valid_from),
            valid_to=iso(key.valid_to),
            usage=[key.usage.value],
        )


def challenge_response(challenge: str, moment: int, client_ip: str) -> AuthenticationChallengeResponse:
    """The body of POST /auth/challenge for a challenge issued at `moment`."""
    return AuthenticationChallengeResponse(challenge, iso(moment), unix_milliseconds(moment), client_ip)


def _operation_fields(operation: Operation) -> dict[str, Any]:
    status, detail = status_of(operation)
    expiry = operation.refresh_expires_at
    return {
        "start_date": iso(operation.started_at),
        "authentication_method": operation.method.value,
        "authentication_method_info": AuthenticationMethodInfo(*METHOD_INFO[operation.method]),
        "status": StatusInfo(int(status), description_of(status), [detail] if detail else None),
        "is_token_redeemed": operation.redeemed_at is not None
        if operation.state not in (State.IN_PROGRESS, State.FAILED)
        else None,
        "last_token_refresh_date": iso(operation.refreshed_at)
        if operation.refreshed_at is not None
        else None,
        "refresh_token_valid_until": iso(expiry) if expiry is not None else None,
    }
