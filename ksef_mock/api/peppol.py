"""Usługi Peppol: the registered providers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, query_integer, system_of
from ksef_mock.ksef.peppol.bodies import PeppolProvider, QueryPeppolProvidersResponse

_LAST_PAGE = 2**31 - 1


async def providers(request: Request) -> Response:
    """GET /peppol/query. Open to everyone."""
    offset = query_integer(request, "pageOffset", default=0, minimum=0, maximum=_LAST_PAGE)
    size = query_integer(request, "pageSize", default=10, minimum=10, maximum=100)
    page, has_more = await system_of(request).providers.listed(offset, size)
    return answer(QueryPeppolProvidersResponse([PeppolProvider.of(provider) for provider in page], has_more))


ROUTES = [Route("/peppol/query", providers, methods=["GET"])]
