"""A catalogue: entries with an id, found in the modules of a package, chosen by patterns.

Requirements of a server and situations of a client are such entries. They are read off the modules, so a new
module needs to be named nowhere.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Literal, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

#: `must`: users cannot log in, or security suffers; `should`: documented, and people get by without it.
Severity: TypeAlias = Literal["must", "should"]


class Listed(Protocol):
    """What stands in a catalogue."""

    @property
    def id(self) -> str: ...

    @property
    def area(self) -> str: ...


L = TypeVar("L", bound=Listed)


def area_of(identifier: str) -> str:
    """The group in an id: `AUTH` of `KSEF-AUTH-017`."""
    return identifier.split("-")[1]


def members_of(package: ModuleType, kind: type[T]) -> Iterator[tuple[ModuleType, T]]:
    """All of a kind in the modules of a package, each with its module; those in a tuple one by one."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for _, value in inspect.getmembers(module):
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, kind):
                    yield module, each


def in_order(entries: Collection[L], prefix: str, areas: Mapping[str, str]) -> tuple[L, ...]:
    """The entries in the order of `areas` (area -> title) and of their ids.

    Raises:
        ValueError: an id is not `PREFIX-AREA-NNN` with a known area, or is given twice.
    """
    seen: set[str] = set()
    for each in entries:
        match = re.fullmatch(rf"{prefix}-([A-Z]+)-[0-9]{{3}}", each.id)
        if match is None or match[1] not in areas:
            raise ValueError(f"{each.id!r} is no id: {prefix}-AREA-NNN with a known area")
        if each.id in seen:
            raise ValueError(f"two entries have the id {each.id}")
        seen.add(each.id)
    order = list(areas)
    return tuple(sorted(entries, key=lambda each: (order.index(each.area), each.id)))


def chosen(
    entries: tuple[L, ...], patterns: Collection[str], noun: str, areas: Mapping[str, str]
) -> tuple[L, ...]:
    """The entries whose id or area matches one of the patterns, in their order; all without patterns.

    A pattern is an id, an area, or a glob over ids, in any case; an id may go without its first part.

    Raises:
        LookupError: a pattern matches nothing; the message calls an entry by `noun` and names the areas.
    """
    if not patterns:
        return entries
    ids: set[str] = set()
    for pattern in patterns:
        glob = pattern.upper()
        matching = {
            each.id
            for each in entries
            if glob == each.area or any(fnmatchcase(name, glob) for name in (each.id, _short(each.id)))
        }
        if not matching:
            raise LookupError(f"no {noun} matches {pattern!r}; the areas are {', '.join(areas)}")
        ids |= matching
    return tuple(each for each in entries if each.id in ids)


def _short(entry: str) -> str:
    return entry.partition("-")[2]
