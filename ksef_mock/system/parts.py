"""The parts of one simulated KSeF, put together."""

from __future__ import annotations

import asyncio
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ksef_mock.clock import Clock
from ksef_mock.core import heap
from ksef_mock.core.waiting import StoppedDelay
from ksef_mock.ksef.auth.challenge import Challenges
from ksef_mock.ksef.auth.jwts import JwtService, new_secret
from ksef_mock.ksef.auth.operations import Operations
from ksef_mock.ksef.limits.limits import Limits
from ksef_mock.ksef.limits.rate_limiter import RateLimiter
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.ksef.subjects.attachments import Attachments
from ksef_mock.ksef.subjects.subjects import Subjects
from ksef_mock.ksef.tokens.tokens import KsefTokens
from ksef_mock.settings import Settings
from ksef_mock.state import Store, open_store
from ksef_mock.state.shared import Shared, SharedState
from ksef_mock.trail.faults import Faults
from ksef_mock.trail.journal import Journal
from ksef_mock.trail.metrics import Metrics

if TYPE_CHECKING:
    from ksef_mock.crypto.pki import Pki
    from ksef_mock.ksef.auth.token_login import TokenAuthenticator
    from ksef_mock.ksef.auth.trust import TrustService
    from ksef_mock.ksef.auth.xades_login import XadesAuthenticator
    from ksef_mock.ksef.batch.batches import Batches
    from ksef_mock.ksef.certificates.certificates import Certificates
    from ksef_mock.ksef.certificates.revocations import Revocations
    from ksef_mock.ksef.collective.collective import CollectiveIdentifiers
    from ksef_mock.ksef.invoices.exports import Exports
    from ksef_mock.ksef.invoices.invoices import Invoices
    from ksef_mock.ksef.invoices.schemas import Schemas
    from ksef_mock.ksef.keys.keys import KeyRing
    from ksef_mock.ksef.peppol.providers import Providers
    from ksef_mock.ksef.sending.confirmations import Confirmations
    from ksef_mock.ksef.sending.outcomes import Outcomes
    from ksef_mock.ksef.sending.reception import Reception
    from ksef_mock.ksef.sending.rights import RightsService
    from ksef_mock.ksef.sending.sessions import Sessions
    from ksef_mock.ksef.sending.storage import Storage
    from ksef_mock.system.controls import Controls
    from ksef_mock.system.lighthouse import Lighthouse

T = TypeVar("T")


def _journal(size: int, store: Store) -> Journal:
    if store.is_local:
        return Journal(size)
    # Imported here: what hides secrets is not needed in memory.
    from ksef_mock.trail.stored_journal import StoredJournal

    return StoredJournal(size, store)


