"""The one reader of JSON bodies of the API, derived from their models.

As ASP.NET does it: names of members and values of enumerations are read in any case; what cannot be read ends
the reading (21001, in the words of System.Text.Json); then every rule that the body breaks is told at once
(21405, in the words of FluentValidation), by camel-case paths.

A body written as documented is decoded by msgspec in one step. Whatever msgspec objects to, members that the
model does not know included, is read a second time, member by member: that tells spelling from mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

import msgspec
from msgspec import inspect

from ksef_mock.core import dates
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.validation import (
    FORMAT,
    NOT_EMPTY,
    Broken,
    at_least,
    at_most,
    between,
    item_count,
    length,
)

if TYPE_CHECKING:
    from ksef_mock.core.json_text import Path

B = TypeVar("B", bound=msgspec.Struct)

#: Details of one answer: a body of a megabyte could break rules by the ten thousand. What stands in a list
#: behind so many is not read any more.
_MOST_DETAILS = 100
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)

#: Says of an object what its members cannot.
_Rules: TypeAlias = Callable[[Any], Iterator[Broken]]


class _Invalid:
    """Stands for a value that broke a rule."""


_INVALID = _Invalid()


class _Unreadable(Exception):
    def __init__(self, path: Path, dotnet: str) -> None:
        super().__init__(dotnet)
        self.path = path
        self.dotnet = dotnet


@dataclass(frozen=True, slots=True)
class _At:
    """Where a value stands: as the body spells it, and as KSeF's validator names it."""

    path: Path = ()
    name: str = ""

    def member(self, spelled: str, name: str) -> _At:
        return _At((*self.path, spelled), f"{self.name}.{name}" if self.name else name)

    def item(self, position: int) -> _At:
        return _At((*self.path, position), f"{self.name}[{position}]")


def read(body: bytes, model: type[B], prefix: str = "") -> B:
    """A JSON body as `model`, every documented rule kept.

    Args:
        prefix: stands before the path in details, where the server's own path is longer than the body's.

    Raises:
        BadRequest: 21001, it cannot be read; 21405 with a detail for each rule that it breaks.
    """
    decoder, is_clean = _of(model)
    try:
        found = decoder.decode(body)
        if is_clean is None or is_clean(found):
            return cast(B, found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _read_again(body, model, prefix)


def _read_again(body: bytes, model: type[B], prefix: str) -> B:
    # Imported here: most bodies are as documented.
    from ksef_mock.core import json_text

    text = body.removeprefix(b"\xef\xbb\xbf")
    try:
        if json_text.is_deeper_than_read(text) and (deep := json_text.complaint(body)):
            raise _unreadable(deep)
        tree = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What .NET's reader lets pass is no text that it can make: half of a surrogate pair in a name.
        whole = json_text.unconvertible(body, (), _reader(model).dotnet)
        raise _unreadable(json_text.complaint(body) or whole) from None
    if tree is None:
        raise BadRequest(Code.VALIDATION, "A non-empty request body is required.")
    broken: list[Broken] = []
    try:
        found = _reader(model).read(tree, _At(), broken)
    except _Unreadable as error:
        raise _unreadable(json_text.unconvertible(body, error.path, error.dotnet)) from None
    if broken:
        raise breaking(broken, prefix)
    return cast(B, found)


def breaking(broken: list[Broken], prefix: str = "") -> BadRequest:
    """21405 with a detail for each broken rule."""
    details = dict.fromkeys(each.under(prefix).detail for each in broken[:_MOST_DETAILS])
    return BadRequest(Code.VALIDATION, *details)


def _unreadable(detail: str) -> BadRequest:
    return BadRequest(Code.UNREADABLE, detail, reason=f"body: {detail}")


# -- models -----------------------------------------------------------------------------------------------


class _Reader(Protocol):
    """Reads the values of one type."""

    #: The type's name in .NET.
    dotnet: str

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        """The value as the model has it; `_INVALID` if it (or a part of it) broke a rule, which is noted.

        Raises:
            _Unreadable: it is of another type.
        """

    def has_more_rules(self) -> bool:
        """Whether there are rules that msgspec does not know."""

    def is_clean(self, value: Any) -> bool:
        """Whether what msgspec has read keeps those rules."""


class _Plain:
    """What all have in common."""

    dotnet: str

    def has_more_rules(self) -> bool:
        return False

    def is_clean(self, value: Any) -> bool:
        del value
        return True


@dataclass
class _Text(_Plain):
    least: int | None = None
    most: int | None = None
    matches: Callable[[str], object] | None = None
    #: A date and time, as text.
    is_moment: bool = False
    dotnet: str = "System.String"

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        if not isinstance(value, str):
            raise _Unreadable(at.path, self.dotnet)
        if self.is_moment:
            if not self.is_clean(value):
                raise _Unreadable(at.path, self.dotnet)
        elif not (self.least or 0) <= len(value) <= (len(value) if self.most is None else self.most):
            broken.append(Broken(at.name, length(self.least, self.most, len(value))))
            return _INVALID
        elif self.matches is not None and not self.matches(value):
            broken.append(Broken(at.name, FORMAT))
            return _INVALID
        return value

    def has_more_rules(self) -> bool:
        return self.is_moment

    def is_clean(self, value: Any) -> bool:
        try:
            dates.parse(value)
        except ValueError:
            return False
        return True


@dataclass
class _Choice(_Plain):
    """One of a few values, in any case."""

    values: Mapping[str, Any]
    dotnet: str

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        del broken
        if isinstance(value, str):
            found = self.values.get(value.lower())
            if found is not None:
                return found
        raise _Unreadable(at.path, self.dotnet)


@dataclass
class _Number(_Plain):
    least: float | None
    most: float | None
    #: None: it may have a fraction.
    range: range | None
    dotnet: str

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float) if self.range is None else int):
            raise _Unreadable(at.path, self.dotnet)
        if self.range is not None and value not in self.range:
            raise _Unreadable(at.path, self.dotnet)
        low, high = self.least is not None and value < self.least, self.most is not None and value > self.most
        if not low and not high:
            return float(value) if self.range is None else value
        if self.least is not None and self.most is not None:
            broken.append(Broken(at.name, between(self.least, self.most, value)))
        elif self.least is not None and low:
            broken.append(Broken(at.name, at_least(self.least)))
        elif self.most is not None:
            broken.append(Broken(at.name, at_most(self.most)))
        return _INVALID


