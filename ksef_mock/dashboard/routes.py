"""The dashboard's routes: the list of logins at /_mock/, everything else under /_mock/ui/."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import Any, cast, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, read_body, system_of
from ksef_mock.clock import RUNNING, SECOND, from_datetime
from ksef_mock.control.clock import EARLIEST, LATEST
from ksef_mock.core.codes import STATUS_DETAILS
from ksef_mock.core.environment import TokenKey
from ksef_mock.core.errors import Forbidden, NotFound, Unauthorized
from ksef_mock.core.fault import Fault, Hold, InvalidFault, Outcome
from ksef_mock.core.identifiers import Identifier
from ksef_mock.dashboard import views
from ksef_mock.dashboard.access import require_access, require_same_origin, sign_in, sign_out
from ksef_mock.dashboard.render import HEADERS, page, static
from ksef_mock.ksef.keys.keys import Usage
from ksef_mock.system.system import System

HOME = "/_mock/"

#: A form of these pages has a few short fields.
_LARGEST_FORM = 16_384

_OUTCOMES = {str(int(status)) for status in STATUS_DETAILS}
#: Seconds of real time between two looks for news.
_INTERVAL = 0.2

Handler = Callable[[Request], Awaitable[Response]]


def _guarded(handler: Handler) -> Handler:
    """`handler` for those who may use /_mock; the others get a page that says what to do."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        # Looking at the journal must not fill it; what changes the mock stands in it.
        exchange_of(request).recorded = request.method == "POST"
        try:
            require_access(request)
            if request.method == "POST":
                require_same_origin(request)
            return await handler(request)
        except Unauthorized:
            return _sign_in_page(request, 401)
        except Forbidden as refusal:
            return _message(403, "Not from here", refusal.reason)
        except Unusable as problem:
            exchange_of(request).failed("form", str(problem))
            return _message(400, "Not done", str(problem), _referrer(request))

    return guarded


