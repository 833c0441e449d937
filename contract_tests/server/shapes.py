"""The shapes of KSeF's answers, checked strictly: required members, types, formats, enumerations.

A shape is a function that takes what was received and the place it stands at, and raises `Failed`. Members
that are not documented are no failure: KSeF adds members within a version, and clients ignore them.
Source of each shape: the schema of the same name in the OpenAPI document; formats as in its examples.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from contract_tests.server.expect import fail, matches

Shape: TypeAlias = Callable[[Any, str], None]

#: .NET's round trip at UTC: up to 7 fractional digits, none at whole seconds (recorded on TEST).
TIMESTAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,7})?\+00:00"
#: A trace as .NET writes it (W3C Trace Context).
ACTIVITY = r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]"
REFERENCE = r"[0-9]{8}-%s-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}"
JWT = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"


def obj(optional: Mapping[str, Shape] | None = None, /, **required: Shape) -> Shape:
    """An object with these members. `optional` ones may be absent or null."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            fail("an object", value, what=at)
        for name, shape in required.items():
            if name not in value:
                fail(f"a member {name!r}", f"only {', '.join(value) or 'none'}", what=at)
            shape(value[name], f"{at}.{name}")
        for name, shape in (optional or {}).items():
            if value.get(name) is not None:
                shape(value[name], f"{at}.{name}")

    return check


