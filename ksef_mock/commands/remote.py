"""What the commands that drive a running mock have in common: the connection, its errors, what is printed.

Standard library only: the server's installation has no HTTP client.
"""

from __future__ import annotations

import functools
import http.client
import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import click

from ksef_mock.core.text import visible

F = TypeVar("F", bound=Callable[..., None])

DEFAULT_URL = "http://127.0.0.1:8080"

#: Seconds; a stream shows a sign of life every 15.
_TIMEOUT = 30.0
#: Of whoever answers otherwise than a mock does.
_DOUBT = "is this a ksef-mock? Its address goes without /v2"


class Unreachable(click.ClickException):
    """Nobody answers there. Exit code 3, so that scripts can tell it from a refusal (1)."""

    exit_code = 3


class Refused(click.ClickException):
    """The mock does not do it; the message is the mock's. Exit code 1."""


class Remote:
    """A running mock."""

    def __init__(self, url: str, token: str | None) -> None:
        """
        Raises:
            click.BadParameter: the URL is none.
        """
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            self._port = parts.port
        except ValueError:
            raise click.BadParameter(f"{url!r} is no URL", param_hint="--url") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.BadParameter(f"{url!r}: such as {DEFAULT_URL}", param_hint="--url")
        self._secure, self._host, self._path = parts.scheme == "https", parts.hostname, parts.path
        self._token = token

    def call(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None
    ) -> Any:
        """The JSON answer of /_mock`path`; None if it has no body."""
        data = None if body is None else json.dumps(body, default=datetime.isoformat).encode()
        content = self.send(method, path, data, params=params)
        return self._read(content) if content else None

    def open(self, path: str) -> Any:
        """The JSON answer of a page of KSeF's."""
        with self._exchange("GET", path, None, None, {}, under="") as response:
            return self._read(response.read())

    def _read(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise Unreachable(f"{self.url} answers with something else than JSON; {_DOUBT}") from None

    def send(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The body of the answer, whatever it is."""
        with self._exchange(method, path, data, params, {"Content-Type": content_type}) as response:
            return response.read()

    def lines(self, path: str, *, params: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[str]:
        """The lines of an answer that does not end by itself."""
        with self._exchange("GET", path, None, params, headers) as response:
            while line := response.readline():
                yield line.decode().rstrip("\n")

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        data: bytes | None,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        under: str = "/_mock",
    ) -> Iterator[http.client.HTTPResponse]:
        query = {name: value for name, value in (params or {}).items() if value is not None}
        target = f"{self._path}{under}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = {"Accept": "application/json", "X-Error-Format": "problem-details", **headers}
        if data is None:
            sent.pop("Content-Type", None)
        if self._token is not None:
            sent["X-Mock-Control-Token"] = self._token
        connection = self._connection()
        try:
            connection.request(method, target, data, sent)
            with connection.getresponse() as response:
                if response.status >= 400:
                    raise self._refusal(response)
                yield response
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(
                f"{self.url}: its certificate is not trusted ({error.verify_message}). "
                "Let SSL_CERT_FILE name the mock's CA."
            ) from None
        except TimeoutError:
            raise Unreachable(f"{self.url} does not answer") from None
        except ConnectionRefusedError:
            raise Unreachable(
                f"no mock is running at {self.url}: start one with `ksef-mock serve`, or name it with --url"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url}: {visible(str(error).strip()) or type(error).__name__}") from None
        finally:
            connection.close()

    def _refusal(self, response: http.client.HTTPResponse) -> click.ClickException:
        content = response.read(1_000_000)
        if response.status == 401:
            wanted = "this mock wants a control token: --control-token"
            return Refused("the control token is wrong" if self._token else wanted)
        try:
            problem = json.loads(content)
            details = [detail for error in problem.get("errors", ()) for detail in error.get("details", ())]
            said = "; ".join(details) or problem["detail"]
        except (ValueError, LookupError, TypeError, AttributeError):
            return Unreachable(f"{self.url} answers with HTTP status {response.status}; {_DOUBT}")
        return Refused(visible(str(said)))

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT, context=context)


def remote_command(command: F) -> F:
    """Give a command `--url` and `--control-token`, and a `Remote` as its first argument."""

    @click.option(
        "--url", envvar="KSEF_MOCK_URL", default=DEFAULT_URL, show_default=True, help="The running mock."
    )
    @click.option(
        "--control-token", envvar="KSEF_MOCK_CONTROL_TOKEN", help="Its control token, if it has one."
    )
    @functools.wraps(command)
    def with_remote(url: str, control_token: str | None, **arguments: Any) -> None:
        command(Remote(url, control_token), **arguments)

    return with_remote  # type: ignore[return-value]  # wraps keeps the parameters that click needs


def json_option(command: F) -> F:
    """Give a command `--json`."""
    decorated: F = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    return decorated


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Plain columns, in which nothing is ever cut or broken."""
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in (list(headers), *cells):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
