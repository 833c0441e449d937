"""A layer around the mock: it records what passes, and interferes where a situation has told it to.

It is ASGI middleware, so what it records is what the client really sent: each header, each octet.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract_tests.common.exchange import parsed
from ksef_mock.core.exchange import SCOPE_KEY
from ksef_mock.core.exchange import Exchange as Trail
from ksef_mock.core.paths import api_path
from ksef_mock.gateway.gateway import cut
from ksef_mock.system.system import System

#: Octets of a body that are kept.
_KEPT = 262_144
#: Calls that are recorded. Whoever makes more of them hammers, and that is known long before.
_RECORDED = 1_000

Headers: TypeAlias = list[tuple[str, str]]


class Step(StrEnum):
    """Which part of a client's work a request is."""

    CHALLENGE = "challenge"
    KEYS = "published keys"
    SUBMISSION = "submission"
    POLL = "status poll"
    REDEEM = "redeem"
    REFRESH = "refresh"
    LOGOUT = "logout"
    #: Anything else: what one logs in for. Hooks on it act on the steps of sending, too.
    REQUEST = "request"
    OPEN = "opening of a session"
    SEND = "invoice"
    #: Of one invoice, or of those of a session.
    VERDICT = "status of an invoice"
    CLOSE = "closing of a session"
    STATE = "status of a session"
    #: By a signed link, without a token.
    DOWNLOAD = "download"
    UPLOAD = "upload of a part"
    ORDER = "order of an export"
    PROGRESS = "status of an export"


@dataclass
class Call:
    """A request of the client and its answer."""

    step: Step
    method: str
    #: Without the prefix of the API.
    path: str
    #: As sent, with the query.
    target: str
    request_headers: Headers
    #: Seconds of the monotonic clock when the request came.
    began: float
    request_body: bytes = b""
    #: 0: no answer was sent.
    status: int = 0
    response_headers: Headers = field(default_factory=list)
    response_body: bytes = b""
    #: Seconds of the monotonic clock when the answer was ready; as `began` if there was none.
    ended: float = 0.0
    #: The mock has done what was asked, and the answer was dropped on the way.
    lost: bool = False
    #: What the mock noted of it; None if the request did not get that far.
    trail: Trail | None = None

    @property
    def is_success(self) -> bool:
        """Whether the client was told that it went well."""
        return 200 <= self.status < 300

    def is_a(self, step: Step) -> bool:
        """Whether it is of this kind. What sends an invoice is a request with the access token as well."""
        return self.step is step or (step is Step.REQUEST and self.step in _SENDING)

    @property
    def bearer(self) -> str | None:
        """The JWT that it carries."""
        scheme, _, token = dict(self.request_headers).get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def refusal(self) -> str | None:
        """Why the mock refused it or would let the login fail: its first failed decision."""
        if self.trail is None:
            return None
        return next(
            (f"{check}: {reason}" for check, how, reason in self.trail.decisions if how == "failed"), None
        )

    def json(self) -> Any:
        """The answer's body; None if it is not JSON."""
        return parsed(self.response_body)

    def sent(self) -> Any:
        """The request's body; None if it is not JSON."""
        return parsed(self.request_body)


Wanted: TypeAlias = Callable[[Call], bool]
Action: TypeAlias = Callable[[Call], Awaitable[None]]
#: Gets the answer's JSON and returns what is sent instead.
Rewrite: TypeAlias = Callable[[Call, Any], Any]


@dataclass
class Hook:
    """Something to do at the next `left` calls that are wanted (None: at all of them)."""

    wanted: Wanted
    left: int | None

    def takes(self, call: Call) -> bool:
        """Whether it is this call's turn; counts."""
        if self.left == 0 or not self.wanted(call):
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass
class Before(Hook):
    """Done before the mock sees the request."""

    action: Action


@dataclass
class After(Hook):
    """Done when the mock has answered, before the client sees the answer."""

    action: Action


@dataclass
class Rewritten(Hook):
    """Changes the JSON of a successful answer."""

    rewrite: Rewrite


@dataclass
class Lost(Hook):
    """The connection is closed instead of the answer."""


@dataclass
class Belied(Hook):
    """500 instead of the answer."""


_H = TypeVar("_H", bound=Hook)


class Tap:
    """Made around the mock's application; used from its event loop, read when the client has ended."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.hooks: list[Hook] = []
        #: Sent with each request on the client's behalf.
        self.forced_headers: Headers = []
        #: Sent with each answer.
        self.extra_headers: Headers = []
        self._app: ASGIApp | None = None
        self._system: System | None = None

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application of a mock with this layer around it."""
        assert isinstance(app, Starlette)
        self._app, self._system = app, app.state.system
        return self

    @property
    def system(self) -> System:
        """What stands behind the mock; for hooks, which run in its event loop."""
        assert self._system is not None, "the mock has not been started"
        return self._system

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        path = _path_of(scope["path"]) if scope["type"] == "http" else None
        # The controls under /_mock are no part of KSeF.
        if path is None or len(self.calls) >= _RECORDED:
            await self._app(scope, receive, send)
            return
        call = _begun(scope, path)
        self.calls.append(call)
        for hook in self._turns(Before, call):
            await hook.action(call)
        scope["headers"] = [*scope["headers"], *_raw(self.forced_headers)]
        answer = _Answer(send)
        try:
            await self._app(scope, _recorded(call, receive), answer.send)
        finally:
            call.ended = time.monotonic()
            call.trail = scope.get(SCOPE_KEY)
        if not answer.is_complete:  # a fault has cut the connection, or the client has gone
            return
        await self._deliver(call, answer, receive, send)

    async def _deliver(self, call: Call, answer: _Answer, receive: Receive, send: Send) -> None:
        call.status = answer.status
        call.response_headers = answer.headers
        call.response_body = bytes(answer.body[:_KEPT])
        for after in self._turns(After, call):
            await after.action(call)
        document = call.json()
        if call.is_success and document is not None:
            for rewritten in self._turns(Rewritten, call):
                document = rewritten.rewrite(call, document)
                answer.replace(json.dumps(document, ensure_ascii=False).encode())
                call.response_headers, call.response_body = answer.headers, bytes(answer.body)
        call.ended = time.monotonic()
        if any(self._turns(Belied, call)):
            answer.fail()
            call.status, call.lost = answer.status, True
            call.response_headers, call.response_body = answer.headers, b""
        if any(self._turns(Lost, call)):
            call.status, call.lost = 0, True
            await cut(receive, send)
            return
        await answer.deliver(self.extra_headers)

    def _turns(self, kind: type[_H], call: Call) -> list[_H]:
        return [hook for hook in self.hooks if isinstance(hook, kind) and hook.takes(call)]


