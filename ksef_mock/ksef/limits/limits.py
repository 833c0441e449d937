"""Limits as KSeF documents them, and what /testdata has set instead for a context or a subject.

Source: the examples of GET /limits/context, GET /limits/subject and GET /rate-limits, which agree with
`x-rate-limits` throughout.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.environment import RateLimiting
from ksef_mock.core.identifiers import Identifier
from ksef_mock.state.store import Store, Table
from ksef_mock.state.update import put

R = TypeVar("R", bound=msgspec.Struct)


class SessionLimits(
    msgspec.Struct,
    frozen=True,
    rename={
        "max_invoice_size": "maxInvoiceSizeInMB",
        "max_invoice_with_attachment_size": "maxInvoiceWithAttachmentSizeInMB",
        "max_invoices": "maxInvoices",
    },
):
    """Sizes in MB, and the number of invoices of one session."""

    max_invoice_size: int = 1
    max_invoice_with_attachment_size: int = 3
    max_invoices: int = 10_000


class CollectiveIdentifierLimits(msgspec.Struct, frozen=True, rename="camel"):
    """The number of invoices that one collective identifier may name."""

    max_invoices: int = 500


class ContextLimits(msgspec.Struct, frozen=True, rename="camel"):
    """OpenAPI: EffectiveContextLimits."""

    online_session: SessionLimits = SessionLimits()
    batch_session: SessionLimits = SessionLimits()
    collective_identifier: CollectiveIdentifierLimits = CollectiveIdentifierLimits()


class EnrollmentLimits(msgspec.Struct, frozen=True, rename="camel"):
    """How many certificates a subject may apply for; by default as a person may."""

    max_enrollments: int = 12


class CertificateLimits(msgspec.Struct, frozen=True, rename="camel"):
    """How many valid certificates a subject may have; by default as a person may."""

    max_certificates: int = 6


class SubjectLimits(msgspec.Struct, frozen=True, rename="camel"):
    """OpenAPI: EffectiveSubjectLimits."""

    enrollment: EnrollmentLimits = EnrollmentLimits()
    certificate: CertificateLimits = CertificateLimits()


#: OpenAPI: no limit in this window.
UNLIMITED = -1
#: The group of the operations that need no login (60/s by IP address); `-` in the tables of 429.
ANONYMOUS = "anonymous"


class Rate(msgspec.Struct, frozen=True, rename="camel"):
    """Requests in a sliding window of a second, a minute, an hour; `UNLIMITED`: as many as one likes."""

    per_second: int
    per_minute: int
    per_hour: int

    @property
    def windows(self) -> tuple[tuple[int, Instant], ...]:
        """(number of requests, length of the window) of each window that is limited."""
        return tuple(
            (most, length)
            for most, length in (
                (self.per_second, SECOND),
                (self.per_minute, 60 * SECOND),
                (self.per_hour, 3_600 * SECOND),
            )
            if most != UNLIMITED
        )


class RateLimits(msgspec.Struct, frozen=True, rename="camel"):
    """OpenAPI: EffectiveApiRateLimits."""

    online_session: Rate = Rate(10, 30, 120)
    online_session_close: Rate = Rate(20, 60, 240)
    batch_session: Rate = Rate(10, 20, 60)
    batch_session_close: Rate = Rate(20, 40, 120)
    invoice_send: Rate = Rate(10, 30, 180)
    invoice_status: Rate = Rate(30, 120, 1200)
    session_list: Rate = Rate(5, 10, 60)
    session_invoice_list: Rate = Rate(10, 20, 200)
    session_misc: Rate = Rate(10, 120, 1200)
    invoice_metadata: Rate = Rate(8, 16, 20)
    invoice_export: Rate = Rate(8, 16, 20)
    invoice_export_status: Rate = Rate(10, 60, 600)
    invoice_download: Rate = Rate(8, 16, 64)
    collective_identifier: Rate = Rate(20, 120, 240)
    other: Rate = Rate(10, 30, 120)
    anonymous: Rate = Rate(60, UNLIMITED, UNLIMITED)
    #: Announced for all operations of an address together (2.8.0). Not seen enforced, nor is it here.
    global_: Rate = msgspec.field(default=Rate(75, UNLIMITED, UNLIMITED), name="global")


CONTEXT_LIMITS = ContextLimits()
_OF_PERSONS = SubjectLimits()
#: limity.md: by NIP 300 requests and 100 active certificates, by PESEL and fingerprint 12 and 6.
_OF_ENTITIES = SubjectLimits(EnrollmentLimits(300), CertificateLimits(100))

#: The document gives one set of values, for TEST, and announces that production's can be set there too.
RATE_LIMITS = RateLimits()
PRODUCTION_RATE_LIMITS = RateLimits()

_CONTEXTS: Table[ContextLimits] = Table("context-limits", ContextLimits)
_SUBJECTS: Table[SubjectLimits] = Table("subject-limits", SubjectLimits)
_RATES: Table[RateLimits] = Table("rate-limits", RateLimits)


def default_limits(subject: Identifier) -> SubjectLimits:
    """The limits of a subject for which /testdata has set none."""
    return _OF_ENTITIES if subject.type == "Nip" else _OF_PERSONS


class Limits:
    """The limits in force."""

    def __init__(self, store: Store, limiting: RateLimiting) -> None:
        """`limiting`: which rate limits apply where /testdata has set none."""
        self._store = store
        self.enforced_everywhere = limiting != "off"
        self._rates = PRODUCTION_RATE_LIMITS if limiting == "production" else RATE_LIMITS

    async def of_context(self, context: Identifier) -> ContextLimits:
        return await self._store.get(_CONTEXTS, str(context)) or CONTEXT_LIMITS

    async def set_context(self, context: Identifier, limits: ContextLimits) -> None:
        await self._put(_CONTEXTS, str(context), limits)

    async def restore_context(self, context: Identifier) -> None:
        await self._store.delete(_CONTEXTS, str(context))

    async def of_subject(self, subject: Identifier) -> SubjectLimits:
        return await self._store.get(_SUBJECTS, str(subject)) or default_limits(subject)

    async def set_subject(self, subject: Identifier, limits: SubjectLimits) -> None:
        await self._put(_SUBJECTS, str(subject), limits)

    async def restore_subject(self, subject: Identifier) -> None:
        await self._store.delete(_SUBJECTS, str(subject))

    async def rates(self, context: Identifier) -> RateLimits:
        """The rate limits of a context, enforced or not."""
        return await self._store.get(_RATES, str(context)) or self._rates

    async def enforced_rates(self, context: Identifier | None) -> RateLimits | None:
        """The rate limits to enforce; None: none. Limits that were set for a context are always enforced.

        `context`: None for requests that prove no context.
        """
        found = None if context is None else await self._store.get(_RATES, str(context))
        return found or (self._rates if self.enforced_everywhere else None)

    async def set_rates(self, context: Identifier, rates: RateLimits) -> None:
        await self._put(_RATES, str(context), rates)

    async def restore_rates(self, context: Identifier) -> None:
        await self._store.delete(_RATES, str(context))

    async def _put(self, table: Table[R], key: str, record: R) -> None:
        await put(self._store, table, key, lambda _: record)
