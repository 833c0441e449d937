"""What the models of all bodies have in common: camel case, enumerations, dates, typed identifiers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier, is_identifier
from ksef_mock.core.validation import EMPTY, FORMAT, NOT_EMPTY, Broken


class Body(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A body of the API: camel case, absent instead of null.

    A method `rules(self) -> Iterator[Broken]` of a request's body says which rules it breaks that no member
    can tell by itself. Unknown members are forbidden so that the reader looks at their spelling; what is
    unknown in any case, it ignores.
    """


def choice(schema: str, values: Iterable[str]) -> msgspec.Meta:
    """An enumeration of the document, for `Annotated[str, ...]`: read in any case, kept as documented."""
    known = tuple(values)
    pattern = "|".join(map(re.escape, known))
    return msgspec.Meta(pattern=rf"^(?:{pattern})\Z", extra={"dotnet": schema, "values": known})


def identifier(schema: str, *types: str) -> msgspec.Meta:
    """A *Identifier of the document, for `Annotated[IdentifierBody, ...]`: which types it may have."""
    return msgspec.Meta(
        extra={"dotnet": schema, "members": {"type": {"dotnet": f"{schema}Type", "values": types}}}
    )


#: A date and time of a request, as it came (OpenAPI: date-time). One that is none is unreadable.
Moment: TypeAlias = Annotated[
    str, msgspec.Meta(extra={"dotnet": "System.DateTimeOffset", "format": "date-time"})
]


def invalid(path: str, text: str, reason: str | None = None) -> BadRequest:
    """21405 with one detail: `path` breaks a rule, in the words of `ksef_mock.core.validation`.

    `reason`: the cause for the journal, where the detail does not tell it.
    """
    return BadRequest(Code.VALIDATION, Broken(path, text).detail, reason=reason)


def from_base64(text: str) -> bytes:
    """What a text in Base64 stands for; nothing if it is none."""
    try:
        return msgspec.convert(text, bytes)  # five times as fast, and stricter with the padding
    except msgspec.ValidationError:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def is_base64(text: str) -> bool:
    """Whether a text is Base64 of at least one octet."""
    return bool(from_base64(text))


class StatusInfo(Body):
    """OpenAPI: StatusInfo."""

    code: int
    description: str
    details: list[str] | None = None


# OpenAPI: SystemWarning, `[code]: message | [code]: message`.
_ONE = r"\[[^\]|]+\]: [^|]+"

#: One warning or several; it is sent folded to ASCII.
WarningText: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_ONE}(?:\| ?{_ONE})*\Z",
        max_length=1_000,
        description="'[code]: message', several with | between them, at most 1000 characters",
    ),
]


#: Types that stand for nobody in particular: their value is empty.
_VALUELESS = ("AllPartners", "System")


class IdentifierBody(Body):
    """OpenAPI: each *Identifier of a request. Which types it has is said where it is a member."""

    type: str
    value: str | None = None

    def rules(self) -> Iterator[Broken]:
        if self.type in _VALUELESS:
            if self.value:
                yield Broken("value", EMPTY)
        elif not self.value:
            yield Broken("value", NOT_EMPTY)
        elif not is_identifier(self.identifier):
            yield Broken("value", FORMAT)

    @property
    def identifier(self) -> Identifier:
        """The identifier; a fingerprint in upper case, as KSeF keeps it."""
        value = self.value or ""
        return Identifier(self.type, value.upper() if self.type == "Fingerprint" else value)


class TypedIdentifier(Body):
    """OpenAPI: TokenAuthorIdentifierTypeIdentifier, TokenContextIdentifierTypeIdentifier."""

    type: str
    value: str

    @classmethod
    def of(cls, identifier: Identifier) -> TypedIdentifier:
        return cls(identifier.type, identifier.value)
