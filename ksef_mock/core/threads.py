"""Calls that wait, in threads.

Unlike with `asyncio.to_thread` nobody goes on before the call is over, not even who was cancelled: so what it
works with can be let go of afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """What `call` returns or raises."""
    return await outcome(begun(call))


def begun(call: Callable[[], T]) -> asyncio.Future[T]:
    """A call that goes on meanwhile: to be awaited by `outcome`."""
    return asyncio.get_running_loop().run_in_executor(None, call)


async def outcome(running: asyncio.Future[T]) -> T:
    """What a call returns or raises; once it is over."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        raise
