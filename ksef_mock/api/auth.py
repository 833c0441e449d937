"""Uzyskiwanie dostępu: challenge, token login, XAdES login, status, redeem, refresh."""

from __future__ import annotations

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import (
    answer,
    bearer,
    exchange_of,
    features,
    path_reference,
    query_boolean,
    read_body,
    read_json,
    require_media_type,
    system_of,
)
from ksef_mock.clock import unix_milliseconds
from ksef_mock.ksef.access.principal import Kind
from ksef_mock.ksef.auth import bodies as wire
from ksef_mock.ksef.auth import operation as machine
from ksef_mock.ksef.auth.operation import Operation

#: Turns on, where it is not yet the rule, that a signature must be XAdES and not plain XML Signature.
_FEATURE = "enforce-xades-compliance"


async def challenge(request: Request) -> Response:
    """POST /auth/challenge. Clients send no body, `{}`, or an empty body with a JSON content type."""
    system, exchange = system_of(request), exchange_of(request)
    await read_body(request, system.settings.max_body)
    issued = await system.challenges.issue(exchange.client_ip)
    exchange.noted("challenge", f"issued {issued.value}")
    exchange.facts.challenge = issued.value
    exchange.facts.timestamp_ms = unix_milliseconds(issued.issued_at)
    return answer(wire.challenge_response(issued.value, issued.issued_at, issued.client_ip))


async def ksef_token(request: Request) -> Response:
    """POST /auth/ksef-token."""
    body = await read_json(request, wire.InitTokenAuthenticationRequest)
    operation = await system_of(request).token_login.submit(body.login(), exchange_of(request))
    return _started(request, operation)


async def xades_signature(request: Request) -> Response:
    """POST /auth/xades-signature."""
    # Imported here: the verifier is much to load, and many logins do without it.
    from ksef_mock.ksef.auth.xades_login import XadesLogin

    system = system_of(request)
    require_media_type(request, "application/xml")
    login = XadesLogin(
        document=await read_body(request, system.settings.max_body),
        verify_chain=query_boolean(request, "verifyCertificateChain"),
        enforce_xades=_FEATURE in features(request),
    )
    operation = await system.xades_login.submit(login, exchange_of(request))
    return _started(request, operation)


async def status(request: Request) -> Response:
    """GET /auth/{referenceNumber}. The TypeScript client asks with the access token, so that is taken too."""
    principal = bearer(request, Kind.AUTHENTICATION, Kind.ACCESS)
    reference = path_reference(request)
    exchange = exchange_of(request)
    exchange.operation = reference
    operation = await system_of(request).operations.poll(reference, principal)
    exchange.noted("operation", operation.state.value)
    exchange.facts.status = machine.status_of(operation)[0]
    return answer(wire.AuthenticationOperationStatusResponse.of(operation))


async def redeem(request: Request) -> Response:
    """POST /auth/token/redeem."""
    principal = bearer(request, Kind.AUTHENTICATION)
    access, refresh = await system_of(request).operations.redeem(principal.operation)
    exchange_of(request).facts.issued = {"accessToken": access.claims, "refreshToken": refresh.claims}
    return answer(wire.AuthenticationTokensResponse(wire.TokenInfo.of(access), wire.TokenInfo.of(refresh)))


async def refresh(request: Request) -> Response:
    """POST /auth/token/refresh."""
    principal = bearer(request, Kind.REFRESH)
    access = await system_of(request).operations.refresh(principal.operation)
    exchange_of(request).facts.issued = {"accessToken": access.claims}
    return answer(wire.AuthenticationTokenRefreshResponse(wire.TokenInfo.of(access)))


def _started(request: Request, operation: Operation) -> Response:
    token = system_of(request).jwts.authentication_token(operation)
    exchange = exchange_of(request)
    exchange.operation = operation.reference
    facts = exchange.facts
    facts.method = operation.method
    facts.verdict = operation.verdict
    facts.issued = {"authenticationToken": token.claims}
    facts.allowed_ips = operation.allowed_ips or None
    return answer(wire.AuthenticationInitResponse(operation.reference, wire.TokenInfo.of(token)), 202)


class _OperationConvertor(StringConvertor):
    # Any segment but those of the other paths, whose wrong methods must find 405 instead of this route.
    regex = "(?!(?:challenge|ksef-token|xades-signature|sessions)$)[^/]+"


register_url_convertor("operation", _OperationConvertor())

ROUTES = [
    Route("/auth/{reference:operation}", status, methods=["GET"]),
    Route("/auth/challenge", challenge, methods=["POST"]),
    Route("/auth/ksef-token", ksef_token, methods=["POST"]),
    Route("/auth/xades-signature", xades_signature, methods=["POST"]),
    Route("/auth/token/redeem", redeem, methods=["POST"]),
    Route("/auth/token/refresh", refresh, methods=["POST"]),
]
