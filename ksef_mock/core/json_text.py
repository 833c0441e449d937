"""Where and why a text is no JSON, and where a value stands in one: in the words of System.Text.Json.

KSeF hands on what .NET's reader says of a body that it cannot read. This is no parser: it is asked only after
a body was refused, walks over its tokens, and stops at the first complaint or at the value it looks for.

Source of texts and positions: System.Text.Json, Utf8JsonReader and its resources; bytes count from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

#: Names and positions that lead to a value.
Path: TypeAlias = tuple[str | int, ...]

#: .NET's JsonReaderOptions.MaxDepth.
_MAX_DEPTH = 64
#: Values that are looked at; what stands behind them is not told from where they end.
_MOST_VALUES = 20_000
#: Bytes of a wrong literal that are told.
_LONGEST_LITERAL = 16

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
#: Behind a word.
_WORD = re.compile(rb"\W.*", re.DOTALL)
_PLAIN = re.compile(r"[^\s.'\"/\[\]()\t\n\r\f\b\\\u0085\u2028\u2029]+")
_LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}

_TRAILING_COMMA = (
    "The JSON {} contains a trailing comma at the end which is not supported in this mode. "
    "Change the reader options."
)


class _Complaint(Exception):
    """The text stops being JSON at `at`, inside the value at `path`."""

    def __init__(self, text: str, at: int, path: Path) -> None:
        super().__init__(text)
        self.at = at
        self.path = path


def complaint(body: bytes) -> str | None:
    """What .NET says of a body that is no JSON, or deeper than it reads, and where; None: it is JSON."""
    try:
        for _ in _values(body):
            pass
    except _Complaint as found:
        return f"{found} {_place(body, found.path, found.at)}"
    return None


def unconvertible(body: bytes, path: Path, dotnet: str) -> str:
    """What .NET says of the value at `path`, which is no `dotnet` (a .NET type)."""
    end = len(body)
    try:
        for found, after in _values(body):
            if found == path:
                end = after  # of members of one name the last counts
    except _Complaint:
        pass
    return f"The JSON value could not be converted to {dotnet}. {_place(body, path, end)}"


def is_deeper_than_read(body: bytes) -> bool:
    """Whether a body may be deeper than .NET reads: cheap, and never a false no."""
    return body.count(b"[") + body.count(b"{") > _MAX_DEPTH


def _place(body: bytes, path: Path, at: int) -> str:
    line = body.count(b"\n", 0, at)
    start = body.rfind(b"\n", 0, at) + 1
    return f"Path: {_shown(path)} | LineNumber: {line} | BytePositionInLine: {at - start}."


def _shown(path: Path) -> str:
    text = "$"
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _PLAIN.fullmatch(step) else f"['{step[:256]}']"
    return text


def _values(body: bytes) -> Iterator[tuple[Path, int]]:
    """Each value's path and where it ends: behind a text or a number, behind the bracket of an object.

    Raises:
        _Complaint: as it says.
    """
    at = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    path: list[str | int] = []  # the name or the position in each open object or array
    closing: list[bytes] = []
    seen = 0
    while True:
        # Here a value must begin.
        at = _skip(body, at)
        seen += 1
        if seen > _MOST_VALUES:
            return
        first = body[at : at + 1]
        if first in (b"{", b"["):
            if len(closing) == _MAX_DEPTH:
                kind = "object" if first == b"{" else "array"
                raise _Complaint(
                    f"The maximum configured depth of {_MAX_DEPTH} has been exceeded. "
                    f"Cannot read next JSON {kind}.",
                    at,
                    tuple(path),
                )
            at += 1
            yield tuple(path), at
            closing.append(b"}" if first == b"{" else b"]")
            at = _skip(body, at)
            if body[at : at + 1] != closing[-1]:
                if first == b"{":
                    name, at = _name(body, at, path)
                    path.append(name)
                else:
                    path.append(0)
                continue
            closing.pop()
            at += 1
        else:
            at = _scalar(body, at, path, bool(closing))
            yield tuple(path), at
        # Here a value has ended: close what ends with it, until another one follows.
        while closing:
            at = _skip(body, at)
            mark = body[at : at + 1]
            if mark == b",":
                at = _skip(body, at + 1)
                if body[at : at + 1] == closing[-1]:
                    kind = "object" if closing[-1] == b"}" else "array"
                    raise _Complaint(_TRAILING_COMMA.format(kind), at, tuple(path))
                step = path.pop()
                if isinstance(step, int):
                    path.append(step + 1)
                else:
                    name, at = _name(body, at, path)
                    path.append(name)
                break
            if mark != closing[-1]:
                if not mark:
                    raise _open_end(at, path)
                text = f"'{_shown_byte(mark)}' is invalid after a value. Expected either ',', '}}', or ']'."
                raise _Complaint(text, at, tuple(path))
            closing.pop()
            path.pop()
            at += 1
        else:
            at = _skip(body, at)
            if at < len(body):
                shown = _shown_byte(body[at : at + 1])
                text = f"'{shown}' is invalid after a single JSON value. Expected end of data."
                raise _Complaint(text, at, ())
            return


def _name(body: bytes, at: int, path: list[str | int]) -> tuple[str, int]:
    """The name of the next member, and where its value begins."""
    mark = body[at : at + 1]
    if not mark:
        raise _open_end(at, path)
    if mark != b'"':
        text = f"'{_shown_byte(mark)}' is an invalid start of a property name. Expected a '\"'."
        raise _Complaint(text, at, tuple(path))
    end = _text_end(body, at, path)
    name = _decoded(body[at:end])
    at = _skip(body, end)
    mark = body[at : at + 1]
    if not mark:
        raise _open_end(at, path)
    if mark != b":":
        text = f"'{_shown_byte(mark)}' is invalid after a property name. Expected a ':'."
        raise _Complaint(text, at, (*path, name))
    return name, at + 1


def _scalar(body: bytes, at: int, path: list[str | int], inside: bool) -> int:
    mark = body[at : at + 1]
    if mark == b'"':
        end = _text_end(body, at, path)
        if _has_half(body[at:end]):
            raise _Complaint("The JSON value could not be converted to System.String.", end, tuple(path))
        return end
    if mark in _LITERALS:
        literal = _LITERALS[mark]
        if body.startswith(literal, at):
            return at + len(literal)
        wrong = _WORD.sub(b"", body[at : at + _LONGEST_LITERAL]).decode("ascii", "replace")
        same = next(
            (n for n, byte in enumerate(literal) if body[at + n : at + n + 1] != bytes((byte,))), len(literal)
        )
        text = f"'{wrong}' is an invalid JSON literal. Expected the literal '{literal.decode()}'."
        raise _Complaint(text, at + same, tuple(path))
    number = _NUMBER.match(body, at)
    if number:
        return number.end()
    if mark:
        raise _Complaint(f"'{_shown_byte(mark)}' is an invalid start of a value.", at, tuple(path))
    if inside:
        raise _open_end(at, path)
    text = (
        "The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, "
        "when isFinalBlock is true."
    )
    raise _Complaint(text, at, ())


def _text_end(body: bytes, at: int, path: list[str | int]) -> int:
    match = _STRING.match(body, at)
    assert match is not None  # `at` is at its quotation mark
    end = match.end()
    mark = body[end : end + 1]
    if mark == b'"':
        try:
            body[at:end].decode()
        except UnicodeDecodeError:
            text = "Cannot transcode invalid UTF-8 JSON text to UTF-16 string."
            raise _Complaint(text, end + 1, tuple(path)) from None
        return end + 1
    if not mark:
        text = "Expected end of string, but instead reached end of data."
        raise _Complaint(text, len(body), tuple(path))
    if mark == b"\\":
        escaped = _shown_byte(body[end + 1 : end + 2])
        text = (
            f"'{escaped}' is an invalid escapable character within a JSON string. "
            "The string should be correctly escaped."
        )
        raise _Complaint(text, end + 1, tuple(path))
    text = f"'{_shown_byte(mark)}' is invalid within a JSON string. The string should be correctly escaped."
    raise _Complaint(text, end, tuple(path))


def _open_end(at: int, path: list[str | int]) -> _Complaint:
    text = (
        "Expected depth to be zero at the end of the JSON payload. "
        "There is an open JSON object or array that should be closed."
    )
    return _Complaint(text, at, tuple(path))


def _decoded(text: bytes) -> str:
    inner = text[1:-1].decode("utf-8", "replace")
    return _utf16(inner).decode("utf-16", "replace") if "\\" in inner else inner


def _has_half(text: bytes) -> bool:
    """Whether half of a surrogate pair is escaped without the other: .NET makes no text of that."""
    if rb"\u" not in text:
        return False
    try:
        _utf16(text[1:-1].decode()).decode("utf-16")
    except UnicodeDecodeError:
        return True
    return False


def _utf16(inner: str) -> bytes:
    # Halves of a pair are escaped one by one; one without the other is no character.
    return re.sub(r"\\(u....|.)", _unescaped, inner).encode("utf-16", "surrogatepass")


def _unescaped(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] == "u":
        return chr(int(escape[1:], 16))
    return {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}.get(escape, escape)


def _shown_byte(mark: bytes) -> str:
    # .NET writes what does not print as 0x and two digits.
    if len(mark) == 1 and not 0x20 <= mark[0] < 0x7F:
        return f"0x{mark[0]:02X}"
    return mark.decode("ascii", "replace")


def _skip(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    assert match is not None
    return match.end()
