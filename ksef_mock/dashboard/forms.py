"""Posted forms: their fields, what is wrong with them, and the page to go back to."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from ksef_mock.api.http import read_body
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier, is_context_identifier
from ksef_mock.core.paths import before
from ksef_mock.dashboard.door import HOME
from ksef_mock.dashboard.render import Redirect

#: A form of these pages has a few short fields.
_LARGEST_FORM = 16_384


class Unusable(Exception):
    """What was filled in cannot be done; the message says why."""


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


async def read_form(request: Request, largest: int = _LARGEST_FORM) -> Form:
    """The fields that were posted, in at most `largest` octets.

    Raises:
        PayloadTooLarge: as named.
        Unusable: more fields than any form has.
    """
    body = await read_body(request, largest)
    try:
        return Form(body)
    except ValueError:
        raise Unusable("too many fields") from None


def whole(form: Form, name: str) -> int | None:
    """A field as a whole number; None if it is empty.

    Raises:
        Unusable: it is none.
    """
    text = form[name].strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Unusable(f"{name}: {text[:64]!r} is no whole number")
    return int(text)


def number(form: Form, name: str) -> float | None:
    """A field as a number; None if it is empty.

    Raises:
        Unusable: it is none.
    """
    text = form[name].strip()
    try:
        return float(text) if text else None
    except ValueError:
        raise Unusable(f"{name}: {text[:64]!r} is no number") from None


def as_context(text: str) -> Identifier | None:
    """What was typed in as the identifier of a context, `526…` or `Nip 526…`; None if it is none."""
    named, _, value = text.replace(":", " ").rpartition(" ")
    for kind in CONTEXT_PATTERNS:
        identifier = Identifier(kind, value)
        if named in ("", kind) and is_context_identifier(identifier):
            return identifier
    return None


def back_to(path: str) -> str:
    """`path` if it is one of the dashboard's own pages, the list of logins otherwise."""
    own = path == HOME or path.startswith((f"{HOME}?", f"{HOME}ui/"))
    return path if own and path.isprintable() and "\\" not in path else HOME


def referrer(request: Request) -> str:
    """The page that the request came from, if it is one of the dashboard's."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return HOME
    path = parts.path.removeprefix(before(request.scope))
    return back_to(f"{path}?{parts.query}" if parts.query else path)


def done(form: Form, what: str) -> Response:
    """Back to the page that the form was on, which says that `what` (one of `frame.NOTICES`) is done."""
    path, _, query = back_to(form["next"]).partition("?")
    fields = [(name, value) for name, value in parse_qsl(query) if name != "done"]
    return Redirect(f"{path}?{urlencode([*fields, ('done', what)])}", 303)
