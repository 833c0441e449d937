"""The dashboard's routes: the list of logins at /_mock/, everything else under /_mock/ui/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, read_body, system_of
from ksef_mock.clock import iso
from ksef_mock.dashboard import views
from ksef_mock.dashboard.access import require_access, require_same_origin, sign_in, sign_out
from ksef_mock.dashboard.render import HEADERS, page, static
from ksef_mock.errors import Forbidden, KsefError, NotFound, Unauthorized

HOME = "/_mock/"

#: A form of these pages has a few short fields.
_LARGEST_FORM = 16_384

Handler = Callable[[Request], Awaitable[Response]]


def _guarded(handler: Handler) -> Handler:
    """`handler` for those who may use /_mock; the others get a page that says what to do."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        # Looking at the journal must not fill it.
        exchange_of(request).recorded = False
        try:
            require_access(request)
            if request.method == "POST":
                require_same_origin(request)
            return await handler(request)
        except Unauthorized:
            return _sign_in_page(request, 401)
        except Forbidden as refusal:
            return _message(403, "Not from here", refusal.reason)

    return guarded


async def _form(request: Request) -> dict[str, str]:
    """The fields of a posted form, the last of each name."""
    body = await read_body(request, _LARGEST_FORM)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))


def _message(status: int, title: str, text: str) -> Response:
    return page("message.html", status, title=title, text=text, home=HOME)


# ---- pages


@_guarded
async def login_list(request: Request) -> Response:
    """GET /_mock/: the logins, the newest first; `q` and `outcome` narrow them down."""
    query = request.query_params
    listed = await views.login_list(system_of(request), query.get("q", "").strip(), query.get("outcome", ""))
    return page("logins.html", chrome=views.chrome(request, "logins"), list=listed)


@_guarded
async def login(request: Request) -> Response:
    """GET /_mock/ui/logins/{key}: one login in full."""
    key: str = request.path_params["key"]
    view = await views.login_view(system_of(request), key)
    if view is None:
        return _message(
            404,
            "No such login",
            f"The journal has no login {key[:64]}. It keeps the last "
            f"{system_of(request).settings.journal_size} requests, and forgets them at a reset.",
        )
    return page("login.html", chrome=views.chrome(request, "logins"), login=view)


@_guarded
async def requests(request: Request) -> Response:
    """GET /_mock/ui/requests: the journal, the newest entries first."""
    query = request.query_params
    listed = views.request_list(system_of(request), query.get("q", "").strip(), query.get("kind", ""))
    return page("requests.html", chrome=views.chrome(request, "requests"), list=listed)


# ---- for the script


class Pulse(msgspec.Struct):
    """GET /_mock/ui/pulse: whether there is news, and the mock's time."""

    sequence: int
    time: str


async def pulse(request: Request) -> Response:
    """The number of the newest entry of the journal."""
    exchange_of(request).recorded = False
    require_access(request)
    system = system_of(request)
    body = msgspec.json.encode(Pulse(views.newest(system), iso(system.clock.now())))
    return Response(body, headers=HEADERS, media_type="application/json")


async def file(request: Request) -> Response:
    """GET /_mock/ui/static/{name}. Open to everyone: the sign-in page needs them, and they tell nothing."""
    exchange_of(request).recorded = False
    found = static(request.path_params["name"])
    if found is None:
        raise NotFound(reason="the dashboard has no such file")
    return found


# ---- the control token


def _sign_in_page(request: Request, status: int, problem: str = "") -> Response:
    return page("signin.html", status, problem=problem, here=_back_to(request.url.path))


async def session(request: Request) -> Response:
    """POST /_mock/ui/session: the control token, for a cookie."""
    exchange_of(request).recorded = False
    try:
        require_same_origin(request)
        form = await _form(request)
        response = RedirectResponse(_back_to(form.get("next", "")), 303, HEADERS)
        sign_in(request, response, form.get("token", ""))
    except Unauthorized as refusal:
        return _sign_in_page(request, 401, refusal.reason)
    except KsefError as refusal:
        return _message(refusal.status, "Not from here", refusal.reason)
    return response


@_guarded
async def end_session(request: Request) -> Response:
    """POST /_mock/ui/session/end: the cookie is taken back."""
    response = RedirectResponse(HOME, 303, HEADERS)
    sign_out(request, response)
    return response


def _back_to(path: str) -> str:
    """`path` if it is one of the dashboard's own pages, the list of logins otherwise."""
    own = path == HOME or path.startswith((f"{HOME}?", f"{HOME}ui/"))
    return path if own and path.isprintable() and "\\" not in path else HOME


async def without_slash(request: Request) -> Response:
    """GET /_mock: people leave the slash out."""
    exchange_of(request).recorded = False
    return RedirectResponse(HOME, 308, HEADERS)


#: Under /_mock.
ROUTES = [
    Route("/", login_list, methods=["GET"]),
    Route("/ui/logins/{key}", login, methods=["GET"]),
    Route("/ui/requests", requests, methods=["GET"]),
    Route("/ui/pulse", pulse, methods=["GET"]),
    Route("/ui/static/{name}", file, methods=["GET"]),
    Route("/ui/session", session, methods=["POST"]),
    Route("/ui/session/end", end_session, methods=["POST"]),
]

#: At the root.
ROOT_ROUTES = [Route("/_mock", without_slash, methods=["GET"])]
