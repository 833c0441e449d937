"""Where state lives: the store protocol, its records, and its implementations."""

from __future__ import annotations

import re
from pathlib import Path

from ksef_mock.clock import Clock
from ksef_mock.core.installed import how_to_install
from ksef_mock.state.memory import MemoryStore
from ksef_mock.state.store import Dump, Store, Table

#: What `Settings.store` can be.
STORES = "memory, sqlite:FILE, redis://…, rediss://… or unix://…"
_STORE = re.compile(r"memory|sqlite:.+|(?:redis|rediss|unix)://.*")

__all__ = ["Dump", "MemoryStore", "Store", "Table", "open_store"]


def open_store(spec: str, clock: Clock) -> Store:
    """The store that a setting names: `memory`, `sqlite:FILE`, or the URL of a Redis.

    Raises:
        ValueError: it names none, or a file that is no store; for Redis, the package `redis` is missing.
        OSError: the file cannot be opened or made.
    """
    kind, _, rest = spec.partition(":")
    if spec == "memory":
        return MemoryStore(clock)
    if kind == "sqlite" and rest:
        from ksef_mock.state.sqlite import SqliteStore

        return SqliteStore(Path(rest), clock)
    if kind in ("redis", "rediss", "unix") and rest.startswith("//"):
        try:
            from ksef_mock.state.redis import RedisStore
        except ImportError:
            raise ValueError(f"a store in Redis needs: {how_to_install('redis')}") from None
        return RedisStore(spec, clock)
    raise ValueError(f"unknown store {spec!r}: {STORES}")
