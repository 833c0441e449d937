"""The sign-in with the control token, and the files that its page needs as well."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of
from ksef_mock.core.errors import Forbidden, NotFound, Unauthorized
from ksef_mock.dashboard.access import require_same_origin, sign_in, sign_out
from ksef_mock.dashboard.door import HOME
from ksef_mock.dashboard.forms import Unusable, back_to, read_form
from ksef_mock.dashboard.frame import guarded, message, sign_in_page, stranger
from ksef_mock.dashboard.render import Redirect, static


async def file(request: Request) -> Response:
    """GET /_mock/ui/static/{name}. Open to everyone: the sign-in page needs them, and they tell nothing."""
    exchange_of(request).recorded = False
    found = static(request.path_params["name"])
    if found is None:
        raise NotFound(reason="the dashboard has no such file")
    return found


async def session(request: Request) -> Response:
    """POST /_mock/ui/session: the control token, for a cookie."""
    exchange_of(request).recorded = False
    try:
        require_same_origin(request)
        form = await read_form(request)
        response = Redirect(back_to(form["next"]), 303)
        sign_in(request, response, form["token"])
    except Unauthorized as refusal:
        return sign_in_page(request, 401, refusal.reason)
    except Forbidden as refusal:
        return stranger(403, "Not from here", refusal.reason)
    except Unusable as problem:
        return stranger(400, "Not done", str(problem))
    return response


@guarded
async def end_session(request: Request) -> Response:
    """POST /_mock/ui/session/end: the cookie is taken back."""
    exchange_of(request).recorded = False
    response = Redirect(HOME, 303)
    sign_out(request, response)
    return response


@guarded
async def missing(request: Request) -> Response:
    """GET of anything else under /_mock/ui: a page for whoever has mistyped an address."""
    return await message(
        request, 404, "No such page", f"The dashboard has no page {request.scope['path'][:200]}."
    )


#: After all others.
LAST_ROUTES = [Route("/ui/{rest:path}", missing, methods=["GET"])]

ROUTES = [
    Route("/ui/static/{name}", file, methods=["GET"]),
    Route("/ui/session", session, methods=["POST"]),
    Route("/ui/session/end", end_session, methods=["POST"]),
]
