"""Round trips to Redis, shared by the requests that need one at the same time.

A call that finds as many round trips under way as there may be waits for the end of one, and goes with all
others that wait by then in the next. Alone it goes at once. So a busy process makes fewer round trips, which
cost more than what Redis does in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from redis.exceptions import NoScriptError, ResponseError

#: Round trips under way at a time, and calls that one carries at most.
_AT_ONCE = 2
_MOST = 64

Arguments: TypeAlias = Sequence[str | bytes | int]


class _Call(NamedTuple):
    script: Any
    arguments: Arguments
    answer: asyncio.Future[Any]


class Calls:
    """Carries out Lua scripts that all have the same keys. Used from one event loop.

    It keeps connections of its own: a pool's and the client's part in a command is half of what that costs.
    """

    def __init__(self, pool: Any, keys: Sequence[bytes], timeout: float) -> None:
        """
        Args:
            pool: redis-py's, of asyncio: knows how connections are made and looked after.
            timeout: seconds that a round trip may take.
        """
        self._pool = pool
        self._keys = keys
        self._timeout = timeout
        self._idle: list[Any] = []
        self._closed = False
        self._waiting: list[_Call] = []
        self._under_way: set[asyncio.Task[Any]] = set()
        self._head = lru_cache(self._packed_head)

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

    async def close(self) -> None:
        """Hang up, those calls that are under way excepted: they do so at their end."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect()

    async def _alone(self, task: asyncio.Task[Any], script: Any, arguments: Arguments) -> Any:
        self._under_way.add(task)
        try:
            (answer,) = await self._round_trip(self._packed(script, arguments), 1)
            if isinstance(answer, NoScriptError):  # nothing has run: it may be sent again, whole
                return await script(self._keys, arguments)
        finally:
            self._under_way.discard(task)
            self._go_on()
        if isinstance(answer, Exception):
            raise answer
        return answer

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
        commands = b"".join([self._packed(call.script, call.arguments) for call in group])
        try:
            answers = await self._round_trip(commands, len(group))
        except BaseException as error:
            for call in group:
                _settle(call.answer, error if isinstance(error, Exception) else ConnectionError("cut off"))
            if not isinstance(error, Exception):
                raise
            return
        for call, answer in zip(group, answers, strict=True):
            if isinstance(answer, NoScriptError):  # as above
                answer = await self._again(call)
            _settle(call.answer, answer)

    async def _again(self, call: _Call) -> Any:
        try:
            return await call.script(self._keys, call.arguments)
        except Exception as error:
            return error

    async def _round_trip(self, commands: bytes, number: int) -> list[Any]:
        """Send so many commands at once; an answer may be a `ResponseError`."""
        connection = self._idle.pop() if self._idle else self._made()
        try:
            # One limit of time for all of it, instead of redis-py's for each step.
            async with asyncio.timeout(self._timeout):
                await self._pool.ensure_connection(connection)
                await connection.send_packed_command(commands, check_health=False)
                answers = [await _answer_on(connection) for _ in range(number)]
        except BaseException:
            # What is still to come on it would be taken for the answer to something else.
            await connection.disconnect(nowait=True)
            raise
        if self._closed:
            await connection.disconnect()
        else:
            self._idle.append(connection)
        return answers

    def _made(self) -> Any:
        return self._pool.connection_class(**{**self._pool.connection_kwargs, "socket_timeout": None})

    def _packed(self, script: Any, arguments: Arguments) -> bytes:
        """EVALSHA as an array of bulk strings (RESP)."""
        octets = [each if type(each) is bytes else str(each).encode() for each in arguments]
        parts = [b"*%d\r\n" % (3 + len(self._keys) + len(octets)), self._head(script.sha)]
        parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in octets]
        return b"".join(parts)

    def _packed_head(self, sha: str) -> bytes:
        parts = [b"EVALSHA", sha.encode(), b"%d" % len(self._keys), *self._keys]
        return b"".join(b"$%d\r\n%b\r\n" % (len(each), each) for each in parts)


async def _answer_on(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():  # whoever asked has gone away
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
