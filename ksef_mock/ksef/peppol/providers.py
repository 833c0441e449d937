"""Providers of Peppol services that are registered in KSeF."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.state.store import Index, Insert, Store, Table


class Provider(msgspec.Struct, frozen=True):
    """OpenAPI: PeppolProvider."""

    id: str
    name: str
    created_at: Instant


PROVIDERS: Table[Provider] = Table("peppol-provider", Provider)
_INDEX = "peppol-providers"


class Providers:
    """The Peppol providers of one mock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def register(self, provider: Provider) -> bool:
        """Add a provider; False (and nothing changed) if there is one with this id."""
        return await self._store.commit(
            Insert(PROVIDERS, provider.id, provider, None),
            Index(_INDEX, provider.id, provider.created_at, None),
        )

    async def listed(self, offset: int, size: int) -> tuple[Sequence[Provider], bool]:
        """Page number `offset` (from 0), and whether there are more.

        The newest come first, those of the same moment by id (OpenAPI: `x-sort` of GET /peppol/query).
        """
        entries = await self._store.newest(_INDEX, sys.maxsize)
        ordered = sorted(entries, key=lambda entry: (-entry[0], entry[1]))
        end = (offset + 1) * size
        providers = [await self._store.get(PROVIDERS, member) for _, member in ordered[offset * size : end]]
        return [provider for provider in providers if provider is not None], len(ordered) > end
