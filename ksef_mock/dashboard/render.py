"""Templates to answers: Jinja2 (imported only here, and late), the formats of the pages, security headers."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from ksef_mock.core.installed import how_to_install
from ksef_mock.core.paths import before
from ksef_mock.dashboard import formats

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent

#: Nothing from elsewhere, nothing inline, in no frame, never kept.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then hide the origin of forms too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

# Not from the system's registry, which on Windows may call JavaScript plain text.
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_MISSING = """The dashboard needs Jinja2, which is not installed here. Install it with

    {install}

and start the mock again. Everything else works without it: see GET /_mock/journal.
"""


#: An address of the mock's own in markup: in what comes from elsewhere all quotation marks are escaped.
_OWN = re.compile(r'\b(href|action|src)="(?=/_mock)')


class Page(Response):
    """A page with the addresses of the mock that sends it: templates know nothing before /_mock."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if before(scope):
            html = bytes(self.body).decode()
            self.body = _OWN.sub(rf'\1="{before(scope)}', html).encode()
            self.headers["Content-Length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


class Redirect(RedirectResponse):
    """To a page of the same mock, by its path from /_mock on."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(path, status, HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["Location"] = before(scope) + self.headers["Location"]
        await super().__call__(scope, receive, send)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """An HTML answer; or, without Jinja2, 501 with the command that installs it."""
    try:
        environment = _environment()
    except ModuleNotFoundError:
        return PlainTextResponse(_MISSING.format(install=how_to_install("dashboard")), 501, headers=HEADERS)
    body = environment.get_template(template).render(values)
    return Page(body, status, HEADERS, media_type="text/html")


def attachment(content: bytes, name: str, media_type: str = "application/xml") -> Response:
    """A file to be kept; whatever is in it, it is never shown as a page of the mock's.

    Args:
        name: of ASCII letters, digits, hyphens and dots.
    """
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=media_type)


def static(name: str) -> Response | None:
    """A file of the dashboard; None if there is no such file."""
    content = _static().get(name)
    if content is None:
        return None
    return Response(content, headers=HEADERS, media_type=_MEDIA_TYPES[Path(name).suffix])


@cache
def _static() -> dict[str, bytes]:
    # A table, so that no path of a request ever reaches the file system.
    return {file.name: file.read_bytes() for file in (_HERE / "static").iterdir() if file.is_file()}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clock_time=formats.clock_time,
        date_time=formats.date_time,
        duration=formats.duration,
        milliseconds=formats.milliseconds,
        json=formats.pretty,
        parsed=datetime.fromisoformat,
    )
    return environment