@dataclass
class _Exactly(_Plain):
    """What msgspec itself reads: true and false, dates."""

    type: type
    dotnet: str

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        del broken
        try:
            return msgspec.convert(value, self.type)
        except msgspec.ValidationError:
            raise _Unreadable(at.path, self.dotnet) from None


@dataclass
class _Items(_Plain):
    each: _Reader
    least: int | None
    most: int | None
    make: type
    dotnet: str

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        if not isinstance(value, list):
            raise _Unreadable(at.path, self.dotnet)
        before = len(broken)
        items = []
        for position, item in enumerate(value):
            if len(broken) > before + _MOST_DETAILS:
                break
            place = at.item(position)
            if item is None:
                broken.append(Broken(place.name, NOT_EMPTY))
            else:
                items.append(self.each.read(item, place, broken))
        if self.least and not value:
            broken.append(Broken(at.name, NOT_EMPTY))
        elif not (self.least or 0) <= len(value) <= (len(value) if self.most is None else self.most):
            broken.append(Broken(at.name, item_count(self.least, self.most)))
        return self.make(items) if len(broken) == before else _INVALID

    def has_more_rules(self) -> bool:
        return self.each.has_more_rules()

    def is_clean(self, value: Any) -> bool:
        return all(map(self.each.is_clean, value))


@dataclass
class _Member:
    """One member of an object."""

    attribute: str
    name: str
    reader: _Reader
    required: bool
    #: A text that must not be empty.
    needs_text: bool


@dataclass
class _Object(_Plain):
    model: type[msgspec.Struct]
    members: tuple[_Member, ...]
    rules: _Rules | None
    dotnet: str
    #: Members that have fewer values here than their model says.
    narrowed: Mapping[str, Collection[str]]
    _spelled: dict[str, _Member] = field(init=False)
    _examined: tuple[tuple[str, _Reader], ...] = field(init=False)
    _texts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._spelled = {member.name.lower(): member for member in self.members}
        self._examined = tuple(
            (member.attribute, member.reader) for member in self.members if member.reader.has_more_rules()
        )
        self._texts = tuple(member.attribute for member in self.members if member.needs_text)

    def read(self, value: Any, at: _At, broken: list[Broken]) -> Any:
        if not isinstance(value, dict):
            raise _Unreadable(at.path, self.dotnet)
        given: dict[str, Any] = {}
        complaints: dict[str, list[Broken]] = {}
        for spelled, found in value.items():
            member = self._spelled.get(spelled.lower())
            if member is None:
                continue
            # Of members of one name the last counts; null is absence.
            given.pop(member.attribute, None)
            own = complaints[member.name] = []
            if found is None or (member.needs_text and isinstance(found, str) and not found.strip()):
                continue
            given[member.attribute] = member.reader.read(found, at.member(spelled, member.name), own)
        before = len(broken)
        for member in self.members:
            broken += complaints.get(member.name, ())
            if member.required and member.attribute not in given:
                broken.append(Broken(at.member("", member.name).name, NOT_EMPTY))
        if len(broken) > before:
            return _INVALID
        made = self.model(**given)
        if self.rules is not None:
            prefix = f"{at.name}." if at.name else ""
            broken += (each.under(prefix) for each in self.rules(made))
        return made if len(broken) == before else _INVALID

    def has_more_rules(self) -> bool:
        return bool(self.rules or self._examined or self._texts or self.narrowed)

    def is_clean(self, value: Any) -> bool:
        for text in self._texts:
            if not getattr(value, text).strip():
                return False
        for attribute, values in self.narrowed.items():
            if getattr(value, attribute) not in values:
                return False
        for attribute, reader in self._examined:
            part = getattr(value, attribute)
            if part is not None and not reader.is_clean(part):
                return False
        return self.rules is None or next(self.rules(value), None) is None


