"""A store in Redis: the state of any number of processes on any number of machines.

Each change is one Lua script, so it is one step to all of them. Expiry follows the mock's clock, not that of
Redis: a record carries its own, whoever reads it compares, and each commit sweeps a few that are due.

A request that has a `Look` reads ahead what it will need, and lets its first call confirm the version of the
shared record: a login takes ten round trips.

Redis may come back from a restart without the last writes (unless it has `appendonly yes` and `appendfsync
always`), so that a login that was redeemed looks unredeemed again. Every new connection therefore begins by
asking which run of the server it has reached. The first to reach a new run, unless both it and the one
before lose nothing, drops all records that say what must not happen again (`Table.once`): who was in the
middle of a login begins anew.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError, WatchError
from redis.retry import Retry

from ksef_mock.clock import Clock, Instant
from ksef_mock.core.errors import StoreUnavailable
from ksef_mock.state.look import LOOK, Look, Moved
from ksef_mock.state.redis_calls import Calls
from ksef_mock.state.redis_scripts import (
    ADMIT,
    ARRIVE,
    CLEAR,
    COMMIT,
    LOG,
    READ,
    SWAP_SHARED,
    asked,
    digits,
    expiry,
    expiry_digits,
    flattened,
    instant,
    microseconds,
)
from ksef_mock.state.remote import RemoteStore, decoded
from ksef_mock.state.store import (
    JITTER,
    ONCE,
    Dump,
    Full,
    Get,
    Need,
    Newest,
    Row,
    Swap,
    Table,
    Write,
)
from ksef_mock.state.windows import LONGEST

R = TypeVar("R", bound=msgspec.Struct)

#: Of the keys, unless the URL says `?prefix=`.
DEFAULT_PREFIX = "ksef-mock"
#: Changes whenever what older versions have written cannot be read any more.
_FORMAT = "3"
#: Seconds that a connection may take to be made, and an answer to come.
_CONNECT_TIMEOUT = 2.0
_TIMEOUT = 5.0
_CONNECTIONS = 64
#: Expired entries of each kind that one commit removes at most.
_SWEEP = 32


class RedisStore(RemoteStore):
    """Implements `ksef_mock.state.store.Store`."""

    confirms_version = True

    def __init__(self, url: str, clock: Clock) -> None:
        """Nothing is connected before the first use.

        Args:
            url: redis://, rediss:// or unix://, as redis-py takes it, with `?prefix=` for the keys.

        Raises:
            ValueError: the URL is not one of these.
        """
        self._clock = clock
        url, prefix = _split(url)
        names = "due index members member-due tables shared run requests request-due journal sequence"
        self._keys = [f"{{{prefix}}}:{name}".encode() for name in names.split()]
        self._tables = f"{{{prefix}}}:table:"
        self._shared = f"{{{prefix}}}:shared"
        self._journal = f"{{{prefix}}}:journal"
        self._sequence = f"{{{prefix}}}:sequence"
        options: dict[str, Any] = {
            "socket_connect_timeout": _CONNECT_TIMEOUT,
            "socket_timeout": _TIMEOUT,
            **parse_url(url),
            "protocol": 2,
            "decode_responses": False,
        }
        # A script that was sent may have run: nothing is sent twice.
        pool = BlockingConnectionPool(
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT,
            redis_connect_func=self._arrive,
            retry=AsyncRetry(NoBackoff(), 0),
            **options,
        )
        self._redis: Any = AsyncRedis(connection_pool=pool)
        self._commit = self._redis.register_script(COMMIT)
        self._read = self._redis.register_script(READ)
        self._admit = self._redis.register_script(ADMIT)
        self._log = self._redis.register_script(LOG)
        self._clear = self._redis.register_script(CLEAR)
        self._calls = Calls(pool, self._keys, options["socket_timeout"])
        # For callers in any thread.
        self._direct: Any = Redis.from_url(
            url,
            socket_connect_timeout=_CONNECT_TIMEOUT,
            socket_timeout=_TIMEOUT,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._swap_shared = self._direct.register_script(SWAP_SHARED)

    async def get(self, table: Table[R], key: str) -> R | None:
        row: bytes | None
        row = await self._answer(Get(table, key))
        if row is None or row[:20] <= digits(self._clock.now()).encode():
            return None
        return decoded(row[20:], table)

    async def count(self, table: Table[R]) -> int:
        with _named_errors():
            found: int = await self._redis.hlen(self._tables + table.name)
        return found

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        found: list[bytes] = await self._answer(Newest(name, limit, before))
        return [
            (instant(position), member.decode())
            for position, member in zip(found[::2], found[1::2], strict=True)
        ]

    async def prefetch(self, *needs: Need) -> None:
        look = LOOK.get()
        if look is not None and needs:
            answers = await self._ask(look, needs)
            look.found.update(zip(map(asked, needs), answers, strict=True))

    async def _answer(self, need: Get | Newest) -> Any:
        look = LOOK.get()
        if look is not None and (arguments := asked(need)) in look.found:
            return look.found[arguments]
        return (await self._ask(look, (need,)))[0]

    async def _ask(self, look: Look | None, needs: Sequence[Need]) -> list[Any]:
        arguments: list[str | int] = [self._tables, digits(self._clock.now())]
        for need in needs:
            arguments += asked(need)
        with _named_errors():
            found: list[Any] = await self._calls(self._read, arguments)
        version, answers = found[0], found[1:]
        if look is not None and not look.checked:
            if version is None or version.decode() != look.expected:
                raise Moved
            look.checked = True
        return answers

    async def commit(self, *writes: Write) -> bool:
        now, look = self._clock.now(), LOOK.get()
        version = look.expected if look is not None and not look.checked else ""
        head: list[str | bytes | int] = [self._tables, digits(now), now // 1_000, _SWEEP, version]
        flat = [flattened(write) for write in writes]
        if look is not None:
            look.found.clear()
        while True:
            with _named_errors():
                done = await self._calls(self._commit, head + [part for write in flat for part in write])
            if done[0] == 2:
                raise Moved
            if look is not None:
                look.checked = True
            if done[0] == 1:
                return True
            if len(done) == 1:
                return False
            # What is there is not what `old` is encoded as; if it means the same (an older version of the
            # mock may have written it), then that is what is to be replaced.
            write, stored = writes[int(done[1])], done[2]
            assert isinstance(write, Swap)
            if decoded(stored, write.table) != write.old:
                return False
            flat[int(done[1])][6] = stored

    async def admit(self, key: str, windows: Sequence[tuple[int, Instant]]) -> Full | None:
        look = LOOK.get()
        if look is not None and not look.checked:
            await self._ask(look, ())  # nothing may be counted twice
        now = self._clock.now()
        arguments: list[str | int] = [
            self._tables,
            key,
            digits(now),
            digits(now + JITTER),
            now // 1_000,
            secrets.token_hex(6),
            (now - LONGEST) // 1_000,
            _SWEEP,
        ]
        for limit, length in windows:
            arguments += [limit, digits(now - length)]
        with _named_errors():
            counted, *found = await self._calls(self._admit, arguments)
        full = [
            Full(
                max(1, instant(moment) + windows[int(number)][1] - max(now, instant(counted))),
                *windows[int(number)],
            )
            for number, moment in zip(found[::2], found[1::2], strict=True)
        ]
        return max(full, default=None)

    async def log(self, entry: bytes, keep: int) -> None:
        with _named_errors():
            await self._calls(self._log, [self._tables, entry, keep])

    def logged(self, after: int = 0) -> list[tuple[int, bytes]]:
        with _named_errors():
            entries: list[bytes] = self._direct.lrange(self._journal, 0, -1)
        numbered = ((int(entry[:20]), entry[20:]) for entry in entries)
        return [(number, entry) for number, entry in numbered if number > after]

    def last_logged(self) -> int:
        with _named_errors():
            return int(self._direct.get(self._sequence) or 0)

    async def clear(self) -> None:
        with _named_errors():
            await self._clear(self._keys, [self._tables])

    async def dump(self) -> Dump:
        now = digits(self._clock.now()).encode()
        tables, members = self._keys[4], self._keys[2]
        while True:
            with _named_errors():
                names = await self._redis.smembers(tables)
                async with self._redis.pipeline(transaction=True) as pipeline:
                    pipeline.smembers(tables)
                    pipeline.hgetall(members)
                    for name in names:
                        pipeline.hgetall(self._tables + name.decode())
                    present, entries, *contents = await pipeline.execute()
            if present == names:
                break
        rows = [
            Row(name.decode(), key.decode(), row[20:], expiry(row[:20]))
            for name, content in zip(names, contents, strict=True)
            for key, row in content.items()
            if row[:20] > now
        ]
        live = []
        for field, entry in entries.items():
            if entry[20:] > now:
                name, _, member = field.partition(b"\0")
                live.append((name.decode(), member.decode(), instant(entry[:20]), expiry(entry[20:])))
        return Dump(rows, live)

    async def restore(self, dump: Dump) -> None:
        due, index, members, member_due, tables = self._keys[:5]
        done = False
        while not done:
            with _named_errors(), contextlib.suppress(WatchError):  # a new table came between: once more
                async with self._redis.pipeline(transaction=True) as pipeline:
                    await pipeline.watch(tables)
                    names = await pipeline.smembers(tables)
                    pipeline.multi()
                    pipeline.unlink(due, index, members, member_due, tables)
                    for name in names:
                        pipeline.unlink(self._tables + name.decode())
                    for row in dump.rows:
                        pipeline.hset(
                            self._tables + row.table, row.key, expiry_digits(row.expires_at) + row.record
                        )
                        pipeline.sadd(tables, row.table)
                        if row.expires_at is not None:
                            pipeline.zadd(due, {f"{row.table}\0{row.key}": microseconds(row.expires_at)})
                    for name, member, position, expires_at in dump.entries:
                        field, place = f"{name}\0{member}", digits(position)
                        pipeline.zadd(index, {f"{name}\0{place}\0{member}": 0})
                        pipeline.hset(members, field, place.encode() + expiry_digits(expires_at))
                        if expires_at is not None:
                            pipeline.zadd(member_due, {field: microseconds(expires_at)})
                    await pipeline.execute()
                    done = True

    async def shared_version(self) -> str | None:
        with _named_errors():
            version: bytes | None = await self._redis.hget(self._shared, "version")
        return None if version is None else version.decode()

    def load_shared(self) -> tuple[str, bytes] | None:
        with _named_errors():
            version, record = self._direct.hmget(self._shared, "version", "record")
        return None if version is None else (version.decode(), record)

    def swap_shared(self, old: str | None, new: str, record: bytes) -> bool:
        with _named_errors():
            return bool(self._swap_shared(self._keys, [self._tables, old or "", new, record]))

    async def close(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._calls.close()
            await self._redis.aclose()
            await self._redis.connection_pool.disconnect()
        self._direct.close()

    async def _arrive(self, connection: Any) -> None:
        """The first thing on each new connection."""
        await connection.on_connect()

        async def ask(*command: str | bytes) -> Any:
            await connection.send_command(*command)
            return await connection.read_response()

        server = _fields(await ask("INFO", "server"))
        found = await ask(
            "EVAL",
            ARRIVE,
            str(len(self._keys)),
            *self._keys,
            self._tables,
            server["run_id"],
            "1" if await _loses_nothing(ask) else "0",
            _FORMAT,
            ONCE,
        )
        if found != _FORMAT.encode():
            raise RedisError(
                f"the keys have format {found.decode()}, this version of ksef-mock has {_FORMAT}"
            )


async def _loses_nothing(ask: Callable[..., Awaitable[Any]]) -> bool:
    """Whether everything that the server has answered survives its restart."""
    try:
        (_, log), (_, sync) = (
            await ask("CONFIG", "GET", "appendonly"),
            await ask("CONFIG", "GET", "appendfsync"),
        )
    except (ResponseError, ValueError):  # not allowed to know, or no such setting
        return False
    return bool(log == b"yes" and sync == b"always")


def _split(url: str) -> tuple[str, str]:
    """The URL without `?prefix=`, and the prefix."""
    address, _, query = url.partition("?")
    options = dict(parse_qsl(query))
    prefix = options.pop("prefix", DEFAULT_PREFIX)
    return f"{address}?{urlencode(options)}" if options else address, prefix


def _fields(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except WatchError:
        raise
    except (TimeoutError, RedisError, OSError) as error:
        raise StoreUnavailable(reason=f"store: {type(error).__name__}: {error}") from error
