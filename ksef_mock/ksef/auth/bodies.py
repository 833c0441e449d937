"""Request and response bodies, named as in the OpenAPI document; wire names become Python names here."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ksef_mock.clock import iso, unix_milliseconds
from ksef_mock.core.bodies import Body, IdentifierBody, StatusInfo, identifier, is_base64
from ksef_mock.core.identifiers import CONTEXT_PATTERNS
from ksef_mock.core.ip_policy import ADDRESS_PATTERN, MASK_PATTERN, MAX_ENTRIES, RANGE_PATTERN, AllowedIps
from ksef_mock.core.methods import METHOD_INFO
from ksef_mock.core.validation import FORMAT, Broken, item_count
from ksef_mock.ksef.auth.jwts import Issued
from ksef_mock.ksef.auth.operation import Operation, State, description_of, status_of

if TYPE_CHECKING:
    from ksef_mock.ksef.auth.token_login import TokenLogin

# -- requests ---------------------------------------------------------------------------------------------


class AllowedIpsBody(Body):
    """OpenAPI: AllowedIps."""

    ip4_addresses: list[str] | None = msgspec.field(name="ip4Addresses", default=None)
    ip4_ranges: list[str] | None = msgspec.field(name="ip4Ranges", default=None)
    ip4_masks: list[str] | None = msgspec.field(name="ip4Masks", default=None)

    def rules(self) -> Iterator[Broken]:
        for name, entries, pattern in (
            ("ip4Addresses", self.ip4_addresses, ADDRESS_PATTERN),
            ("ip4Ranges", self.ip4_ranges, RANGE_PATTERN),
            ("ip4Masks", self.ip4_masks, MASK_PATTERN),
        ):
            if entries is not None and len(entries) > MAX_ENTRIES:
                yield Broken(name, item_count(None, MAX_ENTRIES))
                continue
            for position, entry in enumerate(entries or ()):
                if pattern.fullmatch(entry) is None:
                    yield Broken(f"{name}[{position}]", FORMAT)


class AuthorizationPolicy(Body):
    """OpenAPI: AuthorizationPolicy."""

    allowed_ips: AllowedIpsBody | None = None


class InitTokenAuthenticationRequest(Body):
    """OpenAPI: InitTokenAuthenticationRequest."""

    challenge: str
    context_identifier: Annotated[
        IdentifierBody, identifier("AuthenticationContextIdentifier", *CONTEXT_PATTERNS)
    ]
    encrypted_token: str
    public_key_id: Annotated[str, msgspec.Meta(min_length=44, max_length=44)] | None = None
    authorization_policy: AuthorizationPolicy | None = None

    def rules(self) -> Iterator[Broken]:
        if not is_base64(self.encrypted_token):
            yield Broken("encryptedToken", FORMAT)

    def login(self) -> TokenLogin:
        """The request as the login takes it."""
        # Imported here: the ciphers are much to load, and a challenge does without them.
        from ksef_mock.ksef.auth.token_login import TokenLogin

        return TokenLogin(
            challenge=self.challenge,
            context=self.context_identifier.identifier,
            encrypted_token=base64.b64decode(self.encrypted_token),
            public_key_id=self.public_key_id,
            allowed_ips=_allowed_ips(self.authorization_policy),
        )


def _allowed_ips(policy: AuthorizationPolicy | None) -> AllowedIps | None:
    if policy is None or policy.allowed_ips is None:
        return None
    body = policy.allowed_ips
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
