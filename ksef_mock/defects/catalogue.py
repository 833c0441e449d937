"""What a defect is, and how all of them are found.

A defect is a function in one of the modules of this package, made one by `@defect`. It takes the freshly
built application of one mock and breaks one rule in it, by replacing attributes of that mock's objects or by
standing in front of its routes. Nothing is changed that another mock could see.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.applications import Starlette

from ksef_mock.defects.mock import Mock


class UnknownDefect(ValueError):
    """There is no defect of this name; the message lists those that there are."""


@dataclass(frozen=True)
class Defect:
    """One thing that a mock can do wrong on purpose."""

    #: Kebab-case.
    name: str
    #: What is wrong, in one sentence.
    summary: str
    #: The rule of KSeF that it breaks, in one sentence.
    rule: str
    #: The module that it is in, e.g. `xades`.
    area: str
    break_: Callable[[Mock], None]


def defect(rule: str) -> Callable[[Callable[[Mock], None]], Defect]:
    """Make `def some_name(mock: Mock) -> None` the defect `some-name`; its docstring is the summary."""

    def decorate(break_: Callable[[Mock], None]) -> Defect:
        summary = inspect.getdoc(break_)
        assert summary, f"{break_.__name__} has no docstring"
        area = break_.__module__.rpartition(".")[2]
        return Defect(break_.__name__.replace("_", "-"), summary, rule, area, break_)

    return decorate


def table(area: str, rows: Iterable[tuple[str, str, str, Callable[[Mock], None]]]) -> tuple[Defect, ...]:
    """Defects that differ in a value: rows of name, summary, rule, and what breaks the rule."""
    return tuple(Defect(name, summary, rule, area, break_) for name, summary, rule, break_ in rows)


@cache
def catalogue() -> dict[str, Defect]:
    """All defects by name, module by module in the order in which they are written."""
    found: dict[str, Defect] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)], f"{__package__}."):
        for value in vars(importlib.import_module(module.name)).values():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Defect):
                    assert each.name not in found, f"two defects are called {each.name}"
                    found[each.name] = each
    return found


def require_known(names: Iterable[str]) -> None:
    """
    Raises:
        UnknownDefect: one of the names is no defect's.
    """
    known = catalogue()
    for name in names:
        if name not in known:
            raise UnknownDefect(f"there is no defect {name!r}; there are: {', '.join(known)}")


def apply(names: Iterable[str], app: Starlette) -> None:
    """Give the mock behind `app` these defects, before it has answered any request.

    Raises:
        UnknownDefect: one of the names is no defect's.
        Outdated: a defect replaces something that the mock no longer has.
    """
    wanted = tuple(names)
    require_known(wanted)
    mock = Mock(app)
    for name in wanted:
        catalogue()[name].break_(mock)
