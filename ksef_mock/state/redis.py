"""A store in Redis: the state of any number of processes on any number of machines.

Each change is one Lua script, so it is one step to all of them. Expiry follows the mock's clock, not that of
Redis: a record carries its own, whoever reads it compares, and each commit sweeps a few that are due.

Moments are 64-bit integers, which Lua's numbers cannot hold exactly; scripts compare them as texts of 20
digits instead. Everything lives under a handful of keys with a common prefix, in one hash slot.

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
from ksef_mock.state.remote import RemoteStore, decoded
from ksef_mock.state.store import (
    JITTER,
    ONCE,
    Delete,
    Dump,
    Full,
    Index,
    Insert,
    Row,
    Swap,
    Table,
    Unindex,
    Write,
)
from ksef_mock.state.windows import LONGEST

R = TypeVar("R", bound=msgspec.Struct)

#: Of the keys, unless the URL says `?prefix=`.
DEFAULT_PREFIX = "ksef-mock"
#: Changes whenever what older versions have written cannot be read any more.
_FORMAT = "2"
#: Seconds that a connection may take to be made, and an answer to come.
_CONNECT_TIMEOUT = 2.0
_TIMEOUT = 5.0
_CONNECTIONS = 64
#: Expired entries of each kind that one commit removes at most.
_SWEEP = 32

_NEVER = "9" * 20
_BIAS = 2**63

_encode = msgspec.msgpack.Encoder().encode

# All scripts: KEYS are `RedisStore._keys`; ARGV[1] is the key prefix of tables.
_HEADER = """
local due, index, members, member_due, tables, shared = unpack(KEYS)
local run, requests, request_due, journal, sequence = unpack(KEYS, 7)
local prefix = ARGV[1]
local function rows(table) return prefix .. table end
"""

# ARGV: prefix, now (20 digits), now (µs), most to sweep, then seven of each write. A row is its expiry, 20
# digits, and the record; an index entry is INDEX \0 POSITION \0 MEMBER in a set in lexical order.
_COMMIT = (
    _HEADER
    + """
local now, now_us, sweep = ARGV[2], ARGV[3], ARGV[4]

local function live(table, key)
    local row = redis.call('HGET', rows(table), key)
    if row and string.sub(row, 1, 20) > now then return string.sub(row, 21) end
    return false
end

local function unindex(field)
    local entry = redis.call('HGET', members, field)
    if entry then
        local name, member = string.match(field, '^(%Z*)%z(.*)$')
        redis.call('ZREM', index, name .. '\\0' .. string.sub(entry, 1, 20) .. '\\0' .. member)
        redis.call('HDEL', members, field)
        redis.call('ZREM', member_due, field)
    end
end

local function put(table, key, record, expires, expires_us)
    redis.call('HSET', rows(table), key, expires .. record)
    if redis.call('SISMEMBER', tables, table) == 0 then redis.call('SADD', tables, table) end
    if expires_us ~= '' then redis.call('ZADD', due, expires_us, table .. '\\0' .. key)
    else redis.call('ZREM', due, table .. '\\0' .. key) end
end

for i = 5, #ARGV, 7 do
    local kind = ARGV[i]
    if kind == 'insert' then
        if live(ARGV[i + 1], ARGV[i + 2]) then return {0} end
    elseif kind == 'swap' then
        local row = live(ARGV[i + 1], ARGV[i + 2])
        if not row then return {0} end
        if row ~= ARGV[i + 6] then return {0, (i - 5) / 7, row} end
    elseif kind == 'delete' then
        if not live(ARGV[i + 1], ARGV[i + 2]) then return {0} end
    end
end

