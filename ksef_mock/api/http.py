"""What every endpoint needs of HTTP: the bounded body, the bearer, a JSON answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ksef_mock.clock import Instant
from ksef_mock.core import dates, reading
from ksef_mock.core.bodies import invalid
from ksef_mock.core.codes import Code, Reason
from ksef_mock.core.errors import (
    JSON,
    BadRequest,
    Forbidden,
    PayloadTooLarge,
    Unauthorized,
    UnsupportedMediaType,
)
from ksef_mock.core.exchange import SCOPE_KEY, SYSTEM_KEY, Exchange
from ksef_mock.core.headers import headers_of
from ksef_mock.core.paths import before
from ksef_mock.core.reading import breaking
from ksef_mock.core.validation import Broken, at_least, between, length
from ksef_mock.ksef.access import actor as access_actor
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.access.principal import Kind, Principal
from ksef_mock.ksef.permissions import admission
from ksef_mock.system.system import System

B = TypeVar("B", bound=msgspec.Struct)
T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_JSON = JSON.encode()

#: Bytes of a body from which it is read in a thread.
_LARGE = 65_536


def system_of(request: Request) -> System:
    """The simulated KSeF that serves this request."""
    found: System | None = request.scope.get(SYSTEM_KEY)
    if found is None:  # no gateway stands before the handler
        found = request.app.state.system
    return found


def exchange_of(request: Request) -> Exchange:
    """The request's trail of decisions."""
    exchange: Exchange = request.scope[SCOPE_KEY]
    return exchange


def answer(body: msgspec.Struct | list[msgspec.Struct] | dict[str, Any], status: int = 200) -> Response:
    """A JSON answer."""
    return _Json(_encode(body), status)


