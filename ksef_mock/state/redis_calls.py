"""Round trips to Redis, shared by the requests that need one at the same time.

A call that finds as many round trips under way as there may be waits for the end of one, and goes with all
others that wait by then in the next. Alone it goes at once. So a busy process makes fewer round trips, which
cost more than what Redis does in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from redis.asyncio.connection import Connection
from redis.exceptions import NoScriptError

#: Round trips under way at a time, and calls that one carries at most.
_AT_ONCE = 2
_MOST = 64

Arguments: TypeAlias = Sequence[str | bytes | int]


def packing(connection: type[Connection]) -> type[Connection]:
    """The class of connections that writes commands itself: redis-py's way takes a quarter of a call."""

    class Packing(connection):  # type: ignore[misc, valid-type]
        def pack_command(self, *arguments: str | bytes | int) -> list[bytes]:
            """A command as an array of bulk strings (RESP). Its name may be two words: SCRIPT LOAD."""
            name, *octets = [each if isinstance(each, bytes) else str(each).encode() for each in arguments]
            octets[:0] = name.split()
            parts = [b"*%d\r\n" % len(octets)]
            parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in octets]
            return [b"".join(parts)]

    return Packing


class _Call(NamedTuple):
    script: Any
    arguments: Arguments
    answer: asyncio.Future[Any]


class Calls:
    """Carries out Lua scripts that all have the same keys. Used from one event loop."""

    def __init__(self, redis: Any, keys: Sequence[str | bytes]) -> None:
        """`redis`: an asyncio client whose commands are sent once."""
        self._redis = redis
        self._keys = keys
        self._waiting: list[_Call] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, script: Any, arguments: Arguments) -> Any:
        """The answer of a registered script.

        Raises:
            RedisError, TimeoutError, OSError: as the client does.
        """
        if not self._waiting and len(self._under_way) < _AT_ONCE:
            task = asyncio.current_task()
            if task is not None and task not in self._under_way:
                return await self._alone(task, script, arguments)
        call = _Call(script, arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        self._go_on()
        return await call.answer

    async def _alone(self, task: asyncio.Task[Any], script: Any, arguments: Arguments) -> Any:
        self._under_way.add(task)
        try:
            return await script(self._keys, arguments)
        finally:
            self._under_way.discard(task)
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting and len(self._under_way) < _AT_ONCE:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            task = asyncio.create_task(self._together(group))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._go_on()

    async def _together(self, group: Sequence[_Call]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for call in group:
                    pipeline.evalsha(call.script.sha, len(self._keys), *self._keys, *call.arguments)
                answers = await pipeline.execute(raise_on_error=False)
        except BaseException as error:
            for call in group:
                _settle(call.answer, error if isinstance(error, Exception) else ConnectionError("cut off"))
            if not isinstance(error, Exception):
                raise
            return
        for call, answer in zip(group, answers, strict=True):
            if isinstance(answer, NoScriptError):  # nothing has run: it may be sent again, whole
                answer = await self._again(call)
            _settle(call.answer, answer)

    async def _again(self, call: _Call) -> Any:
        try:
            return await call.script(self._keys, call.arguments)
        except Exception as error:
            return error


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():  # whoever asked has gone away
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
