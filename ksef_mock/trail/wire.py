"""What was on the wire, for people: secrets masked, bodies as text where they are text, and as curl."""

from __future__ import annotations

import codecs
import re
import shlex
from urllib.parse import quote

import msgspec

from ksef_mock.core.text import masked
from ksef_mock.core.wire import Headers, Wire

#: Headers whose value is a secret.
_SECRET = (b"authorization", b"cookie", b"set-cookie", b"x-mock-control-token", b"proxy-authorization")
#: Headers that curl sends by itself, or that describe a connection.
_OF_THE_CONNECTION = (
    "host",
    "content-length",
    "connection",
    "accept-encoding",
    "transfer-encoding",
    "expect",
)

_Decoder = codecs.getincrementaldecoder("utf-8")

# Begins where a word does, and looks at no part of it twice: a body may be one long word.
_JWT = re.compile(r"(?<![\w-])((?>[\w-]*?eyJ)[\w-]++\.[\w-]++\.)([\w-]++)", re.ASCII)
_KSEF_TOKEN = re.compile(r"[0-9]{8}-EC-[0-9A-F-]{24}\|[A-Za-z]{1,12}-[^|\s\"]{1,40}\|[^\s\"<]+")
#: Members of JSON bodies whose text is a secret: what `POST /tokens` answers, above all.
_MEMBER = re.compile(r'("(?:token|password|privateKey|private_key)"\s*:\s*")([^"\\]+)(")', re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", re.DOTALL)
#: The signature of a link to a file, in the query string or in a body that names the link.
_LINK = re.compile(r"([?&](?:amp;)?sig=)([^&\s\"'<\\]+)", re.IGNORECASE)


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A request or an answer."""

    headers: list[tuple[str, str]]
    #: Octets of the body as it was; of an answer in several parts, of the first.
    length: int
    #: The body, if it is text; masked.
    text: str | None = None
    #: The body, if it is not.
    base64: bytes | None = None
    #: Octets at its end that are not kept.
    missing: int = 0


class Recorded(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request and its answer, without their secrets."""

    method: str
    target: str
    http_version: str
    status: int
    #: Whether headers and bodies were dropped for those of newer requests.
    forgotten: bool
    request: Message
    answer: Message
    curl: str


def recorded(wire: Wire, method: str, status: int, base_url: str, document: str) -> Recorded:
    """What may be shown of `wire`.

    Args:
        base_url: where curl finds the mock, such as `http://127.0.0.1:8080`.
        document: URL of the request's body, for curl where it is no text.
    """
    target = without_secrets(wire.target)
    request = _message(wire.headers, wire.body, wire.length, wire.missing)
    return Recorded(
        method=method,
        target=target,
        http_version=wire.version,
        status=status,
        forgotten=wire.forgotten,
        request=request,
        answer=_message(wire.answer_headers, wire.answer, wire.answer_length, wire.answer_missing),
        curl=_curl(method, base_url + target, request, document),
    )


def without_secrets(text: str) -> str:
    """`text` with each secret cut down to what one recognises it by."""
    # Each expression is tried where what it begins with is there: most texts have none of it.
    if "-EC-" in text:
        text = _KSEF_TOKEN.sub(lambda match: masked(match[0]), text)
    if "eyJ" in text:
        text = _JWT.sub(lambda match: match[1] + masked(match[2]), text)
    small = text.lower()
    if '"' in text and ("token" in small or "password" in small or "private" in small):
        text = _MEMBER.sub(lambda match: match[1] + _member(match[2]) + match[3], text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(r"\1…\2", text)
    if "sig=" in small:
        text = _LINK.sub(lambda match: match[1] + quote(masked(match[2])), text)
    return text


def for_storage(wire: Wire, longest: int) -> Wire:
    """A copy that may leave this process: no secrets, bodies of at most `longest` octets.

    A signed document stays as it is, octet by octet: it is to be judged again, and is good for one login.
    """
    body, cut = _storable(wire.body, wire.missing, longest)
    answer, answer_cut = _storable(wire.answer, wire.answer_missing, longest)
    return msgspec.structs.replace(
        wire,
        target=without_secrets(wire.target),
        headers=_storable_headers(wire.headers),
        body=body,
        missing=wire.missing + cut,
        answer_headers=_storable_headers(wire.answer_headers),
        answer=answer,
        answer_missing=wire.answer_missing + answer_cut,
    )


def _storable_headers(headers: Headers) -> Headers:
    # Most have no secrets, which is seen at once; those that are secret by their name aside.
    others = b"\n".join([value for name, value in headers if name not in _SECRET]).decode("latin-1")
    harmless = without_secrets(others) == others
    return [
        (name, value if harmless and name not in _SECRET else _header(name, value).encode())
        for name, value in headers
    ]


def _storable(body: bytes, missing: int, longest: int) -> tuple[bytes, int]:
    """What of `body` may be stored, and how many octets of it were cut off."""
    if not is_document(body):
        text = _text(body, missing)
        if text is not None:
            body = without_secrets(text).encode()
    return body[:longest], max(len(body) - longest, 0)


def is_document(body: bytes) -> bool:
    """Whether a body is XML, or means to be."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def _member(value: str) -> str:
    # What has been masked already, or is the text of an error, stays readable.
    return value if "…" in value or value.startswith("eyJ") else masked(value)


def _message(headers: Headers, body: bytes, length: int, missing: int) -> Message:
    text = _text(body, missing)
    return Message(
        headers=[(name.decode("latin-1"), _header(name, value)) for name, value in headers],
        length=length,
        text=None if text is None else without_secrets(text),
        base64=body if text is None else None,
        missing=missing,
    )


def _text(body: bytes, missing: int) -> str | None:
    """`body` as text; None if it is none. What was cut off may have left half of a character."""
    try:
        text = _Decoder().decode(body, final=not missing)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _header(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1")
    if name not in _SECRET:
        return without_secrets(text)
    scheme, _, credential = text.rpartition(" ")
    shown = without_secrets(credential)
    return f"{scheme} {shown if shown != credential else masked(credential)}".strip()


def _curl(method: str, url: str, request: Message, document: str) -> str:
    parts = [f"curl -i -X {method} {shlex.quote(url)}"]
    for name, value in request.headers:
        if name == "authorization":
            parts.append('-H "Authorization: Bearer $TOKEN"')
        elif name not in _OF_THE_CONNECTION:
            parts.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if request.base64 is not None or request.missing:
        parts[0] = f"curl -fsS -o document {shlex.quote(document)} && {parts[0]}"
        parts.append("--data-binary @document")
    elif request.text:
        parts.append(f"--data-raw {shlex.quote(request.text)}")
    return " \\\n  ".join(parts)
