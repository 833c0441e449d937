"""Where people come in: /, which KSeF itself does not have, and /_mock lead browsers to the dashboard."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of
from ksef_mock.core.errors import NotFound
from ksef_mock.dashboard.render import HEADERS

HOME = "/_mock/"


async def without_slash(request: Request) -> Response:
    """GET /_mock: people leave the slash out."""
    exchange_of(request).recorded = False
    return RedirectResponse(HOME, 308, HEADERS)


async def front(request: Request) -> Response:
    """GET /: a browser, which asks for HTML, wants to see something; a client has taken a wrong path."""
    if "text/html" not in request.headers.get("accept", ""):
        raise NotFound(reason="no such path in the API")
    exchange_of(request).recorded = False
    return RedirectResponse(HOME, 307, HEADERS)


#: At the root.
ROUTES = [Route("/", front, methods=["GET"]), Route("/_mock", without_slash, methods=["GET"])]
