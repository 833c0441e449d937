"""Who may send invoices with attachments, as /testdata/attachment has arranged it."""

from __future__ import annotations

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.state.store import Store, Table
from ksef_mock.state.update import put


class AttachmentConsent(msgspec.Struct, frozen=True, gc=False):
    """The consent of one NIP; `ends_at` is None as long as nobody has ended it."""

    ends_at: Instant | None = None

    def holds(self, now: Instant) -> bool:
        """Whether attachments are allowed at the moment `now`."""
        return self.ends_at is None or now < self.ends_at


CONSENTS: Table[AttachmentConsent] = Table("attachment-consent", AttachmentConsent)


class Attachments:
    """The consents of one mock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def allow(self, nip: str) -> None:
        """From now on, until revoked."""
        await self._put(nip, AttachmentConsent())

    async def revoke(self, nip: str, ends_at: Instant | None) -> None:
        """End a consent, now unless a moment is given; nothing happens where there is none."""
        if await self.consent(nip) is not None:
            await self._put(nip, AttachmentConsent(self._clock.now() if ends_at is None else ends_at))

    async def consent(self, nip: str) -> AttachmentConsent | None:
        """The consent of this NIP, ended or not; None if there has never been one."""
        return await self._store.get(CONSENTS, nip)

    async def _put(self, nip: str, consent: AttachmentConsent) -> None:
        await put(self._store, CONSENTS, nip, lambda _: consent)
