"""Commands are written to Redis as redis-py writes them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio.connection import Connection

from ksef_mock.state.redis_calls import packing

_NAMES = st.sampled_from(["EVALSHA", "SCRIPT LOAD", "CLIENT SETINFO"])


@settings(deadline=None)
@given(_NAMES, st.lists(st.text() | st.binary() | st.integers()))
def test_commands_are_packed_as_the_library_packs_them(name: str, arguments: list[str | bytes | int]) -> None:
    ours, theirs = packing(Connection)(), Connection()
    assert b"".join(ours.pack_command(name, *arguments)) == b"".join(theirs.pack_command(name, *arguments))
    together = [(name, *arguments)] * 2
    assert b"".join(ours.pack_commands(together)) == b"".join(theirs.pack_commands(together))
