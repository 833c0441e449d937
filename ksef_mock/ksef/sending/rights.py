"""For whom a caller may send invoices: what permissions, roles and consents give the context."""

from __future__ import annotations

from collections import defaultdict

from ksef_mock.clock import Clock
from ksef_mock.core.permissions import Permission
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices.rules import Rights
from ksef_mock.ksef.permissions.grants import GrantKind
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.ksef.subjects.attachments import Attachments
from ksef_mock.ksef.subjects.subjects import Subjects


class RightsService:
    """Asks everybody who knows."""

    def __init__(
        self, permissions: Permissions, subjects: Subjects, attachments: Attachments, clock: Clock
    ) -> None:
        self._permissions = permissions
        self._subjects = subjects
        self._attachments = attachments
        self._clock = clock

    async def of(self, actor: Actor, *, asks_consents: bool = True) -> Rights:
        """The rights of the actor's context at the moment, for `verification.verify`.

        Args:
            asks_consents: whether consents to attachments are asked for: most interactive invoices need none.
        """
        context = actor.context
        given: defaultdict[str, set[str]] = defaultdict(set)
        for grant in await self._permissions.held(context):
            if grant.kind is GrantKind.AUTHORIZATION and grant.origin.nip is not None:
                given[grant.origin.nip].add(grant.permission)
        relatives = await self._relatives(context.nip)
        consents = None
        if asks_consents:
            sellers = {*given, *relatives} | ({context.nip} if context.nip else set())
            consents = frozenset([nip for nip in sellers if await self._has_consented(nip)])
        return Rights(
            context=context,
            authorizations={nip: frozenset(permissions) for nip, permissions in given.items()},
            relatives=relatives,
            enforces=actor.holds(Permission.ENFORCEMENT_OPERATIONS),
            consents=consents,
        )

    async def _relatives(self, nip: str | None) -> frozenset[str]:
        """NIPs of the organisation's units and of the one that it is a unit of."""
        subject = None if nip is None else await self._subjects.subject(nip)
        if subject is None:
            return frozenset()
        return frozenset((*subject.subunits, subject.parent or "")) - {""}

    async def _has_consented(self, nip: str) -> bool:
        consent = await self._attachments.consent(nip)
        return consent is not None and consent.holds(self._clock.now())
