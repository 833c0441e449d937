"""What is wrong with a value that people wrote: the member, what is expected there, and what was given.

For orders to /_mock and for seeds. KSeF's own validator speaks otherwise (`core.validation`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from msgspec import inspect

E = TypeVar("E", bound=Enum)

#: What the types of a member are to people, as descriptions of `msgspec.Meta`.
NIP = "a NIP: ten digits such as '5265877635'"
PESEL = "a PESEL: eleven digits such as '90010112349'"
PEPPOL_ID = "a Peppol identifier: P, two letters and six digits such as 'PPL123456'"
KSEF_NUMBER = "a KSeF number such as '5265877635-20260301-0A1B2C3D4E5F-7A'"
SHA256 = "a SHA-256 in Base64: 44 characters"
_TIME = "a moment in ISO 8601, such as '2026-03-01T12:00:00Z' (UTC if it has no offset)"

#: Members whose values are never repeated.
_SECRETS = ("token", "pkcs12Password")
#: Characters of a value that are.
_SHOWN = 60

# Compiled when they are needed: who starts a mock need not wait for that.
_WHERE = r"(?s)^(?P<said>.*?)(?: - at `(?P<path>\$.*)`)?$"
_STEP = r"\.(?P<name>[^.\[\]]+)|\[(?P<number>\d+|\.\.\.)\]"
_MISSING = r"Object missing required field `(?P<name>.+)`"
_UNKNOWN = r"(?s)Object contains unknown field `(?P<name>.+)`"


def wrong(name: str, expected: str, given: object) -> str:
    """The words for one member: `seconds: expected a number, got "x"`."""
    return f"{name}: expected {expected}, got {_shown(name, given)}" if name else f"expected {expected}"


def between(least: float, most: float) -> str:
    """The words for a number with bounds."""
    return f"a number from {_number(least)} to {_number(most)}"


def one_of(values: Iterable[object]) -> str:
    """The words for one of several values."""
    return f"one of {', '.join(map(str, values))}"


def chosen(kind: type[E], value: object) -> E:
    """The member of an enumeration that has this value.

    Raises:
        ValueError: there is none; the message names those that there are.
    """
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{value!r} is none: {one_of(each.value for each in kind)}") from None


def explained(error: msgspec.ValidationError, given: Any, model: type) -> str:
    """What msgspec found wrong, in full.

    Args:
        given: what was read, as plain dictionaries, lists and scalars.
        model: what it was to be.
    """
    # Only who has made a mistake waits for this import.
    from msgspec import inspect

    match = re.match(_WHERE, str(error))
    assert match is not None
    said, kind, value = match["said"], inspect.type_info(model), given
    place = ""
    for step in re.finditer(_STEP, match["path"] or ""):
        name, number = step["name"], step["number"]
        place += f".{name}" if name else f"[{number}]"
        inside = _within(kind, value, name if name else number)
        if inside is None:  # a place that only msgspec can name
            return f"{place.lstrip('.')}: {said}"
        kind, value = inside
    place = place.lstrip(".")
    inner = f"{place}." if place else ""
    if missing := re.fullmatch(_MISSING, said):
        expected = _member(kind, missing["name"])
        return f"{inner}{missing['name']}: missing, expected {_words(expected) if expected else 'it'}"
    if unknown := re.fullmatch(_UNKNOWN, said):
        name = json.dumps(unknown["name"][:_SHOWN])[1:-1]
        return f"{inner}{name}: unknown here, expected {_names(kind)}"
    if not place:
        return f"expected {_words(kind)}, got {_shown(place, value)}"
    return wrong(place, _words(kind), value)


def _within(kind: inspect.Type, value: Any, step: str) -> tuple[inspect.Type, Any] | None:
    """The type and the value one step further in."""
    from msgspec import inspect

    for each in _choices(kind):
        if isinstance(each, inspect.StructType):
            member = _member(each, step)
            if member is not None:
                return member, value.get(step) if isinstance(value, Mapping) else None
        elif isinstance(each, inspect.CollectionType) and step.isdigit():
            return each.item_type, value[int(step)] if isinstance(value, list | tuple) else None
    return None


def _member(kind: inspect.Type, name: str) -> inspect.Type | None:
    from msgspec import inspect

    for each in _choices(kind):
        if isinstance(each, inspect.StructType):
            for field in each.fields:
                if field.encode_name == name:
                    return field.type
    return None


def _choices(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """A type without what is written around it: the members of a union but null."""
    from msgspec import inspect

    if isinstance(kind, inspect.Metadata):
        return _choices(kind.type)
    if isinstance(kind, inspect.UnionType):
        return tuple(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return (kind,)


def _words(kind: inspect.Type) -> str:
    """What is expected, to people."""
    from msgspec import inspect

    if isinstance(kind, inspect.Metadata):
        described = (kind.extra_json_schema or {}).get("description")
        return described if isinstance(described, str) else _words(kind.type)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(map(_words, _choices(kind)))
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.StrType():
            return "a text" + _lengths(kind)
        case inspect.DateTimeType():
            return _TIME
        case inspect.EnumType():
            return one_of(each.value for each in kind.cls)
        case inspect.LiteralType():
            return one_of(kind.values)
        case inspect.StructType():
            return f"an object with {_names(kind)}"
        case inspect.CollectionType():
            return f"a list, each {_words(kind.item_type)}"
        case _:
            return "an object"


def _names(kind: inspect.Type) -> str:
    from msgspec import inspect

    (only,) = _choices(kind)
    assert isinstance(only, inspect.StructType)
    needed = [f"{each.encode_name} (required)" for each in only.fields if each.required]
    others = [each.encode_name for each in only.fields if not each.required]
    return ", ".join(needed + others)


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    least = kind.ge if kind.ge is not None else kind.gt
    most = kind.le if kind.le is not None else kind.lt
    if least is not None and most is not None:
        return f" from {_number(least)} to {_number(most)}"
    if least is not None:
        return f" of at least {_number(least)}"
    return "" if most is None else f" of at most {_number(most)}"


def _lengths(kind: inspect.StrType) -> str:
    if kind.pattern is not None:
        return f" that matches {kind.pattern}"
    if kind.min_length and kind.max_length is not None:
        return f" of {kind.min_length} to {kind.max_length} characters"
    if kind.min_length:
        return f" of at least {kind.min_length} characters"
    return "" if kind.max_length is None else f" of at most {kind.max_length} characters"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _shown(name: str, value: object) -> str:
    match value:
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case str() if name.rpartition(".")[2] in _SECRETS or len(value) > _SHOWN:
            return f"a text of {len(value)} characters"
        case str() | bool() | int() | float() | None:
            return json.dumps(value)[: _SHOWN + 2]
        case _:  # what YAML knows beside JSON
            return json.dumps(str(value)[:_SHOWN])