class _late(cached_property[T]):  # noqa: N801  # a decorator
    """A part that is made at the first need, once, whichever thread needs it."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> T:  # type: ignore[override]
        with instance._making:
            made: T = super().__get__(instance, owner)
            if instance.stays:
                heap.grown()
            return made


class Parts:
    """What a `System` consists of. Used from one event loop."""

    #: Whether it lives as long as the process that serves it.
    stays = True

    def __init__(
        self, settings: Settings | None = None, store: Store | None = None, clock: Clock | None = None
    ) -> None:
        """`store`: instead of the one that the settings name.

        Raises:
            ValueError: the settings name a store that cannot be used, a CA file that is none, or a folder
                without schemas of invoices.
            OSError: the store's file cannot be opened or made.
        """
        self._making = threading.RLock()
        self.settings = settings = settings or Settings()
        self.clock = clock = clock or Clock()
        self.store = store = store if store is not None else open_store(settings.store, clock)
        self.journal = _journal(settings.journal_size, store)
        #: Set when the server stops: whatever waits for news must not keep it waiting.
        self.closing = asyncio.Event()
        self.shared = shared = SharedState(
            store,
            Shared(secret=new_secret(), token_key=settings.token_key, first_token_key=settings.token_key),
        )
        self.metrics = Metrics()
        self.faults = Faults(store, shared, self.metrics)
        # What keys are certified by, whenever they are made; see `KeyRing.begin`.
        self._started_at = clock.now()
        self.jwts = JwtService(clock, settings.environment, settings.lifetimes, shared.value.secret)
        self.challenges = Challenges(store, clock, settings.lifetimes)
        # A planned stop of processing lengthens whatever waits.
        self.delay = delay = StoppedDelay(
            settings.delay.polls,
            settings.delay.seconds,
            settings.delay.percentiles,
            stop=lambda: shared.value.stop,
        )
        self.tokens = KsefTokens(store, clock, delay)
        self.subjects = Subjects(store, clock)
        self.permissions = Permissions(store, clock, self.subjects, delay)
        self.attachments = Attachments(store, clock)
        self.limits = Limits(store, settings.rate_limits)
        self.rate_limiter = RateLimiter(store)
        self.operations = Operations(
            settings.lifetimes, delay, clock, store, self.jwts, self.tokens, self.permissions
        )
        if settings.trusted_cas:
            self.trust  # noqa: B018  # a file that is none must not wait for the first login
        if settings.schemas is not None:
            self.schemas  # noqa: B018  # nor a folder without schemas for the first invoice

    # What a first challenge does without is made, and its modules imported, at the first need.

    @_late
    def keys(self) -> KeyRing:
        from ksef_mock.ksef.keys.keys import KeyRing

        return KeyRing(self.clock, self.shared, self._started_at)

    @_late
    def token_login(self) -> TokenAuthenticator:
        from ksef_mock.ksef.auth.token_login import TokenAuthenticator

        return TokenAuthenticator(
            self.store,
            self.keys,
            self.challenges,
            self.tokens,
            self.permissions,
            self.operations,
            self.faults,
        )

    @_late
    def lighthouse(self) -> Lighthouse:
        from ksef_mock.system.lighthouse import Lighthouse

        return Lighthouse(self.shared, self.clock)

    @_late
    def controls(self) -> Controls:
        """The one way to change what all processes of the mock share."""
        from ksef_mock.system.controls import Controls

        return Controls(self.shared, self.keys, self._clear)

    @_late
    def pki(self) -> Pki:
        from ksef_mock.crypto.pki import Pki

        return Pki(self.clock, self.shared)

    @_late
    def revocations(self) -> Revocations:
        from ksef_mock.ksef.certificates.revocations import Revocations

        return Revocations(self.store, self.clock)

    @_late
    def certificates(self) -> Certificates:
        from ksef_mock.ksef.certificates.certificates import Certificates

        return Certificates(self.store, self.clock, self.pki, self.revocations, self.limits, self.delay)

    @_late
    def invoices(self) -> Invoices:
        from ksef_mock.ksef.invoices.invoices import Invoices

        return Invoices(self.store, clock=self.clock)

    @_late
    def collective_identifiers(self) -> CollectiveIdentifiers:
        from ksef_mock.ksef.collective.collective import CollectiveIdentifiers

        return CollectiveIdentifiers(self.store, self.clock, self.invoices)

    @_late
    def exports(self) -> Exports:
        from ksef_mock.ksef.invoices.exports import Exports

        return Exports(self.store, self.clock, self.invoices, self.delay, self.settings.exports, self.faults)

    @_late
    def storage(self) -> Storage:
        from ksef_mock.ksef.sending.storage import Storage

        return Storage(self.shared.value.secret)

    @_late
    def sessions(self) -> Sessions:
        from ksef_mock.ksef.sending.sessions import Sessions

        sessions = Sessions(self.store, self.clock, self.delay)
        sessions.on_processing = lambda reference: self.batches.processing.start(reference)
        return sessions

    @_late
    def confirmations(self) -> Confirmations:
        from ksef_mock.ksef.sending.confirmations import Confirmations

        return Confirmations(
            self.store, self.clock, self.sessions, self.storage, self.settings.profile, self.pki.ministry
        )

    async def _request_digest(self, login: str) -> bytes | None:
        operation = await self.operations.find(login)
        return None if operation is None else operation.request_digest

    @_late
    def outcomes(self) -> Outcomes:
        from ksef_mock.ksef.sending.outcomes import Outcomes

        return Outcomes(self.invoices, self.settings.storage_delay)

    @_late
    def schemas(self) -> Schemas:
        from ksef_mock.ksef.invoices.schemas import Schemas

        return Schemas(self.settings.schemas)

    @_late
    def rights(self) -> RightsService:
        from ksef_mock.ksef.sending.rights import RightsService

        return RightsService(self.permissions, self.subjects, self.attachments, self.clock)

    @_late
    def reception(self) -> Reception:
        from ksef_mock.ksef.sending.reception import Reception

        return Reception(
            self.settings.environment,
            self.keys,
            self._request_digest,
            self.limits,
            self.rights,
            self.sessions,
            self.invoices,
            self.outcomes,
            self.schemas,
            self.faults,
        )

    @_late
    def batches(self) -> Batches:
        from ksef_mock.ksef.batch.batches import Batches
        from ksef_mock.ksef.batch.crew import Crew
        from ksef_mock.ksef.batch.processing import Processing

        # Of what a deliberate defect does to this process another knows nothing.
        crew = Crew(0 if self.settings.defects else self.settings.batch_processes)
        processing = Processing(
            self.store, self.clock, self.sessions, self.outcomes, self.reception.rules, crew
        )
        return Batches(
            self.store,
            self.clock,
            self.delay,
            self.limits,
            self.rights,
            self.sessions,
            self.storage,
            processing,
            self.faults,
        )

    @_late
    def providers(self) -> Providers:
        from ksef_mock.ksef.peppol.providers import Providers

        return Providers(self.store)

    @_late
    def trust(self) -> TrustService:
        from ksef_mock.crypto.chain import load_anchors
        from ksef_mock.ksef.auth.trust import TrustPolicy, TrustService

        environment = self.settings.environment
        return TrustService(
            self.pki,
            self.revocations,
            TrustPolicy(environment.requires_chain, environment.certificate_status_delay),
            load_anchors(self.settings.trusted_cas),
        )

    @_late
    def xades_login(self) -> XadesAuthenticator:
        from ksef_mock.ksef.auth.xades_login import XadesAuthenticator

        return XadesAuthenticator(
            self.clock,
            self.settings.environment,
            self.challenges,
            self.trust,
            self.permissions,
            self.certificates,
            self.operations,
            self.providers,
            self.faults,
        )

    async def _clear(self) -> None:
        await self.store.clear()
        self.journal.clear()
