"""The outermost layer: gives each request its identity, turns errors into answers, writes the journal."""

from __future__ import annotations

import logging
import random
import time
import unicodedata
from collections import deque
from collections.abc import Awaitable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ksef_mock.core.errors import (
    JSON,
    PROBLEM_JSON,
    BadRequest,
    ConnectionCut,
    InternalError,
    KsefError,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    SentBack,
    StoreUnavailable,
)
from ksef_mock.core.exchange import SCOPE_KEY, SYSTEM_KEY, Exchange
from ksef_mock.core.headers import headers_of
from ksef_mock.core.paths import api_path, before
from ksef_mock.core.text import kept
from ksef_mock.core.wire import Wire
from ksef_mock.gateway.forwarding import TrustedProxies
from ksef_mock.gateway.operations import operation_at
from ksef_mock.state.look import LOOK, Look, Moved
from ksef_mock.system.system import System
from ksef_mock.trail.logs import log_request

_log = logging.getLogger("ksef_mock")

#: The journal's status of a request that nobody waits for any more (nginx's convention).
_CLIENT_GONE = 499
#: The same for a connection that was closed without an answer.
_NO_ANSWER = 444

#: What has no operations of the API, but is not nowhere: counted as one endpoint each.
_ROOMS = ("/_mock", "/latarnia", "/qr")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))


#: How often a request begins because the shared record changes under it, before it is made to look first.
_ATTEMPTS = 3


#: The headers of a request by their name.
Sent: TypeAlias = Mapping[bytes, bytes]