for i = 5, #ARGV, 7 do
    local kind, a, b, c, d, e = unpack(ARGV, i, i + 5)
    if kind == 'insert' or kind == 'swap' then
        put(a, b, c, d, e)
    elseif kind == 'delete' then
        redis.call('HDEL', rows(a), b)
        redis.call('ZREM', due, a .. '\\0' .. b)
    elseif kind == 'index' then
        local field = a .. '\\0' .. b
        unindex(field)
        redis.call('ZADD', index, 0, a .. '\\0' .. c .. '\\0' .. b)
        redis.call('HSET', members, field, c .. d)
        if e ~= '' then redis.call('ZADD', member_due, e, field) end
    elseif kind == 'unindex' then
        unindex(a .. '\\0' .. b)
    end
end

for _, entry in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now_us, 'LIMIT', 0, sweep)) do
    local table, key = string.match(entry, '^(%Z*)%z(.*)$')
    local row = redis.call('HGET', rows(table), key)
    if not row or string.sub(row, 1, 20) <= now then
        redis.call('HDEL', rows(table), key)
        redis.call('ZREM', due, entry)
    end
end
for _, field in ipairs(redis.call('ZRANGEBYSCORE', member_due, '-inf', now_us, 'LIMIT', 0, sweep)) do
    local entry = redis.call('HGET', members, field)
    if entry and string.sub(entry, 21) <= now then unindex(field) end
    if not entry then redis.call('ZREM', member_due, field) end
end
return {1}
"""
)

# ARGV: prefix, now, index, upper bound (exclusive), number (-1: all). Returns position, member, position, ...
_NEWEST = (
    _HEADER
    + """