@cache
def _of(model: type[msgspec.Struct]) -> tuple[msgspec.json.Decoder[Any], Callable[[Any], bool] | None]:
    reader = _reader(model)
    return msgspec.json.Decoder(model), reader.is_clean if reader.has_more_rules() else None


@cache
def _reader(model: type[msgspec.Struct]) -> _Reader:
    return _compiled(inspect.type_info(model), {})


def _compiled(kind: inspect.Type, extra: Mapping[str, Any]) -> _Reader:
    """The reader of a type; `extra` is what annotations tell of it (see `ksef_mock.core.bodies`)."""
    match kind:
        case inspect.Metadata():
            return _compiled(kind.type, {**extra, **(kind.extra or {})})
        case inspect.UnionType():
            (one,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
            return _compiled(one, extra)
        case inspect.StructType():
            return _object(kind, extra)
        case inspect.StrType() if "values" in extra:
            return _Choice({value.lower(): value for value in extra["values"]}, extra["dotnet"])
        case inspect.StrType():
            matches = None if kind.pattern is None else re.compile(kind.pattern).search
            moment = extra.get("format") == "date-time"
            dotnet = extra.get("dotnet", "System.String")
            return _Text(kind.min_length, kind.max_length, matches, moment, dotnet)
        case inspect.IntType() | inspect.FloatType():
            if isinstance(kind, inspect.FloatType):
                return _Number(kind.ge, kind.le, None, "System.Decimal")
            numbers = _INT32 if kind.le is None or kind.le in _INT32 else _INT64
            # The end of the type is no rule of the body.
            most = None if kind.le == numbers.stop - 1 else kind.le
            dotnet = "System.Int32" if numbers is _INT32 else "System.Int64"
            return _Number(kind.ge, most, numbers, dotnet)
        case inspect.BoolType():
            return _Exactly(bool, "System.Boolean")
        case inspect.DateTimeType():
            return _Exactly(datetime, "System.DateTimeOffset")
        case inspect.DateType():
            return _Exactly(date, "System.DateOnly")
        case inspect.LiteralType():
            return _Choice(
                {str(value).lower(): value for value in kind.values}, extra.get("dotnet", "System.Enum")
            )
        case inspect.EnumType():
            options: type[Enum] = kind.cls
            name = extra.get("dotnet", options.__name__)
            return _Choice({str(each.value).lower(): each for each in options}, name)
        case inspect.ListType() | inspect.VarTupleType():
            each = _compiled(kind.item_type, {})
            return _Items(
                each,
                kind.min_length,
                kind.max_length,
                list if isinstance(kind, inspect.ListType) else tuple,
                f"System.Collections.Generic.List`1[{each.dotnet}]",
            )
    raise TypeError(f"bodies have no values of {kind}")


def _object(kind: inspect.StructType, extra: Mapping[str, Any]) -> _Object:
    overrides: Mapping[str, Mapping[str, Any]] = extra.get("members", {})
    members = []
    for each in kind.fields:
        reader = _compiled(each.type, overrides.get(each.name, {}))
        is_text = isinstance(reader, _Text) and not reader.is_moment
        if not (is_text or isinstance(reader, _Items | _Object)):
            # Only so a value that is no reference can be absent in .NET, and then "must not be empty".
            reader.dotnet = f"System.Nullable`1[{reader.dotnet}]"
        members.append(_Member(each.name, each.encode_name, reader, each.required, each.required and is_text))
    rules = getattr(kind.cls, "rules", None)
    narrowed = {name: override["values"] for name, override in overrides.items()}
    return _Object(kind.cls, tuple(members), rules, extra.get("dotnet", kind.cls.__name__), narrowed)
