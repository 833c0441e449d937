"""What stores outside of this process have in common: every change is a commit, every record MessagePack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.errors import StoreUnavailable
from ksef_mock.state.store import Delete, Insert, Swap, Table, Write

R = TypeVar("R", bound=msgspec.Struct)


class RemoteStore(ABC):
    """The single changes of `ksef_mock.state.store.Store`, by its `commit`."""

    is_local = False
    confirms_version = False

    @abstractmethod
    async def commit(self, *writes: Write) -> bool:
        """As in `Store`."""

    async def insert(self, table: Table[R], key: str, record: R, expires_at: Instant | None) -> bool:
        return await self.commit(Insert(table, key, record, expires_at))

    async def swap(self, table: Table[R], key: str, old: R, new: R, expires_at: Instant | None) -> bool:
        return await self.commit(Swap(table, key, old, new, expires_at))

    async def delete(self, table: Table[R], key: str) -> bool:
        return await self.commit(Delete(table, key))


def decoded(row: bytes, table: Table[R]) -> R:
    """A record of the table.

    Raises:
        StoreUnavailable: a version of the mock that knows other records has written it.
    """
    try:
        return msgspec.msgpack.decode(row, type=table.record)
    except msgspec.MsgspecError as error:
        raise StoreUnavailable(reason=f"store: a record of {table.name} has another shape: {error}") from None
