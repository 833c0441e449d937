"""One simulated KSeF: its settings, clock, state and keys. Nothing is shared between two of them."""

from __future__ import annotations

from collections.abc import Sequence

from ksef_mock.auth.challenge import Challenges
from ksef_mock.auth.jwts import JwtService
from ksef_mock.auth.ksef_tokens import KsefToken, KsefTokens, Permission
from ksef_mock.auth.operations import Operations
from ksef_mock.auth.token_login import TokenAuthenticator
from ksef_mock.clock import Clock
from ksef_mock.crypto.keys import KeyRing
from ksef_mock.identifiers import Identifier, is_context_identifier
from ksef_mock.journal import Journal
from ksef_mock.settings import Settings
from ksef_mock.state import MemoryStore, Store


class System:
    """Everything behind the HTTP interface. Used from one event loop."""

    def __init__(
        self, settings: Settings | None = None, store: Store | None = None, clock: Clock | None = None
    ) -> None:
        self.settings = settings = settings or Settings()
        self.clock = clock = clock or Clock()
        self.store = store = store if store is not None else MemoryStore(clock)
        self.journal = Journal(settings.journal_size)
        self.keys = KeyRing(clock, settings.token_key)
        self.jwts = JwtService(clock, settings.environment, settings.lifetimes)
        self.challenges = Challenges(store, clock, settings.lifetimes)
        self.tokens = KsefTokens(store, clock)
        self.operations = Operations(settings, clock, store, self.jwts, self.tokens)
        self.token_login = TokenAuthenticator(self.keys, self.challenges, self.tokens, self.operations)

    async def reset(self) -> None:
        """Back to the state of the start: nothing stored, no JWT valid, real time, the first keys."""
        await self.store.clear()
        self.jwts.renew_secret()
        self.keys.reset()
        self.clock.reset()
        self.journal.clear()

    async def issue_token(
        self,
        context: Identifier,
        permissions: Sequence[str] | None = None,
        *,
        author: Identifier | None = None,
        text: str | None = None,
    ) -> tuple[KsefToken, str]:
        """An active KSeF token of `context`, with all permissions unless told otherwise.

        Raises:
            ValueError: the context identifier or a permission is not one of KSeF's, or `text` is taken.
        """
        if not is_context_identifier(context):
            raise ValueError(f"{context.value!r} is no valid context identifier of type {context.type!r}")
        try:
            granted = [Permission(name) for name in (Permission if permissions is None else permissions)]
        except ValueError as error:
            raise ValueError(f"{error}: one of {', '.join(Permission)}") from None
        return await self.tokens.issue(context, granted, author=author, text=text)
