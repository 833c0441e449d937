"""An answer of the target, with the questions that requirements ask of it."""

from __future__ import annotations

from typing import Any, NoReturn

import httpx

from contract_tests.common.exchange import Exchange
from contract_tests.server import expect, shapes
from contract_tests.server.codes import DESCRIPTIONS
from contract_tests.server.shapes import Shape

#: Characters of an answer that an error repeats.
_BEGINNING = 120

_JSON = "application/json"
_PROBLEM = "application/problem+json"


class Reply:
    """One answer. Its methods raise `Failed`, naming what was expected and what came."""

    def __init__(self, response: httpx.Response, exchange: Exchange) -> None:
        self._response = response
        self.exchange = exchange

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self._response.headers

    @property
    def text(self) -> str:
        return self._response.text

    @property
    def content(self) -> bytes:
        return self._response.content

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""
        media_type: str = self.headers.get("content-type", "")
        return media_type.partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body.

        Raises:
            Failed: it is not JSON.
        """
        try:
            return self._response.json()
        except (ValueError, RecursionError):
            self._fail("a JSON body", self.text or "an empty body")

    def at(self, *path: str | int) -> Any:
        """The value at a path of names and positions in the body.

        Raises:
            Failed: there is none.
        """
        value = self.json()
        for position, step in enumerate(path):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                place = ".".join(map(str, path[:position])) or "the body"
                self._fail(f"a member {step!r} in {place}", value)
        return value

    def answers(self, status: int, shape: Shape | None = None) -> Reply:
        """Expect success: the status, and with a shape a JSON body of that shape.

        Raises:
            Failed: anything else came.
        """
        if self.status != status:
            self._fail(f"status {status}", self._summary())
        if shape is not None:
            if self.content_type != _JSON:
                self._fail(f"content type {_JSON}", self.content_type or "none")
            shape(self.json(), "body")
        return self

    def refused(self, code: int, *details: str | None) -> Reply:
        """Expect 400 with one error of this code, its documented description, and exactly these details.

        Both formats are understood. Without details none are asked about; `None` stands for any one detail,
        and alone for one or more: KSeF names all the faults of a body at once.

        Raises:
            Failed: anything else came.
        """
        found, description, received = self.error()
        if found != code:
            self._fail(f"error code {code}", self._summary())
        if code in DESCRIPTIONS and description != DESCRIPTIONS[code]:
            self._fail(f"{code} described as {DESCRIPTIONS[code]!r}", repr(description))
        if details == (None,):
            if not received:
                self._fail(f"{code} with details", "none")
        elif details and (
            len(received) != len(details)
            or any(
                wanted is not None and wanted != got for wanted, got in zip(details, received, strict=True)
            )
        ):
            wanted = ", ".join("any text" if each is None else repr(each) for each in details)
            self._fail(f"{code} with the details {wanted}", repr(received))
        return self

    def error(self) -> tuple[int, str, list[str]]:
        """Code, description and details of the first error of a 400, in either format.

        Raises:
            Failed: it is no 400, or of neither format.
        """
        if self.status != 400:
            self._fail("status 400", self._summary())
        if self.content_type == _PROBLEM:
            shapes.BAD_REQUEST(self.json(), "body")
            entry = self.at("errors", 0)
            return entry["code"], entry["description"], entry.get("details") or []
        if self.content_type != _JSON:
            self._fail(f"content type {_JSON} or {_PROBLEM}", self.content_type or "none")
        shapes.LEGACY(self.json(), "body")
        entry = self.at("exception", "exceptionDetailList", 0)
        return entry["exceptionCode"], entry["exceptionDescription"], entry.get("details") or []

    def problem(self, status: int, *, reason: str | None = None) -> Reply:
        """Expect problem+json with this status; `reason` is the reasonCode of a 403.

        Raises:
            Failed: anything else came.
        """
        if self.status != status:
            self._fail(f"status {status}", self._summary())
        if self.content_type != _PROBLEM:
            self._fail(f"content type {_PROBLEM}", self.content_type or "none")
        shape = {403: shapes.FORBIDDEN, 404: shapes.NOT_FOUND}.get(status, shapes.PROBLEM)
        shape(self.json(), "body")
        expect.equal("status in the body", self.at("status"), status)
        if reason is not None:
            expect.equal("reasonCode", self.at("reasonCode"), reason)
        return self

    def failed(self, status: int) -> Reply:
        """Expect an error of this status, in any of the forms that KSeF and what stands before it have.

        Raises:
            Failed: anything else came.
        """
        if self.status != status:
            self._fail(f"status {status}", self._summary())
        body, complaints = self.json(), []
        for shape in shapes.ERRORS.get(status, (shapes.PROBLEM,)):
            try:
                shape(body, "body")
                break
            except expect.Failed as complaint:
                complaints.append(str(complaint))
        else:
            self._fail(f"an error of a known form ({'; '.join(complaints)})", self.text)
        return self

    def unauthorized(self) -> Reply:
        """Expect 401 as problem+json, title and detail as in the document's example.

        Raises:
            Failed: anything else came.
        """
        self.problem(401)
        expect.equal("title", self.at("title"), "Unauthorized")
        expect.equal("detail", self.at("detail"), "Wymagane jest uwierzytelnienie.")
        return self

    def header(self, name: str) -> str:
        """The value of a header.

        Raises:
            Failed: it is absent.
        """
        value: str | None = self.headers.get(name)
        if value is None:
            self._fail(f"a header {name}", f"only {', '.join(self.headers)}")
        return value

    def _summary(self) -> str:
        text = f"{self.status} {self.exchange.outcome}".strip()
        if self.exchange.outcome:
            return text
        cut = "…" if len(self.text) > _BEGINNING else ""
        return f"{text} {self.text[:_BEGINNING]}{cut}".strip()

    def _fail(self, expected: str, received: object) -> NoReturn:
        expect.fail(expected, received, what=f"{self.exchange.method} {self._response.request.url.path}")
