"""Where people come in: /, which KSeF itself does not have, and /_mock lead browsers to the dashboard."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ksef_mock.api.http import exchange_of
from ksef_mock.core.errors import NotFound
from ksef_mock.dashboard.render import Redirect

HOME = "/_mock/"


async def without_slash(request: Request) -> Response:
    """GET /_mock: people leave the slash out."""
    exchange_of(request).recorded = False
    return Redirect(HOME, 308)


class Front:
    """ASGI application of /: a browser, which gets HTML, wants to see something; others have lost their way.

    Answers every method: for KSeF there is nothing at /, so no method is the wrong one.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        is_browser = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
        if not is_browser:
            raise NotFound(reason="no such path in the API")
        exchange_of(request).recorded = False
        await Redirect(HOME, 307)(scope, receive, send)


#: At the root.
ROUTES = [Route("/", Front()), Route("/_mock", without_slash, methods=["GET"])]
