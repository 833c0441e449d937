"""A mapping in many small dictionaries.

A dictionary that grows, or that is full of what was deleted, is copied as a whole. With a million entries
everybody waits for that, and each copy leaves a hole of megabytes in the heap. Here the copies are small.
What has few entries is one dictionary.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NUMBER = 256  # a power of two
#: Entries that one dictionary has at most, before there are more of them.
_FEW = 4_096


class Shards(Generic[K, V]):
    """What a store needs of a `dict`. The order of its entries means nothing."""

    __slots__ = ("_mask", "_shards")

    def __init__(self) -> None:
        self._shards: list[dict[K, V]] = [{}]
        self._mask = 0  # of a hash: which of them

    def get(self, key: K) -> V | None:
        return self._shards[hash(key) & self._mask].get(key)

    def pop(self, key: K) -> V | None:
        return self._shards[hash(key) & self._mask].pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        for shard in self._shards:
            yield from shard.items()

    def clear(self) -> None:
        self._shards, self._mask = [{}], 0

    def __getitem__(self, key: K) -> V:
        return self._shards[hash(key) & self._mask][key]

    def __setitem__(self, key: K, value: V) -> None:
        shard = self._shards[hash(key) & self._mask]
        shard[key] = value
        if not self._mask and len(shard) > _FEW:
            self._shards, self._mask = [{} for _ in range(_NUMBER)], _NUMBER - 1
            for each, found in shard.items():
                self._shards[hash(each) & self._mask][each] = found

    def __delitem__(self, key: K) -> None:
        del self._shards[hash(key) & self._mask][key]

    def __iter__(self) -> Iterator[K]:
        for shard in self._shards:
            yield from shard

    def __len__(self) -> int:
        return sum(map(len, self._shards))
