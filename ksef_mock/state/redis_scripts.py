"""What `RedisStore` sends: Lua scripts, each one step to all processes, and the form of their arguments.

Moments are 64-bit integers, which Lua's numbers cannot hold exactly; scripts compare them as texts of 20
digits instead. Everything lives under a handful of keys with a common prefix, in one hash slot.
"""

from __future__ import annotations

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.state.store import Delete, Get, Index, Insert, Need, Newest, Put, Swap, Unindex, Write

#: The expiry of what does not expire.
NEVER = "9" * 20
_BIAS = 2**63

_encode = msgspec.msgpack.Encoder().encode

# All scripts: KEYS are `RedisStore._keys`; ARGV[1] is the key prefix of tables.
_HEADER = """
local due, index, members, member_due, tables, shared = unpack(KEYS)
local run, requests, request_due, journal, sequence = unpack(KEYS, 7)
local prefix = ARGV[1]
local function rows(table) return prefix .. table end
"""

# ARGV: prefix, now (20 digits), now (µs), most to sweep, the version that the shared record must have ('':
# any), then seven of each write. A row is its expiry, 20 digits, and the record; an index entry is INDEX \0
# POSITION \0 MEMBER in a set in lexical order.
COMMIT = (
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

if ARGV[5] ~= '' and redis.call('HGET', shared, 'version') ~= ARGV[5] then return {2} end

for i = 6, #ARGV, 7 do
    local kind = ARGV[i]
    if kind == 'insert' then
        if live(ARGV[i + 1], ARGV[i + 2]) then return {0} end
    elseif kind == 'swap' then
        local row = live(ARGV[i + 1], ARGV[i + 2])
        if not row then return {0} end
        if row ~= ARGV[i + 6] then return {0, (i - 6) / 7, row} end
    elseif kind == 'delete' then
        if not live(ARGV[i + 1], ARGV[i + 2]) then return {0} end
    end
end

for i = 6, #ARGV, 7 do
    local kind, a, b, c, d, e = unpack(ARGV, i, i + 5)
    if kind == 'insert' or kind == 'swap' or kind == 'put' then
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

# ARGV: prefix, now, then four of each need: `get`, table, key, or `newest`, index, upper bound (exclusive),
# number (-1: all). Returns the version of the shared record, then for each need its row, or position, member,
# position, ...
READ = (
    _HEADER
    + """
local now = ARGV[2]

local function newest(name, below, wanted)
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
end

local answers = {redis.call('HGET', shared, 'version')}
for i = 3, #ARGV, 4 do
    if ARGV[i] == 'get' then
        answers[#answers + 1] = redis.call('HGET', rows(ARGV[i + 1]), ARGV[i + 2])
    else
        answers[#answers + 1] = newest(ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
    end
end
return answers
"""
)

# ARGV: prefix, key, now, now + jitter, now (µs), a text that never occurs again, µs of the longest window
# ago, most to sweep, then limit and the beginning of each window. A request is KEY \0 MOMENT TEXT in a set in
# lexical order. Returns the number of the window and the moment of the request that must leave it, of those
# that are full.
ADMIT = (
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
LOG = (
    _HEADER
    + """
local number = redis.call('INCR', sequence)
redis.call('RPUSH', journal, string.format('%020d', number) .. ARGV[2])
if ARGV[3] == '0' then redis.call('DEL', journal) else redis.call('LTRIM', journal, -ARGV[3], -1) end
return number
"""
)

# ARGV: prefix.
CLEAR = (
    _HEADER
    + """
for _, table in ipairs(redis.call('SMEMBERS', tables)) do redis.call('UNLINK', rows(table)) end
redis.call('UNLINK', due, index, members, member_due, tables, requests, request_due, journal, sequence)
return 1
"""
)

# ARGV: prefix, old version ('' for none), new version, record.
SWAP_SHARED = (
    _HEADER
    + """
if (redis.call('HGET', shared, 'version') or '') ~= ARGV[2] then return 0 end
redis.call('HSET', shared, 'version', ARGV[3], 'record', ARGV[4])
return 1
"""
)

# ARGV: prefix, run id of the server, whether it loses nothing, format, how names of tables begin that are
# dropped after a loss. Returns the format found.
ARRIVE = (
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


def flattened(write: Write) -> list[str | bytes]:
    """The seven arguments of a write for the commit script."""
    match write:
        case Insert(table, key, record, expires_at):
            return ["insert", table.name, key, _encode(record), *_expiry_arguments(expires_at), ""]
        case Put(table, key, record, expires_at):
            return ["put", table.name, key, _encode(record), *_expiry_arguments(expires_at), ""]
        case Swap(table, key, old, new, expires_at):
            return ["swap", table.name, key, _encode(new), *_expiry_arguments(expires_at), _encode(old)]
        case Delete(table, key):
            return ["delete", table.name, key, "", "", "", ""]
        case Index(name, member, position, expires_at):
            return ["index", name, member, digits(position), *_expiry_arguments(expires_at), ""]
        case Unindex(name, member):
            return ["unindex", name, member, "", "", "", ""]


def asked(need: Need) -> tuple[str | int, ...]:
    """The four arguments of a need for the read script."""
    match need:
        case Get(table, key):
            return ("get", table.name, key, "")
        case Newest(name, limit, before):
            below = f"({name}\1" if before is None else f"({name}\0{digits(before[0])}\0{before[1]}"
            return ("newest", name, below, limit if limit < 1_000_000 else -1)


def _expiry_arguments(expires_at: Instant | None) -> tuple[str, str]:
    if expires_at is None:
        return NEVER, ""
    return digits(expires_at), str(microseconds(expires_at))


def expiry_digits(expires_at: Instant | None) -> bytes:
    return (NEVER if expires_at is None else digits(expires_at)).encode()


def expiry(text: bytes) -> Instant | None:
    return None if text == NEVER.encode() else instant(text)


def microseconds(moment: Instant) -> int:
    return -(-moment // 1_000)


def digits(moment: Instant) -> str:
    """A text that sorts as the moment does; its lowest is -2**63 ns."""
    return f"{moment + _BIAS:020}"


def instant(text: bytes) -> Instant:
    return int(text) - _BIAS
