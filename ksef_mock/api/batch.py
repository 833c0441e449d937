"""Wysyłka wsadowa: batch sessions, opened and closed. Their parts come to `ksef_mock.api.storage`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import (
    answer,
    caller,
    exchange_of,
    features,
    path_reference,
    public_address,
    read_json,
    system_of,
)
from ksef_mock.ksef.batch import bodies as wire
from ksef_mock.ksef.batch import rules
from ksef_mock.ksef.sending import rules as sending_rules


async def open_batch(request: Request) -> Response:
    """POST /sessions/batch."""
    actor = await caller(request)
    body = await read_json(request, wire.OpenBatchSessionRequest)
    plan = body.plan
    rules.require_parts(plan.parts)
    system = system_of(request)
    form = sending_rules.require_form(
        body.form_code.code, actor.context, system.settings.profile, in_batch=True
    )
    session = await system.reception.open(
        actor,
        form,
        body.encryption.wrapped_key,
        body.encryption.iv,
        body.encryption.public_key_id,
        validates_identifiers=sending_rules.VALIDATE_IDENTIFIERS in features(request),
        exchange=exchange_of(request),
        plan=plan,
    )
    links = system.batches.links(public_address(request), session)
    return answer(wire.OpenBatchSessionResponse.of(session, links), 201)


async def close_batch(request: Request) -> Response:
    """POST /sessions/batch/{referenceNumber}/close."""
    actor = await caller(request)
    await system_of(request).batches.close(path_reference(request), actor, exchange_of(request))
    return Response(status_code=204)


ROUTES = [
    Route("/sessions/batch", open_batch, methods=["POST"]),
    Route("/sessions/batch/{reference}/close", close_batch, methods=["POST"]),
]
