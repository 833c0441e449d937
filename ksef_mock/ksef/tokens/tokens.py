"""KSeF tokens: `REFERENCE|nip-NIP|64 hex digits`, shown once, kept as a hash.

    PENDING --settle--> ACTIVE --revoke--> REVOKING --settle--> REVOKED

What waits settles once its wait is over, whoever looks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import TOKEN_CONTEXTS, Permission
from ksef_mock.core.references import Kind, is_reference, new_reference
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.crypto.subject_name import SubjectAttributes
from ksef_mock.state.paging import Page, page
from ksef_mock.state.store import Get, Index, Insert, Need, Put, Store, Table, Write
from ksef_mock.state.update import update

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
    #: What is known of the author: the subject of the certificate behind the token's making.
    author_details: SubjectAttributes | None = None
    description: str = DEFAULT_DESCRIPTION
    permissions: tuple[str, ...]
    created_at: Instant
    status: TokenStatus = TokenStatus.ACTIVE
    #: A transient status gives way to the next when this is over; None: it stays.
    wait: Wait | None = None


class TokenDigest(msgspec.Struct, frozen=True):
    """Leads from the hash of a token's text to its reference number."""

    reference: str


class TokenUse(msgspec.Struct, frozen=True):
    """When somebody last logged in with a token. Apart from the token: logins must not contend for it."""

    at: Instant


TOKENS: Table[KsefToken] = Table("ksef-token", KsefToken)
_DIGESTS: Table[TokenDigest] = Table("ksef-token-digest", TokenDigest)
_USES: Table[TokenUse] = Table("ksef-token-use", TokenUse)


class Event(StrEnum):
    """What can happen to a token."""

    SETTLE = "settle"
    REVOKE = "revoke"


_TRANSITIONS: dict[tuple[TokenStatus, Event], TokenStatus] = {
    (TokenStatus.PENDING, Event.SETTLE): TokenStatus.ACTIVE,
    (TokenStatus.ACTIVE, Event.REVOKE): TokenStatus.REVOKING,
    (TokenStatus.REVOKING, Event.SETTLE): TokenStatus.REVOKED,
}


class NotActive(Exception):
    """Only an active token can be revoked."""


def settle(token: KsefToken, now: Instant) -> KsefToken:
    """The token as of `now`: what waited has happened if its time has come."""
    target = _TRANSITIONS.get((token.status, Event.SETTLE))
    if target is None or token.wait is None or not token.wait.is_over(now):
        return token
    return msgspec.structs.replace(token, status=target, wait=None)


def poll(token: KsefToken, now: Instant) -> KsefToken:
    """What a status poll sees. A poll that finds a transient status uses up one of the wait's polls."""
    settled = settle(token, now)
    if settled.wait is None:
        return settled
    polled = settled.wait.polled(now)
    return settled if polled is settled.wait else msgspec.structs.replace(settled, wait=polled)


def revoke(token: KsefToken, now: Instant, delay: Delay) -> KsefToken:
    """Revocation begins: no login succeeds from now on.

    Raises:
        NotActive: the token is pending, or it was revoked before.
    """
    settled = settle(token, now)
    target = _TRANSITIONS.get((settled.status, Event.REVOKE))
    if target is None:
        raise NotActive(f"the token {token.reference} is {settled.status}")
    return msgspec.structs.replace(settled, status=target, wait=delay.begin(now))


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
        author_details: SubjectAttributes | None = None,
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
        if not is_reference(reference, Kind.KSEF_TOKEN):
            reference = new_reference(Kind.KSEF_TOKEN, now)
        token = KsefToken(
            reference=reference,
            digest=_digest(text),
            context=context,
            author=author or Identifier("Nip", context.nip),
            author_details=author_details,
            description=description,
            permissions=tuple(permissions),
            created_at=now,
            status=status,
            wait=self._delay.begin(now) if (status, Event.SETTLE) in _TRANSITIONS else None,
        )
        if not await self._store.commit(
            Insert(_DIGESTS, token.digest, TokenDigest(reference), None),
            Insert(TOKENS, reference, token, None),
            Index(_tokens_of(context), reference, now, None),
            Index(_tokens_of(None), reference, now, None),
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
        return None if token is None else settle(token, self._clock.now())

    async def poll(self, token: KsefToken) -> KsefToken:
        """What a status poll sees. A poll that finds a transient status uses up one of the delay's polls."""
        return await self._advance(token, lambda found: poll(found, self._clock.now()))

    async def revoke(self, token: KsefToken) -> KsefToken:
        """Revoke an active token: no login succeeds with it from now on.

        Raises:
            NotActive: it is pending, or it was revoked before.
        """
        return await self._advance(token, lambda found: revoke(found, self._clock.now(), self._delay))

    def use(self, token: KsefToken) -> Write:
        """The write that notes that somebody logs in with the token now."""
        return Put(_USES, token.reference, TokenUse(self._clock.now()), None)

    async def last_uses(self, tokens: Sequence[KsefToken]) -> Sequence[Instant | None]:
        """When somebody last logged in with each of the tokens."""
        await self._store.prefetch(*(Get(_USES, token.reference) for token in tokens))
        uses = [await self._store.get(_USES, token.reference) for token in tokens]
        return [None if use is None else use.at for use in uses]

    def needs(self, text: str) -> Sequence[Need]:
        """What `find` reads of a token with this text, if the text names the token."""
        return (Get(_DIGESTS, _digest(text)), Get(TOKENS, text.partition("|")[0][:36]))

    async def set_status(self, reference: str, status: TokenStatus) -> bool:
        """Put a token into a status where it stays; False if there is no such token."""
        placed = await update(
            self._store,
            TOKENS,
            reference,
            lambda found: msgspec.structs.replace(found, status=status, wait=None),
        )
        return placed is not None

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

    async def of_anybody(
        self, context: Identifier | None, size: int, continuation: str | None
    ) -> Page[KsefToken]:
        """A page of the tokens of a context, or of all, newest first; for people, not for clients.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        return await page(self._store, _tokens_of(context), size, continuation, self.get)

    async def _advance(self, token: KsefToken, step: Callable[[KsefToken], KsefToken]) -> KsefToken:
        """Apply `step` to the token as it is by then; the one given if a reset has forgotten it meanwhile."""
        return await update(self._store, TOKENS, token.reference, step) or token


def new_text(context: Identifier, now: Instant) -> str:
    """The text of a new token of this context: `REFERENCE|nip-NIP|64 hex digits`."""
    return f"{new_reference(Kind.KSEF_TOKEN, now)}|{_prefix(context)}|{secrets.token_hex(32)}"


def _tokens_of(context: Identifier | None) -> str:
    return f"ksef-tokens:{context or '*'}"


def _prefix(context: Identifier) -> str:
    return f"{context.type[0].lower()}{context.type[1:]}-{context.value}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
