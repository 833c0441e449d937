"""Bodies of /peppol/query and of its seeds, named as in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core import dates as warsaw
from ksef_mock.core.bodies import Body, invalid
from ksef_mock.core.expected import PEPPOL_ID
from ksef_mock.core.identifiers import CONTEXT_PATTERNS
from ksef_mock.core.validation import FORMAT
from ksef_mock.ksef.peppol.providers import Provider

PeppolId: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^{CONTEXT_PATTERNS['PeppolId'].pattern}\Z", description=PEPPOL_ID)
]


class PeppolProvider(Body):
    """OpenAPI: PeppolProvider."""

    id: str
    name: str
    date_created: str

    @classmethod
    def of(cls, provider: Provider) -> PeppolProvider:
        return cls(provider.id, provider.name, iso(provider.created_at))


class QueryPeppolProvidersResponse(Body):
    """OpenAPI: QueryPeppolProvidersResponse."""

    peppol_providers: list[PeppolProvider]
    has_more: bool


class ProviderSeed(Body, forbid_unknown_fields=True):
    """OpenAPI: PeppolProvider; registered now unless a date is given."""

    id: PeppolId
    name: Annotated[str, msgspec.Meta(max_length=256)]
    date_created: str | None = None

    def provider(self, now: Instant) -> Provider:
        """
        Raises:
            BadRequest: 21405, the date is none.
        """
        try:
            created_at = now if self.date_created is None else warsaw.parse(self.date_created)
        except ValueError:
            raise invalid("dateCreated", FORMAT) from None
        return Provider(self.id, self.name, created_at)


class SeedProvidersRequest(Body, forbid_unknown_fields=True):
    """POST /_mock/peppol-providers."""

    providers: list[ProviderSeed]
