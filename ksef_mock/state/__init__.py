"""Where state lives: the store protocol, its records, and its implementations."""

from ksef_mock.state.memory import MemoryStore
from ksef_mock.state.store import Store, Table

__all__ = ["MemoryStore", "Store", "Table"]