def array(of: Shape, *, minimum: int = 0) -> Shape:
    """An array of values of one shape."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, list):
            fail("an array", value, what=at)
        if len(value) < minimum:
            fail(f"at least {minimum} entries", f"{len(value)}", what=at)
        for position, entry in enumerate(value):
            of(entry, f"{at}[{position}]")

    return check


def pattern(expression: str) -> Shape:
    """A text that matches as a whole."""

    def check(value: Any, at: str) -> None:
        matches(at, value, expression)

    return check


def choice(*values: object) -> Shape:
    """One of a few values."""

    def check(value: Any, at: str) -> None:
        if value not in values or isinstance(value, bool) is not any(
            isinstance(each, bool) for each in values
        ):
            fail(" or ".join(map(repr, values)), value, what=at)

    return check


def text(value: Any, at: str) -> None:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        fail("a text that is not empty", value, what=at)


def anything(value: Any, at: str) -> None:
    """Whatever it is."""


def integer(value: Any, at: str) -> None:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        fail("a whole number", value, what=at)


def boolean(value: Any, at: str) -> None:
    """true or false."""
    if not isinstance(value, bool):
        fail("true or false", value, what=at)


def timestamp(value: Any, at: str) -> None:
    """A date and time as KSeF writes it, one that exists."""
    matches(at, value, TIMESTAMP)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        fail("a date and time that exists", value, what=at)


def base64_text(octets: int | None = None) -> Shape:
    """Base64, of this many octets if it says so."""

    def check(value: Any, at: str) -> None:
        text(value, at)
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            fail("Base64", value, what=at)
        if octets is not None and len(decoded) != octets:
            fail(f"{octets} octets in Base64", f"{len(decoded)}", what=at)

    return check


def reference(kind: str = "[A-Z]{2}") -> Shape:
    """A reference number of 36 characters; `kind` is the two letters after the date."""
    return pattern(REFERENCE % kind)


# -- bodies -----------------------------------------------------------------------------------------------

METHODS = (
    "Token",
    "TrustedProfile",
    "InternalCertificate",
    "QualifiedSignature",
    "QualifiedSeal",
    "PersonalSignature",
    "PeppolSignature",
)

CHALLENGE = obj(
    challenge=reference("CR"),
    timestamp=timestamp,
    timestampMs=integer,
    clientIp=pattern(r"[0-9A-Fa-f.:]{2,45}"),
)
TOKEN_INFO = obj(token=pattern(JWT), validUntil=timestamp)
STARTED = obj(referenceNumber=reference("AU"), authenticationToken=TOKEN_INFO)
STATUS_INFO = obj({"details": array(text)}, code=integer, description=text)
_OPERATION: dict[str, Shape] = {
    "startDate": timestamp,
    "authenticationMethod": choice(*METHODS),
    "authenticationMethodInfo": obj(category=text, code=text, displayName=text),
    "status": STATUS_INFO,
}
_REDEEMED: dict[str, Shape] = {
    "isTokenRedeemed": boolean,
    "lastTokenRefreshDate": timestamp,
    "refreshTokenValidUntil": timestamp,
}
OPERATION_STATUS = obj(_REDEEMED, **_OPERATION)
TOKENS = obj(accessToken=TOKEN_INFO, refreshToken=TOKEN_INFO)
REFRESHED = obj(accessToken=TOKEN_INFO)
SESSIONS = obj(
    {"continuationToken": text},
    items=array(obj({**_REDEEMED, "isCurrent": boolean}, referenceNumber=reference("AU"), **_OPERATION)),
)
PUBLIC_KEY = obj(
    certificate=base64_text(),
    certificateId=base64_text(32),
    publicKeyId=base64_text(32),
    validFrom=timestamp,
    validTo=timestamp,
    usage=array(choice("KsefTokenEncryption", "SymmetricKeyEncryption"), minimum=1),
)
PUBLIC_KEYS = array(PUBLIC_KEY, minimum=1)
SESSION_OPENED = obj(referenceNumber=reference("SO"), validUntil=timestamp)
INVOICE_SENT = obj(referenceNumber=reference("EE"))
GENERATED_TOKEN = obj(referenceNumber=reference("EC"), token=text)

# -- errors -----------------------------------------------------------------------------------------------

#: A 400 without `X-Error-Format`, as recorded: `details` is absent where there are none. The document's
#: example has more members, and a timestamp without an offset.
LEGACY = obj(
    exception=obj(
        exceptionDetailList=array(
            obj({"details": array(text, minimum=1)}, exceptionCode=integer, exceptionDescription=text),
            minimum=1,
        ),
        serviceCode=pattern(ACTIVITY),
        timestamp=pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,7})?Z?"),
    )
)
_PROBLEM: dict[str, Shape] = {
    "title": text,
    "status": integer,
    "instance": pattern(r"/.*"),
    "detail": text,
    "timestamp": timestamp,
    "traceId": pattern(r"[0-9a-f]{32}"),
}
PROBLEM = obj(**_PROBLEM)
#: ASP.NET's own, for what is not there (recorded on PRD).
NOT_FOUND = obj(type=text, title=text, status=integer, traceId=pattern(rf"{ACTIVITY}|[0-9a-f]{{32}}"))
BAD_REQUEST = obj(
    errors=array(obj({"details": array(text)}, code=integer, description=text), minimum=1), **_PROBLEM
)
REASONS = (
    "missing-permissions",
    "ip-not-allowed",
    "insufficient-resource-access",
    "auth-method-not-allowed",
    "security-service-blocked",
    "context-type-not-allowed",
)
#: `timestamp` is absent from some since 2.8.0.
FORBIDDEN = obj(
    {"timestamp": timestamp},
    reasonCode=choice(*REASONS),
    **{name: shape for name, shape in _PROBLEM.items() if name != "timestamp"},
)
TOO_MANY = obj(
    status=obj(code=choice(429), description=choice("Too Many Requests"), details=array(text, minimum=1))
)
#: The answer of the firewall in front of KSeF, at any operation (recorded on PRD).
BLOCKED = obj(
    title=choice("Request blocked"),
    status=choice(403),
    detail=text,
    security=obj(incidentId=text, clientIp=text),
)
#: Status -> the forms that an error has; 500 is always in the legacy form (recorded on PRD).
ERRORS: dict[int, tuple[Shape, ...]] = {
    400: (LEGACY, BAD_REQUEST),
    403: (FORBIDDEN, BLOCKED),
    404: (NOT_FOUND,),
    429: (TOO_MANY,),
    500: (LEGACY,),
}
