"""A mapping in many small dictionaries.

A dictionary that grows, or that is full of what was deleted, is copied as a whole. With a million entries
everybody waits for that, and each copy leaves a hole of megabytes in the heap. Here one small dictionary at a
time is parted in two (linear hashing): many mappings may grow in one step, as those of invoices do.
What has few entries is one dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: Entries of a dictionary, above which another one is parted: as many as 512 places hold.
_MOST = 341


class Shards(Generic[K, V]):
    """What a store needs of a `dict`. The order of its entries means nothing."""

    __slots__ = ("_mask", "_parted", "_shards", "get")

    #: The value of a key, or None. By far most calls are of this: that of one dictionary is the dictionary's.
    get: Callable[[K], V | None]

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._shards: list[dict[K, V]] = [{}]
        #: Of a hash: which of them. Those that have been parted already take one bit more.
        self._mask = 0
        self._parted = 0
        self.get = self._shards[0].get

    def _get(self, key: K) -> V | None:
        code = hash(key)  # as `_of`
        place = code & self._mask
        if place < self._parted:
            place = code & self._mask * 2 + 1
        return self._shards[place].get(key)

    def pop(self, key: K) -> V | None:
        return self._of(key).pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        for shard in self._shards:
            yield from shard.items()

    def __getitem__(self, key: K) -> V:
        return self._of(key)[key]

    def __setitem__(self, key: K, value: V) -> None:
        shard = self._of(key)
        shard[key] = value
        if len(shard) > _MOST:
            self._part()

    def __delitem__(self, key: K) -> None:
        del self._of(key)[key]

    def __iter__(self) -> Iterator[K]:
        for shard in self._shards:
            yield from shard

    def __len__(self) -> int:
        return sum(map(len, self._shards))

    def _of(self, key: K) -> dict[K, V]:
        """The dictionary of a key."""
        code = hash(key)
        place = code & self._mask
        if place < self._parted:
            place = code & self._mask * 2 + 1
        return self._shards[place]

    def _part(self) -> None:
        """Divide the next one in its turn, which need not be the one that has grown."""
        bit = self._mask + 1
        staying: dict[K, V] = {}
        going: dict[K, V] = {}
        for key, value in self._shards[self._parted].items():
            (going if hash(key) & bit else staying)[key] = value
        self._shards[self._parted] = staying
        self._shards.append(going)
        self.get = self._get
        self._parted += 1
        if self._parted > self._mask:
            self._mask, self._parted = self._mask * 2 + 1, 0
