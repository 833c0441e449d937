"""The mock that a defect breaks, and the tools to do that: each is limited to this one mock."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ksef_mock.core.errors import KsefError
from ksef_mock.core.paths import api_path
from ksef_mock.gateway.gateway import Gateway
from ksef_mock.system.system import System
from ksef_mock.xades import CheckResult, Outcome, Reading, Report, passed

#: A member of one of the mock's objects, a method mostly, and what takes its place.
Make: TypeAlias = Callable[[Any], Any]

STATUS = r"/auth/[0-9]{8}-[^/]*"
LOGINS = r"/auth/(?:ksef-token|xades-signature)"
SESSIONS = "/auth/sessions"
EVERYTHING = ".*"


class Outdated(Exception):
    """What a defect replaces is not there any more: the defect must follow the mock."""


@dataclass
class Ask:
    """A request to the API."""

    method: str
    #: Without the prefix of the API.
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        return _header(self.headers, name)

    def set_header(self, name: str, value: str | None) -> None:
        """Replace a header, or remove it."""
        self.headers = _with_header(self.headers, name, value)

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested too deep
            return None


@dataclass
class Answer:
    """An answer of the API, complete, with the request that it answers."""

    ask: Ask
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        return _header(self.headers, name)

    def set_header(self, name: str, value: str | None) -> None:
        """Replace a header, or remove it."""
        self.headers = _with_header(self.headers, name, value)


class Mock:
    """One mock before its first request."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.system: System = app.state.system
        outermost = app.build_middleware_stack()
        gateway: Any = outermost
        while not isinstance(gateway, Gateway):
            gateway = getattr(gateway, "_app", None)
            if gateway is None:
                raise Outdated("there is no gateway below the outer layers of the application")
        self._gateway = gateway
        app.middleware_stack = outermost
        self._max_body = self.system.settings.max_body
        self._asking: ContextVar[tuple[str, str]] | None = None  # made on demand

    # -- objects ------------------------------------------------------------------------------------------

    def replace(self, owner: object, name: str, make: Make) -> None:
        """Put what `make` makes of the member `name` of `owner` in its place.

        Raises:
            Outdated: there is no such member.
        """
        try:
            present = getattr(owner, name)
        except AttributeError:
            raise Outdated(f"{type(owner).__name__} has no {name!r} any more") from None
        setattr(owner, name, make(present))

    # -- HTTP ---------------------------------------------------------------------------------------------

    def edit_request(
        self, change: Callable[[Ask], object], *, method: str | None = None, path: str = EVERYTHING
    ) -> None:
        """Let the mock see requests differently from how they came. `path`: a pattern, without prefix."""
        self._in_front(_Editor(self._max_body, method, path, on_request=change))

    def edit_body(
        self, change: Callable[[dict[str, Any]], object], *, method: str | None = None, path: str = EVERYTHING
    ) -> None:
        """Let the mock see the JSON objects of requests differently: `change` changes them in place."""

        def edit(ask: Ask) -> None:
            body = ask.json()
            if isinstance(body, dict):
                change(body)
                ask.body = msgspec.json.encode(body)

        self.edit_request(edit, method=method, path=path)

    def edit_answer(
        self,
        change: Callable[[Answer], None],
        *,
        method: str | None = None,
        path: str = EVERYTHING,
        status: int | None = None,
    ) -> None:
        """Change answers on their way out. `path`: a pattern, without prefix."""

        def on_answer(answer: Answer) -> None:
            if status in (None, answer.status):
                change(answer)

        self._in_front(_Editor(self._max_body, method, path, on_answer=on_answer))

    def edit_json(
        self,
        change: Callable[[Any], None],
        *,
        method: str | None = None,
        path: str = EVERYTHING,
        status: int | None = None,
    ) -> None:
        """Change the JSON of answers in place. `path`: a pattern, without prefix."""

        def on_answer(answer: Answer) -> None:
            try:
                body = msgspec.json.decode(answer.body)
            except msgspec.DecodeError:
                return
            change(body)
            answer.body = msgspec.json.encode(body)

        self.edit_answer(on_answer, method=method, path=path, status=status)

    def refuse(
        self,
        judge: Callable[[Ask], KsefError | None],
        *,
        method: str | None = None,
        path: str = EVERYTHING,
    ) -> None:
        """Answer with an error where `judge` gives one. `path`: a pattern, without prefix."""
        app = self._gateway._app
        self._gateway._app = _Editor(self._max_body, method, path, refuses=judge)(app)

    def refuse_path(self, judge: Callable[[str], KsefError | None]) -> None:
        """Answer with an error where `judge` gives one for the whole path."""
        app = self._gateway._app

        async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
            error = judge(scope["path"]) if scope["type"] == "http" else None
            if error is not None:
                raise error
            await app(scope, receive, send)

        self._gateway._app = refusing

    def swallow(self, method: str, path: str, *, status: int = 200) -> None:
        """Answer requests as if they had been carried out. `path`: a pattern, without prefix."""
        self.refuse(lambda _: _Done(status), method=method, path=path)

    def asking(self) -> tuple[str, str]:
        """Method and path (without prefix) of the request that is being answered."""
        assert self._asking is not None, "call watch() first"
        return self._asking.get(("", ""))

    def watch(self) -> None:
        """From now on `asking` works."""
        if self._asking is None:
            asking: ContextVar[tuple[str, str]] = ContextVar("asking")
            self._asking = asking
            self.edit_request(lambda ask: asking.set((ask.method, ask.path)))

    def _in_front(self, editor: _Editor) -> None:
        assert self.app.middleware_stack is not None
        self.app.middleware_stack = editor(self.app.middleware_stack)

    # -- errors -------------------------------------------------------------------------------------------

    def edit_errors(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change each error of 400 answers, in either format: `code`, `description`, `details`."""

        def edit(body: Any) -> None:
            for entry in body.get("errors", ()):
                change(entry)
            for entry in body.get("exception", {}).get("exceptionDetailList", ()):
                error = {
                    "code": entry["exceptionCode"],
                    "description": entry["exceptionDescription"],
                    "details": entry.get("details", []),
                }
                change(error)
                entry["exceptionCode"] = error["code"]
                entry["exceptionDescription"] = error["description"]
                if error.get("details"):
                    entry["details"] = error["details"]
                else:
                    entry.pop("details", None)

        self.edit_json(edit, status=400)

    def recode(self, code: int, to: int) -> None:
        """Answer with another exception code."""

        def change(error: dict[str, Any]) -> None:
            if error["code"] == code:
                error["code"] = to

        self.edit_errors(change)

    def redetail(self, code: int, *details: str) -> None:
        """Give errors of this code other details."""

        def change(error: dict[str, Any]) -> None:
            if error["code"] == code:
                error["details"] = list(details)

        self.edit_errors(change)

    def edit_status(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change `status` in the answers of GET /auth/{referenceNumber}."""
        self.edit_json(lambda body: change(body["status"]), method="GET", path=STATUS, status=200)

    def rename_detail(self, detail: str, to: str) -> None:
        """Give the status of a failed login another detail."""

        def change(status: dict[str, Any]) -> None:
            if detail in status.get("details", ()):
                status["details"] = [to]

        self.edit_status(change)

    # -- documents ----------------------------------------------------------------------------------------

    def edit_document(self, change: Callable[[bytes], bytes]) -> None:
        """Let the verification see signed documents differently from how they came."""

        def make(original: Any) -> Any:
            def changed(document: bytes, *rest: Any) -> Any:
                return original(change(document), *rest)

            return changed

        self.replace(self.system.xades_login, "_read_and_verify", make)

    def edit_report(self, change: Callable[[Reading, Report], tuple[Reading, Report]]) -> None:
        """Change what the verification of a document found."""

        def make(original: Any) -> Any:
            return lambda *arguments: change(*original(*arguments))

        self.replace(self.system.xades_login, "_read_and_verify", make)

    def overlook(self, is_overlooked: Callable[[CheckResult], bool]) -> None:
        """Count some failed checks of a document as passed."""
        self.edit_report(lambda reading, report: (reading, overlooking(report, is_overlooked)))

    def object_to(self, is_refused: Callable[[Report], bool], objection: CheckResult) -> None:
        """Fail a check on documents that are right."""

        def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
            if is_refused(report):
                report.record(objection)
            return reading, report

        self.edit_report(change)


def overlooking(report: Report, is_overlooked: Callable[[CheckResult], bool]) -> Report:
    """The report with some of the failures in it passed."""
    results = [
        passed(result.check) if result.outcome is Outcome.FAILED and is_overlooked(result) else result
        for result in report.results
    ]
    lenient = Report(results, report.facts)
    lenient.certificate = report.certificate
    lenient.other_certificates = report.other_certificates
    return lenient


class _Done(KsefError):
    """No error: an answer without a body, for something that was not done."""

    title = ""

    def __init__(self, status: int) -> None:
        super().__init__("", reason="swallowed by a defect")
        self.status = status


class _Editor:
    """ASGI middleware that reads whole requests and answers of the API, and changes them."""

    def __init__(
        self,
        limit: int,
        method: str | None,
        path: str,
        *,
        on_request: Callable[[Ask], object] | None = None,
        on_answer: Callable[[Answer], None] | None = None,
        refuses: Callable[[Ask], KsefError | None] | None = None,
    ) -> None:
        """`limit`: octets of the largest request body."""
        self._limit = limit
        self._method = method
        self._path = re.compile(path)
        self._on_request = on_request
        self._on_answer = on_answer
        self._refuses = refuses

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def edited(scope: Scope, receive: Receive, send: Send) -> None:
            path = api_path(scope["path"]) if scope["type"] == "http" else None
            if path is None or self._method not in (None, scope["method"]) or not self._path.fullmatch(path):
                await app(scope, receive, send)
                return
            ask = Ask(
                scope["method"],
                path,
                scope["query_string"].decode("latin-1"),
                list(scope["headers"]),
                await _whole_body(receive, self._limit),
            )
            if self._on_request is not None:
                self._on_request(ask)
            if self._refuses is not None:
                error = self._refuses(ask)
                if error is not None:
                    raise error
            headers = ask.headers
            if ask.body:
                headers = _with_header(headers, "content-length", str(len(ask.body)))
            seen = {**scope, "headers": headers, "query_string": ask.query.encode("latin-1")}
            collector = _Collector(send, ask, self._on_answer)
            await app(seen, _replayed(ask.body), send if self._on_answer is None else collector)
            # What inner layers put into the scope is looked for there by outer ones.
            scope.update({key: value for key, value in seen.items() if key not in scope})

        return edited


class _Collector:
    """Holds an answer back until it is complete."""

    def __init__(self, send: Send, ask: Ask, change: Callable[[Answer], None] | None) -> None:
        self._send = send
        self._ask = ask
        self._change = change
        self._start: MutableMapping[str, Any] = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        answer = Answer(self._ask, self._start["status"], list(self._start["headers"]), self._body)
        if self._change is not None:
            self._change(answer)
        if answer.header("content-length") is not None or answer.body:
            answer.set_header("content-length", str(len(answer.body)))
        await self._send({**self._start, "status": answer.status, "headers": answer.headers})
        await self._send({"type": "http.response.body", "body": answer.body})


async def _whole_body(receive: Receive, limit: int) -> bytes:
    """The body; of one that is larger than `limit` only so much that it still is."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > limit:
            return bytes(body)


def _replayed(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _header(headers: list[tuple[bytes, bytes]], name: str) -> str | None:
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in headers if key.lower() == wanted), None)


def _with_header(
    headers: list[tuple[bytes, bytes]], name: str, value: str | None
) -> list[tuple[bytes, bytes]]:
    wanted = name.encode()
    kept = [(key, text) for key, text in headers if key.lower() != wanted]
    return kept if value is None else [*kept, (wanted, value.encode("latin-1"))]
