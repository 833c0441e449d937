"""Scripts are called as redis-py calls them."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection

from ksef_mock.state.redis_calls import Calls


@given(
    st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    st.lists(st.binary(), max_size=4),
    st.lists(st.text() | st.binary() | st.integers()),
)
def test_calls_are_packed_as_the_library_packs_them(
    sha: str, keys: list[bytes], arguments: list[str | bytes | int]
) -> None:
    ours = Calls(None, keys, timeout=1.0)._packed(SimpleNamespace(sha=sha), arguments)
    assert ours == b"".join(Connection().pack_command("EVALSHA", sha, len(keys), *keys, *arguments))
