"""Bodies and filters of /tokens, named as in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core.bodies import Body, TypedIdentifier, choice
from ksef_mock.core.permissions import Permission
from ksef_mock.core.reading import breaking
from ksef_mock.core.validation import Broken, length
from ksef_mock.ksef.tokens.tokens import KsefToken, TokenStatus
from ksef_mock.state.paging import Page

_SHORTEST_SEARCH = 3
AUTHOR_TYPES = ("Nip", "Pesel", "Fingerprint")


class GenerateTokenRequest(Body):
    """OpenAPI: GenerateTokenRequest."""

    permissions: list[Annotated[str, choice("TokenPermissionType", Permission)]]
    description: Annotated[str, msgspec.Meta(min_length=5, max_length=256)]

    def each_once(self) -> list[Permission]:
        """The permissions, each once."""
        return [Permission(name) for name in dict.fromkeys(self.permissions)]


class GenerateTokenResponse(Body):
    """OpenAPI: GenerateTokenResponse. The only answer that ever carries the token itself."""

    reference_number: str
    token: str


class TokenStatusResponse(Body, kw_only=True):
    """OpenAPI: TokenStatusResponse, QueryTokensResponseItem."""

    reference_number: str
    author_identifier: TypedIdentifier
    context_identifier: TypedIdentifier
    description: str
    requested_permissions: list[str]
    date_created: str
    last_use_date: str | None = None
    status: str
    status_details: list[str] | None = None

    @classmethod
    def of(cls, token: KsefToken, last_used_at: Instant | None) -> TokenStatusResponse:
        return cls(
            reference_number=token.reference,
            author_identifier=TypedIdentifier.of(token.author),
            context_identifier=TypedIdentifier.of(token.context),
            description=token.description,
            requested_permissions=list(token.permissions),
            date_created=iso(token.created_at),
            last_use_date=None if last_used_at is None else iso(last_used_at),
            status=token.status.value,
            # OpenAPI: told in case of errors. Recorded: an active token has none.
            status_details=[] if token.status is TokenStatus.FAILED else None,
        )


class QueryTokensResponse(Body):
    """OpenAPI: QueryTokensResponse."""

    tokens: list[TokenStatusResponse]
    continuation_token: str | None = None

    @classmethod
    def of(cls, found: Page[KsefToken], last_uses: Sequence[Instant | None]) -> QueryTokensResponse:
        items = [
            TokenStatusResponse.of(token, last_use)
            for token, last_use in zip(found.items, last_uses, strict=True)
        ]
        return cls(items, found.continuation)


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """The query parameters of GET /tokens."""

    statuses: frozenset[str]
    description: str
    author: str
    author_type: str | None

    @classmethod
    def of(
        cls, statuses: list[str], description: str | None, author: str | None, author_type: str | None
    ) -> TokenFilter:
        """
        Args:
            statuses, author_type: as documented; other spellings are the query string's affair.

        Raises:
            BadRequest: 21405 with each parameter that is too short.
        """
        broken = [
            Broken(name, length(_SHORTEST_SEARCH, None, len(text)))
            for name, text in (("description", description), ("authorIdentifier", author))
            if text is not None and len(text) < _SHORTEST_SEARCH
        ]
        if broken:
            raise breaking(broken)
        return cls(
            frozenset(statuses), (description or "").casefold(), (author or "").casefold(), author_type
        )

    def matches(self, token: KsefToken) -> bool:
        """Whether the token satisfies every filter that was given."""
        return (
            (not self.statuses or token.status.value in self.statuses)
            and self.description in token.description.casefold()
            and self.author in token.author.value.casefold()
            and self.author_type in (None, token.author.type)
        )
