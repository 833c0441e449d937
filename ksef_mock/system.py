"""One simulated KSeF: its settings, clock, state and keys. Nothing is shared between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from ksef_mock.auth.attachments import Attachments
from ksef_mock.auth.challenge import Challenges
from ksef_mock.auth.jwts import JwtService, new_secret
from ksef_mock.auth.ksef_tokens import KsefToken, KsefTokens, Permission
from ksef_mock.auth.operations import Operations
from ksef_mock.auth.permissions import Permissions
from ksef_mock.auth.revocations import Revocations
from ksef_mock.auth.subjects import Subjects
from ksef_mock.auth.token_login import TokenAuthenticator
from ksef_mock.auth.xades_login import XadesAuthenticator
from ksef_mock.certificates import Certificates
from ksef_mock.clock import Clock
from ksef_mock.controls import Controls
from ksef_mock.crypto.chain import load_anchors
from ksef_mock.crypto.keys import KeyRing
from ksef_mock.crypto.pki import Pki
from ksef_mock.faults import Faults
from ksef_mock.identifiers import Identifier, is_context_identifier
from ksef_mock.invoices import Invoices
from ksef_mock.journal import Journal, StoredJournal
from ksef_mock.limits import Limits
from ksef_mock.metrics import Metrics
from ksef_mock.peppol import Providers
from ksef_mock.rate_limits import RateLimiter
from ksef_mock.seed import plant
from ksef_mock.settings import Settings
from ksef_mock.shared import Shared, SharedState
from ksef_mock.state import Store, open_store
from ksef_mock.xades.trust import TrustPolicy, TrustService


class System:
    """Everything behind the HTTP interface. Used from one event loop."""

    def __init__(
        self, settings: Settings | None = None, store: Store | None = None, clock: Clock | None = None
    ) -> None:
        """`store`: instead of the one that the settings name.

        Raises:
            ValueError: the settings name a store that cannot be used, or a CA file that is none.
            OSError: the store's file cannot be opened or made.
        """
        self.settings = settings = settings or Settings()
        self.clock = clock = clock or Clock()
        self.store = store = store if store is not None else open_store(settings.store, clock)
        size = settings.journal_size
        self.journal = Journal(size) if store.is_local else StoredJournal(size, store)
        #: Set when the server stops: whatever waits for news must not keep it waiting.
        self.closing = asyncio.Event()
        self.shared = shared = SharedState(
            store,
            Shared(secret=new_secret(), token_key=settings.token_key, first_token_key=settings.token_key),
        )
        self.metrics = Metrics()
        self.faults = Faults(store, shared, self.metrics)
        self.keys = KeyRing(clock, shared)
        self.jwts = JwtService(clock, settings.environment, settings.lifetimes, shared.value.secret)
        self.challenges = Challenges(store, clock, settings.lifetimes)
        self.tokens = KsefTokens(store, clock, settings.delay)
        self.subjects = Subjects(store, clock)
        self.permissions = Permissions(store, clock, self.subjects, settings.delay)
        self.attachments = Attachments(store, clock)
        self.pki = Pki(clock, shared)
        self.revocations = Revocations(store, clock)
        self.limits = Limits(store, settings.rate_limits)
        self.certificates = Certificates(
            store, clock, self.pki, self.revocations, self.limits, settings.delay
        )
        self.rate_limiter = RateLimiter(store)
        self.invoices = Invoices(store)
        self.providers = Providers(store)
        self.operations = Operations(settings, clock, store, self.jwts, self.tokens, self.permissions)
        self.token_login = TokenAuthenticator(
            self.keys, self.challenges, self.tokens, self.permissions, self.operations, self.faults
        )
        environment = settings.environment
        self.trust = TrustService(
            self.pki,
            self.revocations,
            TrustPolicy(environment.requires_chain, environment.certificate_status_delay),
            load_anchors(settings.trusted_cas),
        )
        self.xades_login = XadesAuthenticator(
            clock,
            environment,
            self.challenges,
            self.trust,
            self.permissions,
            self.certificates,
            self.operations,
            self.faults,
        )
        #: The one way to change what all processes of the mock share.
        self.controls = Controls(shared, self.keys, self._clear)
        clock.share(
            lambda step: shared.change(
                lambda record: msgspec.structs.replace(record, clock=step(record.clock))
            )
        )
        shared.on_change(self._adopt)
        self._has_begun = False
        if store.is_local:
            self._begin()

    @property
    def warning(self) -> str | None:
        """`X-System-Warning` of every answer of the API."""
        return self.shared.value.warning

    async def catch_up(self) -> None:
        """See what other processes of the mock have changed; at the start of each request.

        Raises:
            StoreUnavailable: a remote store cannot be reached.
        """
        await self.shared.catch_up()
        if not self._has_begun:
            self._begin()

    async def close(self) -> None:
        """Let go of the store; what is in it stays there."""
        await self.store.close()

    async def plant_seed(self) -> None:
        """Set up what the settings' seed says, unless the store has it already.

        Raises:
            SeedError: two entries of the seed contradict each other.
        """
        if self.settings.seed is not None:
            await plant(self, self.settings.seed)

    async def reset(self) -> None:
        """Back to the state of the start: what the seed says, no JWT valid, real time, the first keys."""
        await self.controls.reset()
        await self.plant_seed()

    async def _clear(self) -> None:
        await self.store.clear()
        self.journal.clear()

    def _begin(self) -> None:
        self._has_begun = True
        self.keys.begin()

    def _adopt(self, record: Shared) -> None:
        self.clock.state = record.clock
        self.jwts.use_secret(record.secret)

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
