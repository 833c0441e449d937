"""KSeF tokens: `REFERENCE|nip-NIP|64 hex digits`, shown once, kept as a hash.

    PENDING --(delay)--> ACTIVE --revoke--> REVOKING --(delay)--> REVOKED

As with an authentication operation, what comes after the delay is settled beforehand and shows once the
delay's seconds and status polls have passed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core.environment import Delay
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import TOKEN_CONTEXTS, Permission
from ksef_mock.core.references import Kind, issued_at, new_reference
from ksef_mock.state.paging import Page, page
from ksef_mock.state.store import Index, Insert, Store, Table

#: What tokens made by the mock's control interface are described as.
DEFAULT_DESCRIPTION = "Token wydany przez ksef-mock"


class TokenStatus(StrEnum):
    """OpenAPI: AuthenticationTokenStatus."""

    PENDING = "Pending"
    ACTIVE = "Active"
    REVOKING = "Revoking"
    REVOKED = "Revoked"
    FAILED = "Failed"


class KsefToken(msgspec.Struct, frozen=True, kw_only=True):
    """A KSeF token as the server knows it: everything but its text."""

    reference: str
    digest: str
    context: Identifier
    author: Identifier
    description: str = DEFAULT_DESCRIPTION
    permissions: tuple[str, ...]
    created_at: Instant
    last_used_at: Instant | None = None
    status: TokenStatus = TokenStatus.ACTIVE
    #: A transient status gives way to the next from this moment on (None: never by itself) ...
    ready_at: Instant | None = None
    #: ... and after this many more status polls.
    polls_left: int = 0


class TokenDigest(msgspec.Struct, frozen=True):
    """Leads from the hash of a token's text to its reference number."""

    reference: str


TOKENS: Table[KsefToken] = Table("ksef-token", KsefToken)
_DIGESTS: Table[TokenDigest] = Table("ksef-token-digest", TokenDigest)

_AFTER_DELAY = {
    TokenStatus.PENDING: TokenStatus.ACTIVE,
    TokenStatus.REVOKING: TokenStatus.REVOKED,
}


class NotActive(Exception):
    """Only an active token can be revoked."""


