"""Usługi Peppol: the registered providers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, query_page, system_of, together
from ksef_mock.ksef.peppol.bodies import PeppolProvider, QueryPeppolProvidersResponse


async def providers(request: Request) -> Response:
    """GET /peppol/query. Open to everyone."""
    with together(request):
        asked = query_page(request, most=100)
    page, has_more = await system_of(request).providers.listed(asked.offset, asked.size)
    return answer(QueryPeppolProvidersResponse([PeppolProvider.of(provider) for provider in page], has_more))


ROUTES = [Route("/peppol/query", providers, methods=["GET"])]