class Gateway:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, system: System) -> None:
        self._app = app
        self._system = system
        proxies = system.settings.trusted_proxies
        self._proxies = TrustedProxies(proxies) if proxies else None
        self._confirms = system.store.confirms_version
        # OpenAPI: SystemWarning. What the client sends in X-Test-System-Warning comes back to it on TEST.
        self._echoes = system.settings.environment.echoes_test_warning
        # Trace ids are no secrets: no call into the kernel's entropy for each request.
        self._random = random.Random()  # noqa: S311

    # No coroutine of its own, as none of the layers that only hand a request on: each takes time.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        look = self._system.look() if self._confirms else None
        if look is None or api_path(scope["path"]) is None:
            return self._attempt(scope, receive, send)
        return self._repeated(look, scope, receive, send)

    async def _repeated(self, look: Look, scope: Scope, receive: Receive, send: Send) -> None:
        again = _Again(receive, look)
        for _ in range(_ATTEMPTS):
            LOOK.set(again.look)
            try:
                await self._attempt(dict(scope), again, send)
                return
            except Moved:
                await self._system.catch_up()
                again.rewind(self._system.look() or look)
        LOOK.set(None)
        await self._attempt(scope, again, send)

    async def _attempt(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Raises:
            Moved: the shared record is another; nothing has been changed or answered.
        """
        started = time.perf_counter()
        error: KsefError | None = None
        look = LOOK.get()
        if look is None:
            try:
                await self._system.catch_up()
            except KsefError as refusal:
                error = _bare(refusal)
        exchange = Exchange(
            scope["method"],
            scope["path"],
            self._client_ip(scope),
            self._system.clock.now(),
            f"{self._random.getrandbits(128):032x}",
        )
        scope[SCOPE_KEY] = exchange
        scope[SYSTEM_KEY] = self._system
        sent = headers_of(scope)
        wire = exchange.wire = _wire(scope)
        epoch = self._system.journal.epoch
        answered = False
        start: Message | None = None

        async def record(status: int) -> None:
            duration = time.perf_counter() - started
            exchange.trim()
            self._count(exchange, status, error, duration)
            if exchange.recorded:
                log_request(exchange, status, error, duration * 1_000, lambda: base_url(scope), before(scope))
                # What a reset has overtaken is not of the state after it; the reset itself is.
                if epoch == self._system.journal.epoch or exchange.path.startswith("/_mock/"):
                    await self._system.journal.record(exchange, status, error, duration * 1_000)

        async def receive_kept() -> Message:
            message = await receive()
            if wire is not None and message["type"] == "http.request":
                wire.received(message.get("body", b""))
            return message

        async def send_recorded(message: Message) -> None:
            nonlocal answered, start
            if message["type"] == "http.response.start":
                if look is not None and not look.checked and error is None:
                    await self._confirm(look)
                start = message  # held until its body is there, which belongs to the entry
                return
            if start is not None:
                first, start = start, None
                answered = True
                extra_headers = self._headers(scope, sent, exchange)
                if extra_headers:
                    first["headers"] = [*first["headers"], *extra_headers]
                if wire is not None:
                    wire.answered(list(first["headers"]), message.get("body", b""))
                # Before the answer is out: whoever has it must find its entry in the journal.
                await record(first["status"])
                await send(first)
            await send(message)

        try:
            if error is None:
                if self._system.faults.defined:
                    await self._system.faults.on_request(exchange)
                _require_acceptable(scope, sent)
                await self._app(scope, receive_kept, send_recorded)
        except ConnectionCut:
            await record(_NO_ANSWER)
            await cut(receive, send)
        except KsefError as refusal:
            error = _bare(refusal)
        except HTTPException as refusal:
            error = translated(refusal)
        except ClientDisconnect:
            exchange.noted("client", "went away before its request was complete")
            await record(_CLIENT_GONE)
        except Exception as failure:
            _log.exception("trace %s: %s %s failed", exchange.trace_id, exchange.method, kept(exchange.path))
            error = InternalError(reason=f"{type(failure).__name__}: {failure}")
        if error is not None and not answered:
            if look is not None and not look.checked and not isinstance(error, StoreUnavailable):
                try:
                    await self._confirm(look)
                except KsefError as refusal:
                    error = _bare(refusal)
            response = self._render(error, scope, sent, exchange)
            await response(scope, receive, send_recorded)

    async def _confirm(self, look: Look) -> None:
        """For a request that has not asked the store for anything.

        Raises:
            Moved: it has to begin anew.
            StoreUnavailable: there is no telling.
        """
        look.checked = True
        await self._system.catch_up()
        if self._system.shared.version != look.expected:
            raise Moved

    def _count(self, exchange: Exchange, status: int, error: KsefError | None, seconds: float) -> None:
        metrics = self._system.metrics
        routed = exchange.routed
        endpoint = _endpoint(exchange) if routed is None else routed.path
        # Whatever a client calls a method must not make a time series of its own.
        method = exchange.method if exchange.method in _METHODS else "other"
        code = str(int(error.code)) if isinstance(error, BadRequest) else ""
        metrics.request(method, endpoint, status, code, seconds)
        verdict = exchange.facts.verdict
        if verdict is not None and exchange.facts.method is not None:
            metrics.login(exchange.facts.method, int(verdict.status), verdict.detail or "")

    def _render(self, error: KsefError, scope: Scope, sent: Sent, exchange: Exchange) -> Response:
        at = exchange.occurrence(self._system.clock.now())
        # A fault's below 400: no body is documented for it.
        if error.status < 400 or isinstance(error, NotAcceptable):
            response = Response(status_code=error.status, headers=error.headers)
            if isinstance(error, SentBack):
                response.headers["Location"] = before(scope) + _address(scope)
                for cookie in error.cookies(at):
                    response.headers.append("Set-Cookie", cookie)
            return response
        body: dict[str, Any] | None = None
        if error.is_plain_json or not _wants_problem_details(sent):
            body = error.legacy(at)
        media_type = "application/json" if error.is_plain_json else JSON
        if body is None:
            body, media_type = error.problem(at), PROBLEM_JSON
        return Response(msgspec.json.encode(body), error.status, headers=error.headers, media_type=media_type)

    def _client_ip(self, scope: Scope) -> str:
        client = scope.get("client")
        peer: str = client[0] if client else "127.0.0.1"
        if self._proxies is None:
            return peer
        forwarded = [value.decode("latin-1") for key, value in scope["headers"] if key == b"x-forwarded-for"]
        return self._proxies.client_ip(peer, forwarded)

    def _headers(self, scope: Scope, sent: Sent, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        general = self._system.warning
        echoed = sent.get(b"x-test-system-warning") if self._echoes else None
        if (general is None and echoed is None and not exchange.warnings) or not exchange.of_api:
            return []
        warnings: list[bytes] = []
        if general is not None and not scope["path"].startswith("/_mock/"):
            warnings.append(general.encode())
        if echoed is not None:
            warnings.append(echoed)
        warnings += [warning.encode() for warning in exchange.warnings]
        # Folding may leave nothing, or blanks at an end, which no header may have.
        folded = b" | ".join(filter(None, map(_ascii_folded, warnings)))
        if not folded:
            return []
        exchange.noted("system-warning", f"sent: {folded.decode()}")
        return [(b"x-system-warning", folded)]


class _Again:
    """`receive` of a request that may have to begin anew."""

    def __init__(self, receive: Receive, look: Look) -> None:
        self._receive = receive
        self._kept: list[Message] = []
        self._waiting: deque[Message] = deque()
        self.look = look

    async def __call__(self) -> Message:
        if self._waiting:
            return self._waiting.popleft()
        message = await self._receive()
        if not self.look.checked:
            self._kept.append(message)
        return message

    def rewind(self, look: Look) -> None:
        self._waiting = deque(self._kept)
        self.look = look


def _endpoint(exchange: Exchange) -> str:
    # Of a request that was not routed: a control, one that a fault has ended, or one to nowhere.
    path = api_path(exchange.path)
    operation = None if path is None else operation_at(exchange.method, path)
    if operation is not None:
        return operation.path
    return next((room for room in _ROOMS if exchange.path.startswith(f"{room}/")), "unmatched")


async def cut(receive: Receive, send: Send) -> None:
    """Close the connection without an answer, or without the rest of it.

    Raises:
        ConnectionAbortedError: the server offers no way to do that.
    """
    # ASGI has no word for it. uvicorn's `send` is a method of the object that holds the connection.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("a fault cuts this connection, but its server cannot do that")
    transport.abort()
    # Until the server has noticed, it would answer 500 for whoever says nothing.
    while (await receive())["type"] != "http.disconnect":
        pass


def _bare(refusal: KsefError) -> KsefError:
    # Tracebacks lead back to the frame that holds the error: a cycle, with the whole request in it.
    refusal.__cause__ = refusal.__context__ = None
    return refusal.with_traceback(None)


def translated(refusal: HTTPException) -> KsefError:
    """The router's own refusals as errors of the mock."""
    if refusal.status_code == 405:
        allowed = (refusal.headers or {}).get("Allow", "").split(", ")  # in no order: it was a set
        return MethodNotAllowed(", ".join(sorted(allowed)))
    return NotFound(reason="no such path in the API")


def _wire(scope: Scope) -> Wire | None:
    """What a request begins with; None under /_mock, which has no part in what clients do."""
    if scope["path"].startswith("/_mock"):
        return None
    return Wire(_address(scope), scope["http_version"], list(scope["headers"]))


def base_url(scope: Scope) -> str:
    """The mock's address as the client knows it, such as `http://127.0.0.1:8080`."""
    host = (headers_of(scope).get(b"host") or b"127.0.0.1").decode("latin-1")[:100]
    return f"{scope['scheme']}://{host}{before(scope)}"


def _wants_problem_details(sent: Sent) -> bool:
    wish = sent.get(b"x-error-format")
    return wish is not None and wish.strip().lower() == b"problem-details"


def _require_acceptable(scope: Scope, sent: Sent) -> None:
    """
    Raises:
        NotAcceptable: a request of the API wants neither JSON nor XML (seen once, for application/pdf).
            Clients ask for JSON even where XML comes, and get it.
    """
    accept = sent.get(b"accept")
    if not accept or b"*" in accept or b"json" in accept:
        return
    wanted = accept.lower()
    if b"json" in wanted or b"xml" in wanted or api_path(scope["path"]) is None:
        return
    raise NotAcceptable(accept.decode("latin-1"))


def _address(scope: Scope) -> str:
    """The path and the query string of a request, as they came."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return (path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


# Unicode decomposition has no answer for the Polish l with stroke.
_STROKES = str.maketrans("łŁ", "lL")


def _ascii_folded(value: bytes) -> bytes:
    text = value.decode("utf-8", "replace").translate(_STROKES)
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore")
    return bytes(byte for byte in folded if 0x20 <= byte < 0x7F).strip()
