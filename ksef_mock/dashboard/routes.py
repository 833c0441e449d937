"""The dashboard's routes: the list of logins at /_mock/, everything else under /_mock/ui/."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of
from ksef_mock.dashboard.forms import HOME
from ksef_mock.dashboard.pages import clock, coverage, faults, keys, login, logins, requests, session, tokens
from ksef_mock.dashboard.render import HEADERS


async def without_slash(request: Request) -> Response:
    """GET /_mock: people leave the slash out."""
    exchange_of(request).recorded = False
    return RedirectResponse(HOME, 308, HEADERS)


#: Under /_mock.
ROUTES = [
    *logins.ROUTES,
    *login.ROUTES,
    *requests.ROUTES,
    *keys.ROUTES,
    *faults.ROUTES,
    *tokens.ROUTES,
    *coverage.ROUTES,
    *clock.ROUTES,
    *session.ROUTES,
]

#: At the root.
ROOT_ROUTES = [Route("/_mock", without_slash, methods=["GET"])]
