"""Tokeny KSeF: generate, list, show, revoke."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import (
    actor_of,
    answer,
    continuation_token,
    exchange_of,
    path_reference,
    query_choices,
    query_integer,
    query_text,
    read_json,
    system_of,
    together,
)
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.text import masked
from ksef_mock.ksef.tokens import bodies as wire_tokens
from ksef_mock.ksef.tokens import rules as tokens_rules
from ksef_mock.ksef.tokens.tokens import KsefToken, NotActive, TokenStatus


async def generate(request: Request) -> Response:
    """POST /tokens. The token is pending first, and shown this once."""
    actor = await actor_of(request)
    remark = tokens_rules.require_token_maker(
        actor, refuses_tokens=system_of(request).settings.refuse_tokens_by_tokens
    )
    if remark is not None:
        exchange_of(request).noted("login", remark)
    order = await read_json(request, wire_tokens.GenerateTokenRequest)
    permissions = order.each_once()
    tokens_rules.require_token_generation(actor, permissions)
    token, text = await system_of(request).tokens.issue(
        actor.context,
        permissions,
        author=actor.subject,
        author_details=actor.details,
        description=order.description,
        status=TokenStatus.PENDING,
    )
    exchange_of(request).noted("token", f"issued {masked(text)}")
    return answer(wire_tokens.GenerateTokenResponse(token.reference, text), 202)


async def tokens(request: Request) -> Response:
    """GET /tokens."""
    actor = await actor_of(request)
    with together(request):
        size = query_integer(request, "pageSize", default=10, minimum=10, maximum=100)
        wanted = wire_tokens.TokenFilter.of(
            query_choices(request, "status", *TokenStatus),
            query_text(request, "description"),
            query_text(request, "authorIdentifier"),
            next(iter(query_choices(request, "authorIdentifierType", *wire_tokens.AUTHOR_TYPES)), None),
        )
    reach = tokens_rules.visible_tokens(actor)
    found = await system_of(request).tokens.of_context(
        actor.context,
        lambda token: reach.covers(token, actor) and wanted.matches(token),
        size,
        continuation_token(request),
    )
    last_uses = await system_of(request).tokens.last_uses(found.items)
    return answer(wire_tokens.QueryTokensResponse.of(found, last_uses))


async def token_status(request: Request) -> Response:
    """GET /tokens/{referenceNumber}."""
    actor = await actor_of(request)
    token = await _requested(request)
    tokens_rules.require_reach(tokens_rules.readable_tokens(actor), token, actor)
    polled = await system_of(request).tokens.poll(token)
    (last_use,) = await system_of(request).tokens.last_uses([polled])
    return answer(wire_tokens.TokenStatusResponse.of(polled, last_use))


async def revoke(request: Request) -> Response:
    """DELETE /tokens/{referenceNumber}."""
    actor = await actor_of(request)
    token = await _requested(request)
    tokens_rules.require_reach(tokens_rules.revocable_tokens(actor), token, actor)
    try:
        await system_of(request).tokens.revoke(token)
    except NotActive as error:
        raise BadRequest(
            Code.VALIDATION,
            f"Token o numerze referencyjnym {token.reference} nie jest aktywny.",
            reason=str(error),
        ) from None
    return Response(status_code=204)


async def _requested(request: Request) -> KsefToken:
    reference = path_reference(request)
    token = await system_of(request).tokens.get(reference)
    if token is None:
        raise BadRequest(Code.VALIDATION, f"Token o numerze referencyjnym {reference} nie został znaleziony.")
    return token


ROUTES = [
    Route("/tokens", generate, methods=["POST"]),
    Route("/tokens", tokens, methods=["GET"]),
    Route("/tokens/{reference}", token_status, methods=["GET"]),
    Route("/tokens/{reference}", revoke, methods=["DELETE"]),
]