class KsefTokens:
    """The KSeF tokens of one mock."""

    def __init__(self, store: Store, clock: Clock, delay: Delay) -> None:
        """`delay`: how long a new token stays pending, and a revoked one revoking."""
        self._store = store
        self._clock = clock
        self._delay = delay

    async def issue(
        self,
        context: Identifier,
        permissions: Sequence[Permission],
        *,
        author: Identifier | None = None,
        description: str = DEFAULT_DESCRIPTION,
        text: str | None = None,
        status: TokenStatus = TokenStatus.ACTIVE,
    ) -> tuple[KsefToken, str]:
        """A new token and its text. The author is the owner of the context unless told otherwise.

        Args:
            text: use this text instead of a generated one, e.g. to match a fixed configuration.

        Raises:
            ValueError: contexts of this type have no tokens, or `text` is in use by another token.
        """
        if context.type not in TOKEN_CONTEXTS or context.nip is None:
            raise ValueError(
                f"a context of type {context.type!r} has no KSeF tokens, only {', '.join(TOKEN_CONTEXTS)}"
            )
        now = self._clock.now()
        if text is None:
            text = new_text(context, now)
        # A text that looks like KSeF's names its token; whatever else it may be is a text only.
        reference = text.partition("|")[0]
        if issued_at(reference, Kind.KSEF_TOKEN) is None:
            reference = new_reference(Kind.KSEF_TOKEN, now)
        token = self._delayed(
            KsefToken(
                reference=reference,
                digest=_digest(text),
                context=context,
                author=author or Identifier("Nip", context.nip),
                description=description,
                permissions=tuple(permissions),
                created_at=now,
                status=status,
            )
        )
        if not await self._store.commit(
            Insert(_DIGESTS, token.digest, TokenDigest(reference), None),
            Insert(TOKENS, reference, token, None),
            Index(_tokens_of(context), reference, now, None),
        ):
            raise ValueError("a KSeF token with this text exists")
        return token, text

    async def find(self, text: str) -> KsefToken | None:
        """The token with this text, whatever its status."""
        entry = await self._store.get(_DIGESTS, _digest(text))
        return None if entry is None else await self.get(entry.reference)

    async def get(self, reference: str) -> KsefToken | None:
        """The token with this reference number, as of now."""
        token = await self._store.get(TOKENS, reference)
        return None if token is None else self._settled(token)

    async def poll(self, token: KsefToken) -> KsefToken:
        """What a status poll sees. A poll that finds a transient status uses up one of the delay's polls."""
        return await self._advance(token, _polled)

    async def revoke(self, token: KsefToken) -> KsefToken:
        """Revoke an active token: no login succeeds with it from now on.

        Raises:
            NotActive: it is pending, or it was revoked before.
        """

        def revoking(found: KsefToken) -> KsefToken:
            if found.status is not TokenStatus.ACTIVE:
                raise NotActive(f"the token {found.reference} is {found.status}")
            return self._delayed(msgspec.structs.replace(found, status=TokenStatus.REVOKING))

        return await self._advance(token, revoking)

    async def used(self, token: KsefToken) -> None:
        """Note that somebody logged in with the token just now."""
        now = self._clock.now()

        def noted(found: KsefToken) -> KsefToken:
            # Many processes may note the same token at the same time: what another has noted meanwhile is
            # near enough.
            last = found.last_used_at
            if last != token.last_used_at and last is not None and abs(now - last) < SECOND:
                return found
            return msgspec.structs.replace(found, last_used_at=now)

        await self._advance(token, noted)

    async def set_status(self, reference: str, status: TokenStatus) -> bool:
        """Put a token into a status where it stays; False if there is no such token."""
        token = await self._store.get(TOKENS, reference)
        if token is None:
            return False
        await self._advance(
            token, lambda found: msgspec.structs.replace(found, status=status, ready_at=None, polls_left=0)
        )
        return True

    async def of_context(
        self,
        context: Identifier,
        matches: Callable[[KsefToken], bool],
        size: int,
        continuation: str | None,
    ) -> Page[KsefToken]:
        """A page of the context's tokens that satisfy `matches`, newest first.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """

        async def shown(reference: str) -> KsefToken | None:
            token = await self.get(reference)
            return token if token is not None and matches(token) else None

        return await page(self._store, _tokens_of(context), size, continuation, shown)

    def _delayed(self, token: KsefToken) -> KsefToken:
        return msgspec.structs.replace(
            token,
            ready_at=self._clock.now() + round(self._delay.seconds * SECOND),
            polls_left=self._delay.polls,
        )

    def _settled(self, token: KsefToken) -> KsefToken:
        following = _AFTER_DELAY.get(token.status)
        if following is None or token.ready_at is None:
            return token
        if token.polls_left > 0 or self._clock.now() < token.ready_at:
            return token
        return msgspec.structs.replace(token, status=following)

    async def _advance(self, token: KsefToken, step: Callable[[KsefToken], KsefToken]) -> KsefToken:
        """Apply `step` atomically, to the token as it is by then; tokens are never deleted."""
        while True:
            stored = await self._store.get(TOKENS, token.reference)
            if stored is None:  # forgotten by a reset meanwhile
                return token
            settled = self._settled(stored)
            following = step(settled)
            if following is settled or await self._store.swap(
                TOKENS, token.reference, stored, following, None
            ):
                return following


def new_text(context: Identifier, now: Instant) -> str:
    """The text of a new token of this context: `REFERENCE|nip-NIP|64 hex digits`."""
    return f"{new_reference(Kind.KSEF_TOKEN, now)}|{_prefix(context)}|{secrets.token_hex(32)}"


def _polled(token: KsefToken) -> KsefToken:
    if token.status not in _AFTER_DELAY or token.polls_left == 0:
        return token
    return msgspec.structs.replace(token, polls_left=token.polls_left - 1)


def _tokens_of(context: Identifier) -> str:
    return f"ksef-tokens:{context}"


def _prefix(context: Identifier) -> str:
    return f"{context.type[0].lower()}{context.type[1:]}-{context.value}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
