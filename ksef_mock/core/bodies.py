"""What all bodies have in common: body, decode, typed identifiers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core import dates as warsaw
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import (
    Identifier,
    is_context_identifier,
    is_subject_identifier,
)

B = TypeVar("B", bound=msgspec.Struct)


class Body(msgspec.Struct, rename="camel", omit_defaults=True):
    """A body of the API: camel case, absent instead of null."""


def decode(body: bytes, model: type[B]) -> B:
    """A JSON request body as `model`; members that the model does not know are ignored.

    Raises:
        BadRequest: 21405 naming the member that is missing or of a wrong type.
    """
    try:
        return msgspec.json.decode(body, type=model)
    except msgspec.ValidationError as error:
        message = str(error)
        path = _ERROR_PATH.search(message)
        missing = _MISSING.search(message)
        prefix = path[1] + "." if path and path[1] else ""
        if missing:
            detail = f"Pole '{prefix}{missing[1]}' jest wymagane."
        else:
            detail = f"Nieprawidłowa wartość pola '{path[1] if path else ''}'."
        raise BadRequest(Code.VALIDATION, detail, reason=f"body: {message}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            Code.VALIDATION, "Treść żądania nie jest poprawnym dokumentem JSON.", reason=f"body: {error}"
        ) from None


_ERROR_PATH = re.compile(r"at `\$\.?([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]+)`")


def invalid(field: str, rule: str) -> BadRequest:
    """21405: `field` breaks the documented `rule` (a Polish clause without its full stop)."""
    return BadRequest(Code.VALIDATION, f"Nieprawidłowa wartość pola '{field}': {rule}.")


def date_time(field: str, text: str) -> Instant:
    """A date and time of a request.

    Raises:
        BadRequest: 21405 naming the field.
    """
    try:
        return warsaw.parse(text)
    except ValueError:
        raise invalid(field, "wymagana jest data w formacie ISO 8601") from None


def _base64(field: str, text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(field, "wymagane jest kodowanie Base64") from None
    if not data:
        raise invalid(field, "wartość nie może być pusta")
    return data


class StatusInfo(Body):
    """OpenAPI: StatusInfo."""

    code: int
    description: str
    details: list[str] | None = None


# OpenAPI: SystemWarning, `[code]: message | [code]: message`.
_ONE = r"\[[^\]|]+\]: [^|]+"

#: One warning or several; it is sent folded to ASCII.
WarningText: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^{_ONE}(?:\| ?{_ONE})*\Z", max_length=1_000)]


class IdentifierBody(Body):
    """OpenAPI: each *Identifier of a request, whose types differ."""

    type: str
    value: str | None = None

    def checked(self, field: str, types: Collection[str]) -> Identifier:
        """The identifier, of one of `types`.

        Raises:
            BadRequest: 21405 naming the part of `field` that is wrong.
        """
        if self.type not in types:
            raise invalid(f"{field}.type", f"dozwolone wartości: {', '.join(types)}")
        if self.value is None:
            raise invalid(f"{field}.value", "wartość jest wymagana")
        identifier = Identifier(self.type, self.value)
        if not (is_subject_identifier(identifier) or is_context_identifier(identifier)):
            raise invalid(f"{field}.value", f"wartość nie jest poprawnym identyfikatorem {self.type}")
        return identifier


class TypedIdentifier(Body):
    """OpenAPI: TokenAuthorIdentifierTypeIdentifier, TokenContextIdentifierTypeIdentifier."""

    type: str
    value: str

    @classmethod
    def of(cls, identifier: Identifier) -> TypedIdentifier:
        return cls(identifier.type, identifier.value)
