"""Options that belong together: a command declares them as one decorator and gets them as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def gathered(
    name: str, build: Callable[..., Any], options: Sequence[Callable[[Any], Any]]
) -> Callable[[F], F]:
    """A decorator that gives a command these options, and what `build` makes of their values as `name`.

    Args:
        build: called with each option's value under the option's name.
        options: decorators made by `click.option`.
    """

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def with_one_value(**values: Any) -> Any:
            own = {option: values.pop(option) for option in names}
            return command(**values, **{name: build(**own)})

        before = len(getattr(with_one_value, "__click_params__", ()))
        decorated: Any = with_one_value
        for option in reversed(options):
            decorated = option(decorated)
        names = [parameter.name for parameter in decorated.__click_params__[before:]]
        return decorated  # type: ignore[no-any-return]

    return decorate