local now, name, below, wanted = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local found, chunk = {}, 100
while wanted < 0 or #found < 2 * wanted do
    local entries = redis.call('ZREVRANGEBYLEX', index, below, '[' .. name .. '\\0', 'LIMIT', 0, chunk)
    for _, entry in ipairs(entries) do
        local position = string.sub(entry, #name + 2, #name + 21)
        local member = string.sub(entry, #name + 23)
        local known = redis.call('HGET', members, name .. '\\0' .. member)
        if known and string.sub(known, 21) > now and (wanted < 0 or #found < 2 * wanted) then
            found[#found + 1] = position
            found[#found + 1] = member
        end
    end
    if #entries < chunk then break end
    below = '(' .. entries[#entries]
end
return found
"""
)

# ARGV: prefix, key, now, now + jitter, now (µs), a text that never occurs again, µs of the longest window
# ago, most to sweep, then limit and the beginning of each window. A request is KEY \0 MOMENT TEXT in a set in
# lexical order. Returns the number of the window and the moment of the request that must leave it, of those
# that are full.
_ADMIT = (
    _HEADER
    + """
local key, now, latest, now_us, unique, idle_us, sweep = unpack(ARGV, 2, 8)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local function moment(entry) return string.sub(entry, #key + 2, #key + 21) end
local last = redis.call('ZREVRANGEBYLEX', requests, to, from, 'LIMIT', 0, 1)[1]
if last and moment(last) > now then
    if moment(last) > latest then
        for _, entry in ipairs(redis.call('ZRANGEBYLEX', requests, from, to)) do
            redis.call('ZREM', request_due, entry)
        end
        redis.call('ZREMRANGEBYLEX', requests, from, to)
    else
        now = moment(last)
    end
end
local full = {now}
for i = 9, #ARGV, 2 do
    local begin = '(' .. key .. '\\0' .. ARGV[i + 1] .. '\\255'
    local leaving = redis.call('ZREVRANGEBYLEX', requests, to, begin, 'LIMIT', ARGV[i] - 1, 1)[1]
    if leaving then
        full[#full + 1] = (i - 9) / 2
        full[#full + 1] = moment(leaving)
    end
end
if #full == 1 then
    local entry = key .. '\\0' .. now .. unique
    redis.call('ZADD', requests, 0, entry)
    redis.call('ZADD', request_due, now_us, entry)
    for _, old in ipairs(redis.call('ZRANGEBYSCORE', request_due, '-inf', idle_us, 'LIMIT', 0, sweep)) do
        redis.call('ZREM', requests, old)
        redis.call('ZREM', request_due, old)
    end
end
return full
"""
)

# ARGV: prefix, entry, number of entries to keep.
_LOG = (
    _HEADER
    + """
local number = redis.call('INCR', sequence)
redis.call('RPUSH', journal, string.format('%020d', number) .. ARGV[2])
redis.call('LTRIM', journal, -ARGV[3], -1)
return number
"""
)

# ARGV: prefix.
_CLEAR = (
    _HEADER
    + """
for _, table in ipairs(redis.call('SMEMBERS', tables)) do redis.call('UNLINK', rows(table)) end
redis.call('UNLINK', due, index, members, member_due, tables, requests, request_due, journal, sequence)
return 1
"""
)

# ARGV: prefix, old version ('' for none), new version, record.
_SWAP_SHARED = (
    _HEADER
    + """
if (redis.call('HGET', shared, 'version') or '') ~= ARGV[2] then return 0 end
redis.call('HSET', shared, 'version', ARGV[3], 'record', ARGV[4])
return 1
"""
)

# ARGV: prefix, run id of the server, whether it loses nothing, format, how names of tables begin that are
# dropped after a loss. Returns the format found.
_ARRIVE = (
    _HEADER
    + """
local known = redis.call('HMGET', run, 'id', 'lossless', 'format')
if known[3] and known[3] ~= ARGV[4] then return known[3] end
if known[1] ~= ARGV[2] then
    if known[1] and not (known[2] == '1' and ARGV[3] == '1') then
        for _, table in ipairs(redis.call('SMEMBERS', tables)) do
            if string.sub(table, 1, #ARGV[5]) == ARGV[5] then redis.call('UNLINK', rows(table)) end
        end
    end
    redis.call('HSET', run, 'id', ARGV[2], 'format', ARGV[4])
end
redis.call('HSET', run, 'lossless', ARGV[3])
return ARGV[4]
"""
)


class RedisStore(RemoteStore):
    """Implements `ksef_mock.state.store.Store`."""

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
        self._keys = [f"{{{prefix}}}:{name}" for name in names.split()]
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
        self._commit = self._redis.register_script(_COMMIT)
        self._newest = self._redis.register_script(_NEWEST)
        self._admit = self._redis.register_script(_ADMIT)
        self._log = self._redis.register_script(_LOG)
        self._clear = self._redis.register_script(_CLEAR)
        # For callers in any thread.
        self._direct: Any = Redis.from_url(
            url,
            socket_connect_timeout=_CONNECT_TIMEOUT,
            socket_timeout=_TIMEOUT,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._swap_shared = self._direct.register_script(_SWAP_SHARED)

    async def get(self, table: Table[R], key: str) -> R | None:
        with _named_errors():
            row: bytes | None = await self._redis.hget(self._tables + table.name, key)
        if row is None or row[:20] <= _digits(self._clock.now()).encode():
            return None
        return decoded(row[20:], table)

    async def count(self, table: Table[R]) -> int:
        with _named_errors():
            found: int = await self._redis.hlen(self._tables + table.name)
        return found

    async def newest(
        self, name: str, limit: int, before: tuple[Instant, str] | None = None
    ) -> Sequence[tuple[Instant, str]]:
        below = f"({name}\1" if before is None else f"({name}\0{_digits(before[0])}\0{before[1]}"
        number = limit if limit < 1_000_000 else -1
        with _named_errors():
            found: list[bytes] = await self._newest(
                self._keys, [self._tables, _digits(self._clock.now()), name, below, number]
            )
        return [
            (_instant(position), member.decode())
            for position, member in zip(found[::2], found[1::2], strict=True)
        ]

    async def commit(self, *writes: Write) -> bool:
        now = self._clock.now()
        head: list[str | bytes | int] = [self._tables, _digits(now), now // 1_000, _SWEEP]
        flat = [_flattened(write) for write in writes]
        while True:
            with _named_errors():
                done = await self._commit(self._keys, head + [part for write in flat for part in write])
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
        now = self._clock.now()
        arguments: list[str | int] = [
            self._tables,
            key,
            _digits(now),
            _digits(now + JITTER),
            now // 1_000,
            secrets.token_hex(6),
            (now - LONGEST) // 1_000,
            _SWEEP,
        ]
        for limit, length in windows:
            arguments += [limit, _digits(now - length)]
        with _named_errors():
            counted, *found = await self._admit(self._keys, arguments)
        full = [
            Full(
                max(1, _instant(moment) + windows[int(number)][1] - max(now, _instant(counted))),
                *windows[int(number)],
            )
            for number, moment in zip(found[::2], found[1::2], strict=True)
        ]
        return max(full, default=None)

    async def log(self, entry: bytes, keep: int) -> None:
        with _named_errors():
            await self._log(self._keys, [self._tables, entry, keep])

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
        now = _digits(self._clock.now()).encode()
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
            Row(name.decode(), key.decode(), row[20:], _expiry(row[:20]))
            for name, content in zip(names, contents, strict=True)
            for key, row in content.items()
            if row[:20] > now
        ]
        live = []
        for field, entry in entries.items():
            if entry[20:] > now:
                name, _, member = field.partition(b"\0")
                live.append((name.decode(), member.decode(), _instant(entry[:20]), _expiry(entry[20:])))
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
                            self._tables + row.table, row.key, _expiry_digits(row.expires_at) + row.record
                        )
                        pipeline.sadd(tables, row.table)
                        if row.expires_at is not None:
                            pipeline.zadd(due, {f"{row.table}\0{row.key}": _microseconds(row.expires_at)})
                    for name, member, position, expires_at in dump.entries:
                        field, digits = f"{name}\0{member}", _digits(position)
                        pipeline.zadd(index, {f"{name}\0{digits}\0{member}": 0})
                        pipeline.hset(members, field, digits.encode() + _expiry_digits(expires_at))
                        if expires_at is not None:
                            pipeline.zadd(member_due, {field: _microseconds(expires_at)})
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
            await self._redis.aclose()
            await self._redis.connection_pool.disconnect()
        self._direct.close()

    async def _arrive(self, connection: Any) -> None:
        """The first thing on each new connection."""
        await connection.on_connect()

        async def ask(*command: str) -> Any:
            await connection.send_command(*command)
            return await connection.read_response()

        server = _fields(await ask("INFO", "server"))
        found = await ask(
            "EVAL",
            _ARRIVE,
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


def _flattened(write: Write) -> list[str | bytes]:
    """The seven arguments of a write for the commit script."""
    match write:
        case Insert(table, key, record, expires_at):
            return ["insert", table.name, key, _encode(record), *_expiry_arguments(expires_at), ""]
        case Swap(table, key, old, new, expires_at):
            return ["swap", table.name, key, _encode(new), *_expiry_arguments(expires_at), _encode(old)]
        case Delete(table, key):
            return ["delete", table.name, key, "", "", "", ""]
        case Index(name, member, position, expires_at):
            return ["index", name, member, _digits(position), *_expiry_arguments(expires_at), ""]
        case Unindex(name, member):
            return ["unindex", name, member, "", "", "", ""]


def _expiry_arguments(expires_at: Instant | None) -> tuple[str, str]:
    if expires_at is None:
        return _NEVER, ""
    return _digits(expires_at), str(_microseconds(expires_at))


def _expiry_digits(expires_at: Instant | None) -> bytes:
    return (_NEVER if expires_at is None else _digits(expires_at)).encode()


def _expiry(digits: bytes) -> Instant | None:
    return None if digits == _NEVER.encode() else _instant(digits)


def _microseconds(moment: Instant) -> int:
    return -(-moment // 1_000)


def _digits(moment: Instant) -> str:
    """A text that sorts as the moment does; its lowest is -2**63 ns."""
    return f"{moment + _BIAS:020}"


def _instant(digits: bytes) -> Instant:
    return int(digits) - _BIAS
