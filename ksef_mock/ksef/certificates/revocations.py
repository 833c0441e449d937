"""The revocation registry: what OCSP and CRLs of all issuers would say of a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.crypto.authority import fingerprint_of
from ksef_mock.crypto.certificate import Fingerprinted
from ksef_mock.state.store import Store, Table, Write
from ksef_mock.state.update import placed, put


class Withdrawal(StrEnum):
    """Why a certificate does not count although it has not expired."""

    REVOKED = "revoked"
    SUSPENDED = "suspended"


class WithdrawnCertificate(msgspec.Struct, frozen=True):
    """An entry of the registry."""

    status: Withdrawal
    at: Instant


class ShortenedValidity(msgspec.Struct, frozen=True):
    """That a certificate expires earlier than it says (PUT /testdata/certificates)."""

    valid_to: Instant


SHORTENED: Table[ShortenedValidity] = Table("shortened-validity", ShortenedValidity)
WITHDRAWN: Table[WithdrawnCertificate] = Table("withdrawn-certificate", WithdrawnCertificate)


class Revocations:
    """The registry of one mock, kept by certificate (its fingerprint), so issuers cannot be confused."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def revoke(self, certificate: Fingerprinted) -> None:
        """For good: a revoked certificate cannot be reinstated."""
        await self.revoke_by(fingerprint_of(certificate))

    async def suspend(self, certificate: Fingerprinted) -> None:
        """Until `reinstate`; nothing changes for a certificate that is revoked."""
        await self.suspend_by(fingerprint_of(certificate))

    async def revocation(self, certificate: Fingerprinted) -> Sequence[Write]:
        """The writes that revoke the certificate, for a commit that may have more to write."""
        key = fingerprint_of(certificate)
        entry = WithdrawnCertificate(Withdrawal.REVOKED, self._clock.now())
        known = await self._store.get(WITHDRAWN, key)
        if known is not None and known.status is Withdrawal.REVOKED:
            return ()
        return (placed(WITHDRAWN, key, known, entry, None),)

    async def shortening(self, certificate: Fingerprinted, valid_to: Instant) -> Write:
        """The write that lets the certificate expire at `valid_to`, for a commit that has more to write."""
        key = fingerprint_of(certificate)
        known = await self._store.get(SHORTENED, key)
        return placed(SHORTENED, key, known, ShortenedValidity(valid_to), None)

    async def expires_at(self, certificate: Fingerprinted) -> Instant | None:
        """When the certificate expires, if that was changed."""
        shortened = await self._store.get(SHORTENED, fingerprint_of(certificate))
        return None if shortened is None else shortened.valid_to

    async def reinstate(self, certificate: Fingerprinted) -> bool:
        """End a suspension; False if the certificate is not suspended."""
        return await self.reinstate_by(fingerprint_of(certificate))

    async def entry(self, certificate: Fingerprinted) -> WithdrawnCertificate | None:
        """The certificate's entry; None if nothing is held against it."""
        return await self.entry_of(fingerprint_of(certificate))

    async def revoke_by(self, fingerprint: str) -> None:
        """`revoke` for a certificate of which only the fingerprint is known."""
        await self._withdraw(fingerprint, Withdrawal.REVOKED)

    async def suspend_by(self, fingerprint: str) -> None:
        """`suspend` for a certificate of which only the fingerprint is known."""
        await self._withdraw(fingerprint, Withdrawal.SUSPENDED)

    async def reinstate_by(self, fingerprint: str) -> bool:
        """`reinstate` for a certificate of which only the fingerprint is known."""
        entry = await self.entry_of(fingerprint)
        if entry is None or entry.status is Withdrawal.REVOKED:
            return False
        return await self._store.delete(WITHDRAWN, fingerprint)

    async def entry_of(self, fingerprint: str) -> WithdrawnCertificate | None:
        """`entry` for a certificate of which only the fingerprint is known."""
        return await self._store.get(WITHDRAWN, fingerprint)

    async def _withdraw(self, key: str, status: Withdrawal) -> None:
        entry = WithdrawnCertificate(status, self._clock.now())
        await put(
            self._store,
            WITHDRAWN,
            key,
            lambda known: (
                entry if known is None or known.status not in (status, Withdrawal.REVOKED) else known
            ),
        )