class Form:
    """The fields of a posted form."""

    def __init__(self, body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        self._fields = parse_qsl(text, keep_blank_values=True, max_num_fields=100)

    def __getitem__(self, name: str) -> str:
        """The last value of this name; "" if there is none."""
        return next((value for key, value in reversed(self._fields) if key == name), "")

    def all(self, name: str) -> list[str]:
        """Each value of this name."""
        return [value for key, value in self._fields if key == name]


async def _form(request: Request) -> Form:
    """
    Raises:
        PayloadTooLarge: as named.
        Unusable: more fields than any form has.
    """
    body = await read_body(request, _LARGEST_FORM)
    try:
        return Form(body)
    except ValueError:
        raise Unusable("too many fields") from None


class Unusable(Exception):
    """What was filled in cannot be done; the message says why."""


def _message(status: int, title: str, text: str, back: str = HOME) -> Response:
    return page("message.html", status, title=title, text=text, back=back)


def _referrer(request: Request) -> str:
    """The page that the request came from, if it is one of the dashboard's."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return HOME
    return _back_to(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _done(form: Form, what: str) -> Response:
    """Back to the page that the form was on, which says that `what` (one of NOTICES) is done."""
    path, _, query = _back_to(form["next"]).partition("?")
    fields = [(name, value) for name, value in parse_qsl(query) if name != "done"]
    return RedirectResponse(f"{path}?{urlencode([*fields, ('done', what)])}", 303, HEADERS)


async def _chrome(request: Request, section: str) -> views.Chrome:
    return await views.chrome(request, section, NOTICES.get(request.query_params.get("done", ""), ""))


# ---- pages


@_guarded
async def login_list(request: Request) -> Response:
    """GET /_mock/: the logins, the newest first; `q` and `outcome` narrow them down."""
    query = request.query_params
    listed = await views.login_list(system_of(request), query.get("q", "").strip(), query.get("outcome", ""))
    return page("logins.html", chrome=await _chrome(request, "logins"), list=listed)


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
    return page("login.html", chrome=await _chrome(request, "logins"), login=view)


@_guarded
async def requests(request: Request) -> Response:
    """GET /_mock/ui/requests: the journal, the newest entries first."""
    query = request.query_params
    listed = await views.request_list(system_of(request), query.get("q", "").strip(), query.get("kind", ""))
    return page("requests.html", chrome=await _chrome(request, "requests"), list=listed)


@_guarded
async def keys(request: Request) -> Response:
    """GET /_mock/ui/keys: the published keys and their rotation."""
    view = await views.keys_view(system_of(request))
    return page("keys.html", chrome=await _chrome(request, "keys"), keys=view)


@_guarded
async def faults(request: Request) -> Response:
    """GET /_mock/ui/faults: what goes wrong on purpose."""
    view = await views.faults_view(system_of(request))
    return page("faults.html", chrome=await _chrome(request, "faults"), faults=view)


@_guarded
async def tokens(request: Request) -> Response:
    """GET /_mock/ui/tokens: a form that issues a KSeF token."""
    return page("tokens.html", chrome=await _chrome(request, "tokens"), form=views.token_form())


@_guarded
async def coverage(request: Request) -> Response:
    """GET /_mock/ui/coverage: which operations of KSeF's API are simulated."""
    return page(
        "coverage.html", chrome=await _chrome(request, "coverage"), groups=views.coverage_view(request)
    )


# ---- buttons


NOTICES = {
    "clock": "The clock is set.",
    "rotated": "New keys are published.",
    "recertified": "The same keys have new certificates.",
    "withdrawn": "The key is withdrawn.",
    "published": "Keys of that algorithm are published.",
    "added": "The fault acts from now on.",
    "removed": "The fault acts no more.",
    "cleared": "Nothing goes wrong on purpose any more.",
    "reset": "The mock is as if newly started.",
}


@_guarded
async def set_clock(request: Request) -> Response:
    """POST /_mock/ui/clock. `do`: advance (by `seconds`), set (to `time`), freeze, resume, reset."""
    form = await _form(request)
    system = system_of(request)
    controls = system.controls
    match form["do"]:
        case "advance":
            seconds = _number(form, "seconds")
            if seconds is None:
                raise Unusable("by how many seconds?")
            _require_possible(system.clock.now() / SECOND + seconds)
            await controls.advance(seconds)
        case "set":
            try:
                moment = datetime.fromisoformat(form["time"])
                _require_possible(from_datetime(moment) / SECOND)
            except (ValueError, OverflowError):
                raise Unusable(f"{form['time'][:64]!r} is no time such as 2026-03-01T12:00:00") from None
            await controls.set_clock(moment)
        case "freeze":
            await controls.freeze()
        case "resume":
            await controls.resume()
        case "reset":
            await controls.change(lambda shared: msgspec.structs.replace(shared, clock=RUNNING))
        case other:
            raise Unusable(f"the clock knows no {other!r}")
    exchange_of(request).noted("clock", f"{form['do']} {form['seconds'] or form['time']}".strip())
    return _done(form, "clock")


def _require_possible(unix_seconds: float) -> None:
    if not EARLIEST.timestamp() <= unix_seconds <= LATEST.timestamp():  # neither is NaN
        raise Unusable(f"the clock goes from {EARLIEST.year} to {LATEST.year - 1}")


@_guarded
async def change_keys(request: Request) -> Response:
    """POST /_mock/ui/keys. `do`: rotate, emergency, recertify (a `usage`); withdraw (an `id`); publish."""
    form = await _form(request)
    controls = system_of(request).controls
    match form["do"]:
        case "rotate" | "emergency" as kind:
            await controls.rotate(_usage(form), emergency=kind == "emergency")
            done = "rotated"
        case "recertify":
            await controls.recertify(_usage(form))
            done = "recertified"
        case "withdraw":
            if not await controls.withdraw(form["id"]):
                raise Unusable(f"no key {form['id'][:64]} is published")
            done = "withdrawn"
        case "publish":
            algorithm = form["algorithm"]
            if algorithm not in get_args(TokenKey):
                raise Unusable(f"the algorithm is {', '.join(get_args(TokenKey))}, not {algorithm!r}")
            await controls.publish(cast("TokenKey", algorithm))
            done = "published"
        case other:
            raise Unusable(f"keys know no {other!r}")
    exchange_of(request).noted("keys", f"{form['do']} {form['usage'] or form['id'] or form['algorithm']}")
    return _done(form, done)


def _usage(form: Form) -> Usage:
    try:
        return Usage(form["usage"])
    except ValueError:
        raise Unusable(f"the usage is {' or '.join(Usage)}") from None


@_guarded
async def change_faults(request: Request) -> Response:
    """POST /_mock/ui/faults. `do`: add (the members of a fault), remove (an `id`), clear."""
    form = await _form(request)
    defined = system_of(request).faults
    match form["do"]:
        case "add":
            try:
                added = await defined.add(_fault(form))
            except InvalidFault as problem:
                raise Unusable(str(problem)) from None
            exchange_of(request).noted("faults", f"added {added.id}: {added.fault.describe()}")
            return _done(form, "added")
        case "remove":
            if not await defined.remove(form["id"]):
                raise Unusable(f"there is no fault {form['id'][:64]}")
            return _done(form, "removed")
        case "clear":
            await defined.clear()
            return _done(form, "cleared")
        case other:
            raise Unusable(f"faults know no {other!r}")


def _fault(form: Form) -> Fault:
    """The fault that was filled in. Of the effects the chosen one counts, whatever else was typed."""
    fault = Fault(
        path=form["path"].strip() or "*",
        method=form["method"] or None,
        times=_whole(form, "times"),
        every=_whole(form, "every"),
    )
    effect: dict[str, Any]
    match form["effect"]:
        case "status":
            code = form["code"].strip()
            effect = {
                "status": _whole(form, "status"),
                "code": _whole(form, "code") if code.isdecimal() else code or None,
                "retry_after": _whole(form, "retryAfter"),
            }
        case "rateLimit":
            effect = {"rate_limit": _whole(form, "rateLimit")}
        case "delay":
            effect = {"delay_seconds": _number(form, "delaySeconds")}
        case "hold":
            effect = {"hold": Hold(_whole(form, "holdPolls") or 0, _number(form, "holdSeconds") or 0.0)}
        case "outcome":
            status, _, detail = form["outcome"].partition("|")
            effect = {"outcome": Outcome(int(status) if status in _OUTCOMES else 0, detail or None)}
        case "cut":
            effect = {"cut": True}
        case "ocspDown":
            effect = {"ocsp_down": True}
        case other:
            raise Unusable(f"no fault has the effect {other!r}")
    return msgspec.structs.replace(fault, **effect)


def _whole(form: Form, name: str) -> int | None:
    text = form[name].strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Unusable(f"{name}: {text[:64]!r} is no whole number")
    return int(text)


def _number(form: Form, name: str) -> float | None:
    text = form[name].strip()
    try:
        return float(text) if text else None
    except ValueError:
        raise Unusable(f"{name}: {text[:64]!r} is no number") from None


@_guarded
async def issue_token(request: Request) -> Response:
    """POST /_mock/ui/tokens: the form again, with the new token's text, which is shown this once."""
    form = await _form(request)
    nip, permissions = form["nip"].strip(), form.all("permission")
    status = 201
    try:
        if not permissions:
            raise ValueError("a token needs a permission")
        _, text = await system_of(request).issue_token(Identifier("Nip", nip), permissions)
        view = views.token_form(nip, permissions, issued=text)
    except ValueError as error:
        status, view = 400, views.token_form(nip, permissions, problem=str(error))
    return page("tokens.html", status, chrome=await _chrome(request, "tokens"), form=view)


@_guarded
async def reset(request: Request) -> Response:
    """POST /_mock/ui/reset: back to the state of the start."""
    form = await _form(request)
    await system_of(request).reset()
    return _done(form, "reset")


# ---- for the script


class Pulse(msgspec.Struct):
    """The event `pulse`: the number of the newest entry of the journal, and what the clock shows."""

    sequence: int
    time: str
    offset: str
    frozen: bool


async def events(request: Request) -> Response:
    """GET /_mock/ui/events: server-sent events, one at once and one whenever there is news."""
    exchange_of(request).recorded = False
    require_access(request)
    headers = HEADERS | {"X-Accel-Buffering": "no"}
    return StreamingResponse(_pulses(system_of(request)), headers=headers, media_type="text/event-stream")


async def _pulses(system: System) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    yield b"retry: 1000\n\n"
    told: object = None
    while not system.closing.is_set():
        state = (await views.newest(system), system.clock.state)
        if state != told:
            told = state
            clock = views.clock_view(system)
            pulse = Pulse(state[0], clock.now.isoformat(), clock.offset, clock.frozen)
            yield b"event: pulse\ndata: %s\n\n" % encode(pulse)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(system.closing.wait(), _INTERVAL)
        await system.catch_up()  # the clock may be moved through another process


async def file(request: Request) -> Response:
    """GET /_mock/ui/static/{name}. Open to everyone: the sign-in page needs them, and they tell nothing."""
    exchange_of(request).recorded = False
    found = static(request.path_params["name"])
    if found is None:
        raise NotFound(reason="the dashboard has no such file")
    return found


# ---- the control token


def _sign_in_page(request: Request, status: int, problem: str = "") -> Response:
    asked = HOME
    if request.method == "GET":
        query = request.scope["query_string"].decode("latin-1")
        asked = f"{request.scope['path']}?{query}" if query else request.scope["path"]
    return page("signin.html", status, problem=problem, here=_back_to(asked))


async def session(request: Request) -> Response:
    """POST /_mock/ui/session: the control token, for a cookie."""
    exchange_of(request).recorded = False
    try:
        require_same_origin(request)
        form = await _form(request)
        response = RedirectResponse(_back_to(form["next"]), 303, HEADERS)
        sign_in(request, response, form["token"])
    except Unauthorized as refusal:
        return _sign_in_page(request, 401, refusal.reason)
    except Forbidden as refusal:
        return _message(403, "Not from here", refusal.reason)
    except Unusable as problem:
        return _message(400, "Not done", str(problem))
    return response


@_guarded
async def end_session(request: Request) -> Response:
    """POST /_mock/ui/session/end: the cookie is taken back."""
    exchange_of(request).recorded = False
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
    Route("/ui/keys", keys, methods=["GET"]),
    Route("/ui/keys", change_keys, methods=["POST"]),
    Route("/ui/faults", faults, methods=["GET"]),
    Route("/ui/faults", change_faults, methods=["POST"]),
    Route("/ui/tokens", tokens, methods=["GET"]),
    Route("/ui/tokens", issue_token, methods=["POST"]),
    Route("/ui/coverage", coverage, methods=["GET"]),
    Route("/ui/clock", set_clock, methods=["POST"]),
    Route("/ui/reset", reset, methods=["POST"]),
    Route("/ui/events", events, methods=["GET"]),
    Route("/ui/static/{name}", file, methods=["GET"]),
    Route("/ui/session", session, methods=["POST"]),
    Route("/ui/session/end", end_session, methods=["POST"]),
]

#: At the root.
ROOT_ROUTES = [Route("/_mock", without_slash, methods=["GET"])]
