"""A mapping in many small dictionaries.

A dictionary that grows, or that is full of what was deleted, is copied as a whole. With a million entries
everybody waits for that, and each copy leaves a hole of megabytes in the heap. Here the copies are small.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NUMBER = 256  # a power of two


class Shards(Generic[K, V]):
    """What a store needs of a `dict`. The order of its entries means nothing."""

    __slots__ = ("_shards",)

    def __init__(self) -> None:
        self._shards: list[dict[K, V]] = [{} for _ in range(_NUMBER)]

    def get(self, key: K) -> V | None:
        return self._shards[hash(key) % _NUMBER].get(key)

    def pop(self, key: K) -> V | None:
        return self._shards[hash(key) % _NUMBER].pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        for shard in self._shards:
            yield from shard.items()

    def clear(self) -> None:
        for shard in self._shards:
            shard.clear()

    def __getitem__(self, key: K) -> V:
        return self._shards[hash(key) % _NUMBER][key]

    def __setitem__(self, key: K, value: V) -> None:
        self._shards[hash(key) % _NUMBER][key] = value

    def __delitem__(self, key: K) -> None:
        del self._shards[hash(key) % _NUMBER][key]

    def __iter__(self) -> Iterator[K]:
        for shard in self._shards:
            yield from shard

    def __len__(self) -> int:
        return sum(map(len, self._shards))
