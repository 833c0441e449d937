"""The parts of one simulated KSeF, put together."""

from __future__ import annotations

import asyncio

from ksef_mock.clock import Clock
from ksef_mock.crypto.chain import load_anchors
from ksef_mock.crypto.pki import Pki
from ksef_mock.ksef.auth.challenge import Challenges
from ksef_mock.ksef.auth.jwts import JwtService, new_secret
from ksef_mock.ksef.auth.operations import Operations
from ksef_mock.ksef.auth.token_login import TokenAuthenticator
from ksef_mock.ksef.auth.trust import TrustPolicy, TrustService
from ksef_mock.ksef.auth.xades_login import XadesAuthenticator
from ksef_mock.ksef.certificates.certificates import Certificates
from ksef_mock.ksef.certificates.revocations import Revocations
from ksef_mock.ksef.invoices.invoices import Invoices
from ksef_mock.ksef.keys.keys import KeyRing
from ksef_mock.ksef.limits.limits import Limits
from ksef_mock.ksef.limits.rate_limiter import RateLimiter
from ksef_mock.ksef.peppol.providers import Providers
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.ksef.subjects.attachments import Attachments
from ksef_mock.ksef.subjects.subjects import Subjects
from ksef_mock.ksef.tokens.tokens import KsefTokens
from ksef_mock.settings import Settings
from ksef_mock.state import Store, open_store
from ksef_mock.state.shared import Shared, SharedState
from ksef_mock.system.controls import Controls
from ksef_mock.trail.faults import Faults
from ksef_mock.trail.journal import Journal, StoredJournal
from ksef_mock.trail.metrics import Metrics


class Parts:
    """What a `System` consists of. Used from one event loop."""

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
        self.operations = Operations(
            settings.lifetimes, settings.delay, clock, store, self.jwts, self.tokens, self.permissions
        )
        self.token_login = TokenAuthenticator(
            store, self.keys, self.challenges, self.tokens, self.permissions, self.operations, self.faults
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
            self.providers,
            self.faults,
        )
        #: The one way to change what all processes of the mock share.
        self.controls = Controls(shared, self.keys, self._clear)

    async def _clear(self) -> None:
        await self.store.clear()
        self.journal.clear()