class _Json(Response):
    """Starlette's, but for the time that it takes to find out two headers that are known."""

    media_type = JSON

    def __init__(self, body: bytes, status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", _JSON)]


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLarge: it has more than `limit` bytes; the rest is not read.
    """
    declared = headers_of(request.scope).get(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise PayloadTooLarge(limit)
    parts: list[bytes] = []
    length, more = 0, True
    # Not by `request.stream()`, which costs as much as all the rest of a small request's body.
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > limit:
            raise PayloadTooLarge(limit)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_json(request: Request, model: type[B], *, prefix: str = "", limit: int | None = None) -> B:
    """The JSON body as `model`.

    Args:
        prefix: of the paths in details, where the server's own are longer than the body's.
        limit: bytes of the body; None: `Settings.max_body`.

    Raises:
        UnsupportedMediaType, PayloadTooLarge: as named.
        BadRequest: 21001, it cannot be read; 21405, it is absent, or a detail for each rule that it breaks.
    """
    require_media_type(request, "application/json")
    body = await read_body(request, limit or system_of(request).settings.max_body)
    return await _read(body or b"null", model, prefix)


async def read_optional_json(request: Request, model: type[B], *, prefix: str = "") -> B:
    """The same, where no body counts as an empty object."""
    require_media_type(request, "application/json")
    body = await read_body(request, system_of(request).settings.max_body)
    return await _read(body or b"{}", model, prefix)


async def _read(body: bytes, model: type[B], prefix: str) -> B:
    # What is long and not as documented takes a while.
    if len(body) < _LARGE:
        return reading.read(body, model, prefix)
    return await asyncio.to_thread(reading.read, body, model, prefix)


def require_media_type(request: Request, expected: str) -> None:
    """A request without any body needs no Content-Type.

    Raises:
        UnsupportedMediaType: the Content-Type is another, or absent.
    """
    headers = headers_of(request.scope)
    if headers.get(b"content-length", b"0") == b"0" and not headers.get(b"transfer-encoding"):
        return
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    if content_type.partition(";")[0].strip().lower() != expected:
        raise UnsupportedMediaType(content_type, expected)


def bearer_token(request: Request) -> str:
    """The JWT in the Authorization header, as it came.

    Raises:
        Unauthorized: there is none.
    """
    sent = headers_of(request.scope).get(b"authorization", b"").decode("latin-1")
    scheme, _, token = sent.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(reason="no Authorization: Bearer header")
    return token


def bearer(request: Request, *accepted: Kind) -> Principal:
    """Who sends the request, by a JWT of one of the accepted kinds; the login's IP policy is enforced.

    Raises:
        Unauthorized: no bearer token, or one that is not valid here.
        Forbidden: ip-not-allowed; a token of another kind.
    """
    exchange = exchange_of(request)
    try:
        principal = system_of(request).jwts.read(bearer_token(request), *accepted)
    except (Unauthorized, Forbidden) as refusal:
        exchange.operation = refusal.operation
        raise
    exchange.operation = principal.operation
    exchange.passed("bearer", f"{principal.kind} of {principal.operation}")
    allowed_ips = principal.allowed_ips
    if allowed_ips is not None and not allowed_ips.admits(exchange.client_ip):
        raise Forbidden(
            Reason.IP_NOT_ALLOWED,
            reason=f"IP policy: {exchange.client_ip} is not among the addresses of the login",
            security={"clientIp": exchange.client_ip},
        )
    return principal


async def actor_of(request: Request) -> Actor:
    """The bearer of an access token, with all of its identifiers.

    Raises:
        Unauthorized, Forbidden: as `bearer` does.
    """
    principal = bearer(request, Kind.ACCESS)
    person = await system_of(request).subjects.person(principal.subject)
    return Actor.of(principal, admission.identifiers_of(principal.subject, person))


async def caller(request: Request) -> Actor:
    """The bearer of an access token who may call the operation that the request was routed to.

    Raises:
        Unauthorized, Forbidden: as `bearer` does.
        Forbidden: context-type-not-allowed, missing-permissions.
    """
    actor = await actor_of(request)
    operation = exchange_of(request).routed
    assert operation is not None, "only operations of the API have callers"
    access_actor.require(actor, operation)
    return actor


def path_reference(request: Request) -> str:
    """The reference number in the path.

    Raises:
        BadRequest: 21405, it has not 36 characters (OpenAPI: ReferenceNumber).
    """
    reference: str = request.path_params["reference"]
    if len(reference) != 36:
        _breaks(request, "referenceNumber", length(36, 36, len(reference)))
    return reference


def query_boolean(request: Request, name: str) -> bool:
    """A boolean of the query string, false by default.

    Raises:
        BadRequest: 21001, neither true nor false.
    """
    text = next(iter(_query(request, name)), "false").lower()
    if text not in ("true", "false"):
        raise _unbound(name, text)
    return text == "true"


def query_choice(request: Request, name: str, default: str, *others: str) -> str:
    """A value of the query string out of a few, in any case; the documented spelling.

    Raises:
        BadRequest: 21001, none of them.
    """
    return next(iter(query_choices(request, name, default, *others)), default)


def query_choices(request: Request, name: str, *known: str) -> list[str]:
    """All values that the query string gives a parameter, in any case; in the documented spelling.

    Raises:
        BadRequest: 21001, one is none of `known`.
    """
    spelled = {str(value).lower(): str(value) for value in known}
    found = []
    for text in _query(request, name):
        value = spelled.get(text.lower())
        if value is None:
            raise _unbound(name, text)
        found.append(value)
    return found


@contextmanager
def together(request: Request) -> Iterator[None]:
    """Reads a request in which every broken rule is told at once, those of the query string first.

    In the block `query_integer` and `path_reference` note what breaks a rule and go on; the end of the block,
    or a body that breaks some too, raises. What cannot be read at all is refused where it is read: ASP.NET
    binds the whole request before anything is validated.

    Raises:
        BadRequest: 21405, a detail for each rule that the block's parts break.
    """
    noted: list[Broken] = []
    request.scope[_NOTED] = noted
    try:
        yield
    except BadRequest as refusal:
        if noted and refusal.code is Code.VALIDATION:
            details = [each.detail for each in noted]
            reason = "; ".join((*details, refusal.reason))
            raise BadRequest(Code.VALIDATION, *details, *refusal.details, reason=reason) from None
        raise
    finally:
        del request.scope[_NOTED]
    if noted:
        raise breaking(noted)


#: Where the rules that are broken so far stand in the request's scope.
_NOTED = "ksef_mock.broken"


def _breaks(request: Request, name: str, rule: str) -> None:
    """Note that a parameter breaks a rule; outside of `together` refuse the request."""
    noted: list[Broken] | None = request.scope.get(_NOTED)
    if noted is None:
        raise invalid(name, rule)
    noted.append(Broken(name, rule))


def query_integer(
    request: Request, name: str, *, default: int, minimum: int, maximum: int, absent: Collection[int] = ()
) -> int:
    """An integer of the query string; those in `absent` count as none.

    Raises:
        BadRequest: 21001, no 32-bit integer; 21405, out of bounds.
    """
    text = next(iter(_query(request, name)), None)
    if text is None:
        return default
    value = int(text) if _INTEGER.fullmatch(text) else None
    if value is None or not -(2**31) <= value < 2**31:
        raise _unbound(name, text)
    if value in absent:
        return default
    if not minimum <= value <= maximum:
        unbounded = maximum == 2**31 - 1
        _breaks(request, name, at_least(minimum) if unbounded else between(minimum, maximum, value))
        return default
    return value


class Page(NamedTuple):
    """Which page of a list is asked for by `pageOffset` and `pageSize`."""

    offset: int
    size: int

    def of(self, items: Sequence[T]) -> tuple[Sequence[T], bool]:
        """Its items, and whether more follow."""
        start, end = self.offset * self.size, (self.offset + 1) * self.size
        return items[start:end], len(items) > end


def query_page(request: Request, *, most: int, absent: Collection[int] = ()) -> Page:
    """The page that the query string asks for: of 10 to `most` items, by default the first of 10.

    Raises:
        BadRequest: as `query_integer`.
    """
    offset = query_integer(request, "pageOffset", default=0, minimum=0, maximum=2**31 - 1)
    return Page(
        offset, query_integer(request, "pageSize", default=10, minimum=10, maximum=most, absent=absent)
    )


_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,10}\s*", re.ASCII)


def _query(request: Request, name: str) -> list[str]:
    """The values of a parameter, whose name may be in any case."""
    wanted = name.lower()
    return [value for key, value in request.query_params.multi_items() if key.lower() == wanted]


def query_moments(request: Request, first: str, last: str) -> tuple[Instant | None, Instant | None]:
    """Two dates of the query string, the bounds of a range; None where one is absent or empty.

    Raises:
        BadRequest: 21001, one is no date.
    """
    return _query_moment(request, first), _query_moment(request, last)


def _query_moment(request: Request, name: str) -> Instant | None:
    text = query_text(request, name)
    if not text:
        return None
    try:
        # A plus that was not encoded has become a blank.
        return dates.parse(text.strip().replace(" ", "+"))
    except ValueError:
        raise _unbound(name, text) from None


def query_text(request: Request, name: str) -> str | None:
    """A text of the query string; None if it is absent."""
    return next(iter(_query(request, name)), None)


def features(request: Request) -> set[str]:
    """What the client asks for in `X-KSeF-Feature`, in lower case."""
    values = ",".join(request.headers.getlist("x-ksef-feature"))
    return {value.strip().lower() for value in values.split(",")}


def public_address(request: Request) -> str:
    """The mock's address as the client knows it, without a slash at the end."""
    return f"{request.url.scheme}://{request.url.netloc}{before(request.scope)}"


def continuation_token(request: Request) -> str | None:
    """`x-continuation-token`; an empty one counts as none."""
    return request.headers.get("x-continuation-token") or None


def _unbound(name: str, text: str) -> BadRequest:
    # The text of ASP.NET's model binding; that KSeF hands it on as it does JSON's is inferred.
    shown = text[:_LONGEST_SHOWN]
    reason = f"query string: {name} cannot be {shown!r}"
    return BadRequest(Code.UNREADABLE, f"The value '{shown}' is not valid for {name}.", reason=reason)


#: Characters of a query parameter that an error repeats.
_LONGEST_SHOWN = 64
