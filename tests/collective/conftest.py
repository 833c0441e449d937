"""A Redis server for the tests of what collective identifiers keep."""

from tests.invoices.conftest import redis

__all__ = ["redis"]