class _Answer:
    """Holds the answer back until it is complete."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._raw_headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.body = bytearray()
        self.is_complete = False

    @property
    def transport(self) -> Any:
        """The connection, for whoever has to cut it (`ksef_mock.gateway.cut`)."""
        return getattr(getattr(self._send, "__self__", None), "transport", None)

    @property
    def headers(self) -> Headers:
        return _decoded(self._raw_headers)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._raw_headers = list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            self.is_complete = not message.get("more_body", False)

    def replace(self, body: bytes) -> None:
        """Another body; its length is adapted."""
        kept = [(name, value) for name, value in self._raw_headers if name.lower() != b"content-length"]
        self._raw_headers = [*kept, (b"content-length", str(len(body)).encode())]
        self.body = bytearray(body)

    def fail(self) -> None:
        """500 with an empty body, as a gateway answers whose server is gone."""
        self.status, self.body = 500, bytearray()
        self._raw_headers = [(b"content-length", b"0")]

    async def deliver(self, extra: Headers) -> None:
        headers = [*self._raw_headers, *_raw(extra)]
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": bytes(self.body)})


def kind_of_token(token: str | None) -> str | None:
    """The `typ` of one of KSeF's JWTs; None if it is none."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    kind = claims.get("typ") if isinstance(claims, dict) else None
    return kind if isinstance(kind, str) else None


_LITERAL = {
    ("POST", "/auth/challenge"): Step.CHALLENGE,
    ("GET", "/security/public-key-certificates"): Step.KEYS,
    ("POST", "/auth/ksef-token"): Step.SUBMISSION,
    ("POST", "/auth/xades-signature"): Step.SUBMISSION,
    ("POST", "/auth/token/redeem"): Step.REDEEM,
    ("POST", "/auth/token/refresh"): Step.REFRESH,
    ("DELETE", "/auth/sessions/current"): Step.LOGOUT,
}

_SESSION = "/sessions/[0-9]{8}-[^/]+"
_OF_SENDING = (
    ("POST", re.compile("/sessions/(?:online|batch)"), Step.OPEN),
    ("POST", re.compile("/sessions/online/[^/]+/invoices"), Step.SEND),
    ("POST", re.compile("/sessions/(?:online|batch)/[^/]+/close"), Step.CLOSE),
    ("POST", re.compile("/invoices/exports"), Step.ORDER),
    ("GET", re.compile("/invoices/exports/[^/]+"), Step.PROGRESS),
    ("GET", re.compile(_SESSION), Step.STATE),
    ("GET", re.compile(f"{_SESSION}/invoices(?:/[^/]+)?"), Step.VERDICT),
)
_SENDING = frozenset(step for _, _, step in _OF_SENDING)
#: What begins the path of a signed link.
_STORAGE = "/storage/"


def _path_of(path: str) -> str | None:
    """Without the prefix of the API; None if it is no part of KSeF."""
    return path if path.startswith(_STORAGE) else api_path(path)


def _step_of(method: str, path: str, bearer: str | None) -> Step:
    literal = _LITERAL.get((method, path))
    if literal is not None:
        return literal
    if path.startswith(_STORAGE):
        return Step.UPLOAD if method == "PUT" else Step.DOWNLOAD
    for way, pattern, step in _OF_SENDING:
        if way == method and pattern.fullmatch(path):
            return step
    head, _, rest = path.removeprefix("/").partition("/")
    # With an access token the status of the login is something that one looks at, not a part of logging in.
    is_status = method == "GET" and head == "auth" and rest != "sessions" and "/" not in rest
    return Step.POLL if is_status and kind_of_token(bearer) != "ContextToken" else Step.REQUEST


def _begun(scope: Scope, path: str) -> Call:
    headers = _decoded(scope["headers"])
    query = scope.get("query_string", b"").decode("latin-1")
    target = scope["path"] + (f"?{query}" if query else "")
    now = time.monotonic()
    call = Call(Step.REQUEST, scope["method"], path, target, headers, now, ended=now)
    call.step = _step_of(call.method, path, call.bearer)
    return call


def _recorded(call: Call, receive: Receive) -> Receive:
    async def received() -> Message:
        message = await receive()
        if message["type"] == "http.request" and len(call.request_body) < _KEPT:
            call.request_body += message.get("body", b"")
        return message

    return received


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
