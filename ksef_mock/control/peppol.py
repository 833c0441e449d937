"""POST /_mock/peppol-providers: providers for GET /peppol/query to list."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.ksef.peppol.bodies import SeedProvidersRequest


async def register_providers(request: Request) -> Response:
    """Register these providers, in this order; those before a wrong one stay."""
    body = await read_order(request, SeedProvidersRequest)
    system = system_of(request)
    for seed in body.providers:
        if not await system.providers.register(seed.provider(system.clock.now())):
            raise BadRequest(Code.VALIDATION, f"there is a provider {seed.id} already")
    return Response(status_code=204)


ROUTES = [Route("/peppol-providers", register_providers, methods=["POST"])]
