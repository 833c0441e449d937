"""Logging in, step by step, and the sessions of the logged in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ksef_client_min.call import Call, Send, after
from ksef_client_min.models import (
    AuthenticationStarted,
    AuthenticationStatus,
    Challenge,
    Refreshed,
    SessionPage,
    Tokens,
)

_NOTHING = type(None)


def challenge() -> Call[Challenge]:
    """POST /auth/challenge."""
    return Call(Send("POST", "/auth/challenge"), Challenge, authorized=False)


def submit_ksef_token(
    challenge: str,
    context: tuple[str, str],
    encrypted_token: bytes,
    *,
    public_key_id: str | None = None,
    authorization_policy: Mapping[str, Any] | None = None,
) -> Call[AuthenticationStarted]:
    """POST /auth/ksef-token. `context` is type and value; `token_cipher.encrypt_token` encrypts."""
    kind, value = context
    body: dict[str, Any] = {
        "challenge": challenge,
        "contextIdentifier": {"type": kind, "value": value},
        "encryptedToken": base64.b64encode(encrypted_token).decode(),
    }
    if public_key_id is not None:
        body["publicKeyId"] = public_key_id
    if authorization_policy is not None:
        body["authorizationPolicy"] = authorization_policy
    return Call(Send("POST", "/auth/ksef-token", json=body), AuthenticationStarted, authorized=False)


def submit_xades_signature(
    signed_xml: bytes, *, verify_certificate_chain: bool = False
) -> Call[AuthenticationStarted]:
    """POST /auth/xades-signature."""
    params = {"verifyCertificateChain": "true"} if verify_certificate_chain else None
    send = Send("POST", "/auth/xades-signature", xml=signed_xml, params=params)
    return Call(send, AuthenticationStarted, authorized=False)


def status(reference_number: str, authentication_token: str | None = None) -> Call[AuthenticationStatus]:
    """GET /auth/{referenceNumber}, with the token of the operation, or with the access token of the login."""
    send = Send("GET", f"/auth/{reference_number}", authentication_token)
    return Call(send, AuthenticationStatus, authorized=authentication_token is None)


def redeem(authentication_token: str) -> Call[Tokens]:
    """POST /auth/token/redeem; works once."""
    return Call(Send("POST", "/auth/token/redeem", authentication_token), Tokens, authorized=False)


def refresh(refresh_token: str) -> Call[Refreshed]:
    """POST /auth/token/refresh. Never answered by another refresh, whatever comes back."""
    return Call(Send("POST", "/auth/token/refresh", refresh_token), Refreshed, authorized=False)


def sessions(page_size: int = 10, continuation_token: str | None = None) -> Call[SessionPage]:
    """GET /auth/sessions."""
    send = Send(
        "GET", "/auth/sessions", params={"pageSize": str(page_size)}, headers=after(continuation_token)
    )
    return Call(send, SessionPage)


def end_session(token: str) -> Call[None]:
    """DELETE /auth/sessions/current, with an access token or a refresh token."""
    return Call(Send("DELETE", "/auth/sessions/current", token), _NOTHING, authorized=False)


def revoke_session(reference_number: str) -> Call[None]:
    """DELETE /auth/sessions/{referenceNumber}."""
    return Call(Send("DELETE", f"/auth/sessions/{reference_number}"), _NOTHING)
